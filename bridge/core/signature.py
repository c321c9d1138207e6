"""Signatures of reasoning: which model wrote a thinking block, and that nobody has changed it since.

``tb1.`` and URL-safe base64 of a MAC; behind the MAC, where the client is not shown the reasoning,
the reasoning itself. The MAC covers the version, the model's name at the upstream and the text, so
that reasoning goes back to the model that wrote it or to none. See docs/adr/0011-signatures.md.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

PREFIX = "tb1."
"""What every signature of this version begins with."""

_MAC_SIZE = 16
_SALT = b"toolbridge reasoning signatures 1"
_ROUNDS = 20_000
_RAW = -zlib.MAX_WBITS


def derived_key(secret: str) -> bytes:
    """The key that ``secret`` stands for, the same everywhere; b"", which everyone knows, for "".

    Slow on purpose: a signature is public, and a weak secret must not be found by trying.
    """
    return hashlib.pbkdf2_hmac("sha256", secret.encode("utf-8", "surrogatepass"), _SALT, _ROUNDS) if secret else b""


class Signer:
    """Signs and checks the reasoning of ``model``."""

    __slots__ = ("_key", "_model")

    def __init__(self, key: bytes, model: str) -> None:
        self._key = key
        self._model = model

    def begin(self, *, carried: bool = False) -> Seal:
        """The seal of one block. ``carried``: the text travels in the signature and nowhere else."""
        return Seal(self._mac(b"carried" if carried else b"shown"), carried=carried)

    def sign(self, text: str, *, carried: bool = False) -> str:
        """The signature of a whole text."""
        seal = self.begin(carried=carried)
        seal.add(text)
        return seal.close()

    def read(self, text: str, signature: str, limit: int) -> str | None:
        """The reasoning of a block with this text and signature; None unless this signer wrote just that.

        Raises ValueError for carried reasoning of more than ``limit`` bytes, having unpacked no more of it.
        """
        raw = _decoded(signature)
        if len(raw) < _MAC_SIZE:
            return None
        written, packed = raw[:_MAC_SIZE], raw[_MAC_SIZE:]
        mac = self._mac(b"carried" if packed else b"shown")
        mac.update(packed or _bytes(text))
        if not hmac.compare_digest(mac.digest(), written) or (packed and text):
            return None
        return _unpacked(packed, limit) if packed else text

    def _mac(self, purpose: bytes) -> hashlib.blake2b:
        mac = hashlib.blake2b(key=self._key, digest_size=_MAC_SIZE, person=b"toolbridge tb1")
        model = _bytes(self._model)
        mac.update(b"%b %d %b" % (purpose, len(model), model))
        return mac


class Seal:
    """Takes the text of one block as it streams. However it is cut, the signature is the same."""

    __slots__ = ("_mac", "_pieces")

    def __init__(self, mac: hashlib.blake2b, *, carried: bool) -> None:
        self._mac = mac
        self._pieces: list[str] | None = [] if carried else None

    def add(self, text: str) -> None:
        """More of the text."""
        if self._pieces is None:
            self._mac.update(_bytes(text))
        else:
            self._pieces.append(text)

    def close(self) -> str:
        """The signature of all that was added; once."""
        packed = b""
        if self._pieces is not None:
            packed = zlib.compress(_bytes("".join(self._pieces)), wbits=_RAW)
            self._mac.update(packed)
        return _encoded(self._mac.digest() + packed)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encoded(raw: bytes) -> str:
    return PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(signature: str) -> bytes:
    """What a signature holds; nothing if it is spelt in any way but the one in which it is written."""
    if not signature.startswith(PREFIX) or not signature.isascii():
        return b""
    text = signature.removeprefix(PREFIX)
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return raw if _encoded(raw) == signature else b""


def _unpacked(packed: bytes, limit: int) -> str:
    """The text of a compressed one whose MAC was right: still not trusted, a public key can sign anything."""
    unpacking = zlib.decompressobj(_RAW)
    try:
        text = unpacking.decompress(packed, limit + 1)
    except zlib.error as problem:
        raise ValueError(str(problem)) from None
    if len(text) > limit or not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"carries more than {limit} bytes")
    return text.decode("utf-8", "surrogatepass")
