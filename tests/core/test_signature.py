"""Signatures: what was signed is recognised, anything else is not, whoever wrote it."""

from __future__ import annotations

import string
import time
import zlib
from base64 import urlsafe_b64encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.signature import PREFIX, Signer, derived_key

LIMIT = 1 << 20
SIGNER = Signer(b"key", "qwen3")
ALPHABET = string.ascii_letters + string.digits + "-_"
texts = st.text(max_size=60) | st.sampled_from(["\ud800", "é" * 500, " \n", "\0"])


@given(texts, st.text(max_size=20), st.binary(max_size=64), st.booleans())
def test_what_was_signed_is_read(text: str, model: str, key: bytes, carried: bool) -> None:
    signature = Signer(key, model).sign(text, carried=carried)
    assert signature.startswith(PREFIX)
    assert Signer(key, model).read("" if carried else text, signature, LIMIT) == text


@given(texts, st.data(), st.booleans())
def test_every_split_gives_the_same_signature(text: str, data: st.DataObject, carried: bool) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    seal = SIGNER.begin(carried=carried)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        seal.add(text[start:end])
    assert seal.close() == SIGNER.sign(text, carried=carried)


@given(texts, texts)
def test_another_text_fails(text: str, other: str) -> None:
    if text != other:
        assert SIGNER.read(other, SIGNER.sign(text), LIMIT) is None
    if other:
        assert SIGNER.read(other, SIGNER.sign(text, carried=True), LIMIT) is None


@given(texts, st.booleans(), st.text(max_size=8), st.binary(max_size=8))
def test_another_model_or_key_fails(text: str, carried: bool, model: str, key: bytes) -> None:
    signature = SIGNER.sign(text, carried=carried)
    shown = "" if carried else text
    if model != "qwen3":
        assert Signer(b"key", model).read(shown, signature, LIMIT) is None
    if key != b"key":
        assert Signer(key, "qwen3").read(shown, signature, LIMIT) is None


@pytest.mark.parametrize("carried", [True, False])
def test_any_change_of_the_signature_fails(carried: bool) -> None:
    """Every character replaced, left out, doubled; and whatever base64 readers overlook."""
    signature = SIGNER.sign("I think so", carried=carried)
    shown = "" if carried else "I think so"
    changed = {signature + "=", signature + "==", signature + "\n", " " + signature, signature.upper(), ""}
    for at in range(len(signature)):
        before, after = signature[:at], signature[at + 1 :]
        changed |= {before + char + after for char in (*ALPHABET, "", "é", "+", "/", signature[at] * 2)}
    changed.discard(signature)
    assert [other for other in changed if SIGNER.read(shown, other, LIMIT) is not None] == []
    assert SIGNER.read(shown, signature, LIMIT) == "I think so"


@pytest.mark.parametrize(
    "foreign",
    ["", "dG9vbGJyaWRnZQ==", "ErUBCkYIBRgCIkD", "tb1.", "tb1.AA", "tb2." + SIGNER.sign("x")[4:], "tb1.\ud800"],
)
def test_foreign_signatures(foreign: str) -> None:
    assert SIGNER.read("x", foreign, LIMIT) is None
    assert SIGNER.read("", foreign, LIMIT) is None


def test_a_shown_text_is_not_taken_for_a_carried_one() -> None:
    """Nobody turns one kind into the other by cutting or adding."""
    shown, carried = SIGNER.sign(""), SIGNER.sign("", carried=True)
    assert carried[4:20] != shown[4:20]
    assert SIGNER.read("", carried[: len(shown)], LIMIT) is None


def signed_bomb(packed: bytes) -> str:
    """What someone can write who knows the public key."""
    mac = blake2b(key=b"", digest_size=16, person=b"toolbridge tb1")
    mac.update(b"carried 1 m" + packed)
    return PREFIX + urlsafe_b64encode(mac.digest() + packed).decode().rstrip("=")


def test_a_bomb_is_not_unpacked() -> None:
    signer = Signer(b"", "m")
    packed = zlib.compress(b"x" * 1000, wbits=-15)
    assert signer.read("", signed_bomb(packed), 1000) == "x" * 1000
    bomb = signed_bomb(zlib.compress(b"x" * 50_000_000, wbits=-15))
    started = time.process_time()
    with pytest.raises(ValueError, match="more than"):
        signer.read("", bomb, LIMIT)
    assert time.process_time() - started < 0.1
    for limit in (999, 500, 0):
        with pytest.raises(ValueError, match="more than"):
            signer.read("", signed_bomb(packed), limit)
    for wrong in (b"\xff", packed + b"more", packed[:-1], zlib.compress(b"\xff\xfe", wbits=-15)):
        with pytest.raises(ValueError):  # noqa: PT011
            signer.read("", signed_bomb(wrong), LIMIT)


def test_a_key_is_the_same_everywhere_and_not_quickly_tried() -> None:
    assert derived_key("") == b""
    assert derived_key("sk-1").hex() == "05bcd0301cd6c8cf386649b82ad1c2ce1d24529018195d5ae34270756980de08"
    assert derived_key("sk-1") != derived_key("sk-2")
    started = time.process_time()
    derived_key("x")
    assert time.process_time() - started > 0.002


def test_a_signature_stays_valid() -> None:
    """Conversations outlive releases: this one was written by the first."""
    assert Signer(b"k", "m").sign("hm") == "tb1.kW0EEvTC4OV4kVkMkgCU-Q"
