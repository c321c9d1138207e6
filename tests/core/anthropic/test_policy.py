"""The policy against the request types of the official SDK: every field that it can send has its row."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import pytest
import typing_extensions
from anthropic.types import message_count_tokens_params as count_params
from anthropic.types import message_create_params as params
from anthropic.types.beta import message_count_tokens_params as beta_count_params
from anthropic.types.beta import message_create_params as beta_params

from bridge.core.anthropic import policy
from bridge.core.anthropic.policy import BLOCKS, TABLES
from bridge.core.fields import Table

REQUESTS: list[Any] = [
    params.MessageCreateParamsNonStreaming,
    params.MessageCreateParamsStreaming,
    count_params.MessageCountTokensParams,
    beta_params.MessageCreateParamsNonStreaming,
    beta_params.MessageCreateParamsStreaming,
    beta_count_params.MessageCountTokensParams,
]

WHOLE = {"tools.*.input_schema", "tools.*.input_examples"}
"""Objects that are taken over as they are."""

_WRAPPERS = (typing_extensions.Required, typing.Required, typing.Annotated)
_LITERALS = (Literal, typing_extensions.Literal)


def bare(hint: Any) -> Any:
    while get_origin(hint) in _WRAPPERS:
        hint = get_args(hint)[0]
    return hint


def objects(hint: Any) -> Iterator[Any]:
    """The TypedDicts of which values of this type are made."""
    hint = bare(hint)
    if typing_extensions.is_typeddict(hint):
        yield hint
    elif get_origin(hint) not in _LITERALS:
        for inner in get_args(hint):
            yield from objects(inner)


def fields(kind: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(kind, include_extras=True)


def types_of(kind: Any) -> list[str]:
    """The words that the ``type`` of an object may be."""
    hint = bare(fields(kind).get("type"))
    options = get_args(hint) if get_origin(hint) not in _LITERALS else (hint,)
    return [word for one in options for word in get_args(bare(one)) if isinstance(word, str)]


class Walk:
    """Goes through all that a request may hold; ``missing`` are the fields and types that no table knows."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.seen: set[str] = set()
        self._been: set[tuple[Any, str]] = set()

    def table(self, kind: Any, table: Table, path: str) -> None:
        if (kind, path) in self._been:
            return
        self._been.add((kind, path))
        for key, hint in fields(kind).items():
            row = table.rows.get(key)
            self.seen.add(f"{path}.{key}")
            if row is None:
                self.missing.add(f"{path}.{key}")
            elif row.action in ("mapped", "declared"):
                for inner in objects(hint):
                    self.inner(inner, f"{path}.{key}".lstrip("."), key)

    def inner(self, kind: Any, path: str, key: str) -> None:
        types = types_of(kind)
        if path in WHOLE:
            return
        if path == "tools" or path.endswith(".tools"):
            for name in types or ["custom"]:
                self.tool(kind, name)
        elif path == "messages":
            self.table(kind, TABLES["messages.*"], "messages.*")
        elif key in ("content", "system") and "source" not in path:
            for name in types:
                self.block(kind, name)
        elif key == "source":
            self.source(kind, path, *types)
        elif key == "citations":
            self.table(kind, policy.CITATIONS, "citations")
        elif path in TABLES:
            self.table(kind, TABLES[path], path)
            if path == "thinking":
                self.missing |= {f"{path} {name}" for name in types if name not in policy.THINKING_TYPES}
        else:
            self.missing.add(f"{path}: {kind.__name__}")

    def tool(self, kind: Any, name: str) -> None:
        named = name in policy.TOOL_TYPES or any(
            known.endswith("*") and name.startswith(known[:-1]) for known in policy.TOOL_TYPES
        )
        self.seen.add(f"tool {name}")
        if not named:
            self.missing.add(f"tool {name}")
        elif policy.tool_type(name).action in ("mapped", "function"):
            self.table(kind, TABLES["tools.*"], "tools.*")

    def block(self, kind: Any, name: str) -> None:
        self.seen.add(f"block {name}")
        block = BLOCKS.get(name)
        if block is None:
            self.missing.add(f"block {name}")
        elif block.row.action == "refused" or (name.endswith("_tool_result") and name != "tool_result"):
            # What servers gave is rendered whole.
            self.missing |= {f"block {name}.{key}" for key in fields(kind) if key not in block.fields.rows}
        else:
            self.table(kind, block.fields, f"block {name}")

    def source(self, kind: Any, path: str, name: str) -> None:
        known: Mapping[str, object] = policy.IMAGE_SOURCES if "image" in path else policy.DOCUMENT_SOURCES
        if name not in known:
            self.missing.add(f"{path} {name}")
        for key, hint in fields(kind).items():
            if key not in policy.SOURCE.rows:
                self.missing.add(f"{path} {name}.{key}")
            for inner in objects(hint):
                for type_ in types_of(inner):
                    self.block(inner, type_)


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda kind: f"{kind.__module__.split('.')[-2]}.{kind.__name__}")
def test_every_field_of_the_sdk_has_a_row(request_type: Any) -> None:
    walk = Walk()
    walk.table(request_type, TABLES[""], "")
    assert walk.missing == set()


def test_the_walk_sees_the_whole_request() -> None:
    """So that the test above cannot pass by looking at nothing."""
    walk = Walk()
    for request_type in REQUESTS:
        walk.table(request_type, TABLES[""], "")
    assert walk.seen >= {
        ".max_tokens",
        ".safeguards" if ".safeguards" in walk.seen else ".diagnostics",
        "output_config.task_budget",
        "output_config.format.schema",
        "metadata.user_id",
        "thinking.budget_tokens",
        "tool_choice.disable_parallel_tool_use",
        "tools.*.defer_loading",
        "tools.*.max_characters",
        "tool web_search_20250305",
        "tool mcp_toolset",
        "block tool_reference",
        "block document.citations",
        "block tool_use.caller",
        "citations.enabled",
        "messages.*.clear_at",
    }
    assert {f"block {kind}" for kind in BLOCKS} - walk.seen == set()
    exact = {f"tool {kind}" for kind in policy.TOOL_TYPES if not kind.endswith("*")}
    assert exact - walk.seen == {"tool custom"} - walk.seen


def test_a_field_without_a_row_is_found() -> None:
    class Request(typing_extensions.TypedDict):
        model: str
        colour: str

    walk = Walk()
    walk.table(Request, TABLES[""], "")
    assert walk.missing == {".colour"}


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("custom", "mapped"),
        ("bash_20250124", "function"),
        ("bash_20990101", "server"),
        ("web_search_20250305", "server"),
        ("tool_search_tool_bm25", "search"),
        ("tool_search_tool_regex_20251119", "search"),
        ("web_search_*", "server"),
        ("", "server"),
        ("never_heard_of", "server"),
    ],
)
def test_tool_types(kind: str, action: str) -> None:
    assert policy.tool_type(kind).action == action


def test_what_is_refused_says_why() -> None:
    rows = [row for table in TABLES.values() for row in table.rows.values()]
    rows += [block.row for block in BLOCKS.values()]
    rows += [*policy.IMAGE_SOURCES.values(), *policy.DOCUMENT_SOURCES.values()]
    assert all(row.note for row in rows if row.action == "refused")
    assert all(row.action in policy.ACTIONS for row in rows)
