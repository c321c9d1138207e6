"""The fuzz targets without a fuzzer: over their seeds, over inputs that once failed, and over bytes of no kind."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType

import pytest

from fuzz import config, engine, wire
from fuzz.choices import HEAD, Choices

KEPT = Path(__file__).parent / "kept"
TARGETS = [engine, wire, config]
SEEDS = 60


def short(target: ModuleType) -> str:
    return target.__name__.rpartition(".")[2]


@pytest.mark.parametrize("target", TARGETS, ids=short)
def test_seeds_hold_what_is_promised(target: ModuleType) -> None:
    seeds = [seed for seed in target.seeds() if len(seed) < 2000]
    for seed in random.Random(1).sample(seeds, min(SEEDS, len(seeds))):
        target.run(seed)


@pytest.mark.parametrize("target", TARGETS, ids=short)
def test_damaged_seeds_do_too(target: ModuleType) -> None:
    """A few steps of what the fuzzer does for hours: bytes changed, words put in, two seeds joined."""
    rng = random.Random(2)
    seeds = [seed for seed in target.seeds() if len(seed) < 1000]
    words = list(target.words())
    for _ in range(SEEDS):
        seed = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(seed) + 1)
            seed[at : at + rng.randint(0, 3)] = rng.choice(
                [rng.randbytes(1), rng.choice(words), rng.choice(seeds)[HEAD:]]
            )
        target.run(bytes(seed))


@pytest.mark.parametrize("path", sorted(KEPT.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_failed(path: Path) -> None:
    target = next(target for target in TARGETS if short(target) == path.parent.name)
    target.run(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS, ids=short)
def test_a_target_needs_no_bytes(target: ModuleType) -> None:
    target.run(b"")


@pytest.mark.parametrize("target", TARGETS, ids=short)
def test_words_are_bytes_with_something_in_them(target: ModuleType) -> None:
    assert all(isinstance(word, bytes) and word for word in target.words())


def test_choices_are_the_same_for_the_same_bytes() -> None:
    first, second = (Choices(bytes(range(HEAD)) + b"payload") for _ in range(2))
    assert first.rest == b"payload"
    assert [first.byte(), first.pick("ab"), first.pieces(b"x" * 50)] == [
        second.byte(),
        second.pick("ab"),
        second.pieces(b"x" * 50),
    ]
    assert b"".join(Choices(b"").pieces(b"some bytes")) == b"some bytes"


def test_a_broken_promise_is_an_assertion_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge can say no: text that is changed on its way is noticed."""
    seed = bytes(HEAD) + b"plain words"
    engine.run(seed)
    monkeypatch.setattr(engine, "joined", lambda events: list(events)[1:])
    with pytest.raises(AssertionError):
        engine.run(seed)
