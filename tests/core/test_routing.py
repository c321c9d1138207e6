"""Which route answers: exact id, then the glob with more literal characters."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.route import Route, UpstreamRef
from bridge.core.routing import Candidate, Router, globs_overlap, is_glob, literal_count

UPSTREAM = UpstreamRef("u")


def router(*patterns: str | tuple[str, ...]) -> Router:
    """One route per item: its key, or its key and what else it matches."""
    named = [(item,) if isinstance(item, str) else item for item in patterns]
    return Router(Route(key, UPSTREAM, f"model of {key}", match=match) for key, *match in named)


@pytest.mark.parametrize(
    ("model", "key", "reason"),
    [
        ("coder", "coder", "`coder` is the id of model `coder`"),
        ("sonnet", "coder", "`sonnet` is an id in `match` of model `coder`"),
        (
            "claude-sonnet-4",
            "coder",
            "`claude-sonnet-4` matches `claude-sonnet-*` of model `coder`, "
            "which has more literal characters than `claude-*`",
        ),
        (
            "claude-opus",
            "claude-*",
            "`claude-opus` matches `claude-*` of model `claude-*`, which has more literal characters than `*`",
        ),
        ("Coder", "*", "`Coder` matches `*` of model `*`"),
    ],
)
def test_decisions(model: str, key: str, reason: str) -> None:
    decision = router("*", ("coder", "sonnet", "claude-sonnet-*"), "claude-*").decide(model)
    assert decision.route is not None
    assert (decision.route.key, decision.reason) == (key, reason)


def test_the_order_of_routes_does_not_matter() -> None:
    keys = ["*", "a*", "ab*", "*b", "a?c"]
    for model in ("abc", "ab", "b", "xb", "a"):
        assert router(*keys).decide(model) == router(*keys[::-1]).decide(model)


def test_no_route() -> None:
    decision = router("a").decide("b")
    assert decision.route is None
    assert decision.reason == 'no model matches `b`; [models."*"] would take every id'
    assert decision.candidates == ()


def test_candidates_are_best_first() -> None:
    assert router("*", "ab", "a*").decide("ab").candidates == (
        Candidate("ab", "ab"),
        Candidate("a*", "a*"),
        Candidate("*", "*"),
    )


def test_a_route_without_a_model_asks_for_what_the_client_asked() -> None:
    decision = Router([Route("claude-*", UPSTREAM, "")]).decide("claude-x")
    assert decision.route == Route("claude-*", UPSTREAM, "claude-x")


def test_a_decision_is_made_once() -> None:
    routes = router("*")
    assert routes.decide("x") is routes.decide("x")


def test_a_huge_id_is_neither_kept_nor_repeated() -> None:
    routes = router("a")
    huge = "b" * 1_000_000
    assert routes.decide(huge) is not routes.decide(huge)
    assert len(routes.decide(huge).reason) < 400


@pytest.mark.parametrize(
    ("pattern", "count"), [("*", 0), ("claude-*", 7), ("a?c", 2), ("qwen3.[5-9]*", 6), ("a[]]b", 2), ("a[", 2)]
)
def test_literal_characters(pattern: str, count: int) -> None:
    assert literal_count(pattern) == count


def test_what_is_a_glob() -> None:
    assert [is_glob(text) for text in ("a", "a*", "a?", "a[b]", "qwen3:8b")] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("claude-*", "*-sonnet", True),
        ("claude-*", "gpt-*", False),
        ("a*b", "a*c", False),
        ("a?", "?b", True),
        ("a?", "a", False),
        ("*a*", "*b*", True),
        ("[ab]c", "?d", False),
    ],
)
def test_overlap(one: str, other: str, overlap: bool) -> None:
    assert globs_overlap(one, other) is overlap
    assert globs_overlap(other, one) is overlap


small = st.text(alphabet="ab", max_size=5)
globs = st.text(alphabet="ab*?", max_size=5)


@given(globs, globs, st.lists(small, max_size=30))
def test_globs_that_match_the_same_id_overlap(one: str, other: str, ids: list[str]) -> None:
    if any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in ids):
        assert globs_overlap(one, other)


@given(st.lists(globs, unique=True, min_size=1, max_size=5), small)
def test_the_router_agrees_with_the_rule(patterns: list[str], model: str) -> None:
    decision = router(*patterns).decide(model)
    matching = [glob for glob in patterns if fnmatchcase(model, glob)]
    assert {item.pattern for item in decision.candidates} == set(matching)
    if decision.route:
        exact = model in patterns and not is_glob(model)
        best = max(len(glob.replace("*", "").replace("?", "")) for glob in matching)
        key = decision.route.key
        assert key == model if exact else len(key.replace("*", "").replace("?", "")) == best
