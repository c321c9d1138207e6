"""Who calls, and what they may ask for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from bridge.config.snapshot import Client
from bridge.core.events import Fault
from bridge.errors import RequestError


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: a client that was recognised, or anyone where there is no authentication."""

    client: Client | None = None
    models: re.Pattern[str] | None = None

    @property
    def name(self) -> str:
        return self.client.name if self.client else ""

    def may_use(self, model: str) -> bool:
        return self.models is None or self.models.match(model) is not None

    def check(self, model: str) -> None:
        """Raises RequestError (403) for a model that this client may not ask for."""
        if not self.may_use(model):
            message = f"client `{self.name}` may not use model `{model[:200]}` (clients.{self.name}.models)"
            raise RequestError(Fault("permission", message))


ANYONE = Caller()


class Keyring:
    """The keys of all clients, as digests. Without any client everybody is let in; one that is off is not."""

    def __init__(self, clients: Iterable[Client]) -> None:
        known = tuple(clients)
        self.open = not known
        self._entries = [
            (client.key_sha256, Caller(client, _any_of(client.models))) for client in known if client.key_sha256
        ]

    def identify(self, headers: Mapping[bytes, bytes]) -> Caller:
        """The client that a request's headers belong to. Raises RequestError (401; 403 for a page of another site)."""
        if self.open:
            if b"origin" in headers and _foreign(headers[b"origin"].decode("latin-1")):
                what = "requests from pages of other sites are refused as long as nobody needs a key ([clients])"
                raise RequestError(Fault("permission", what))
            return ANYONE
        found: Caller | None = None
        keys = presented_keys(headers)
        for key in keys:
            digest = sha256(key).hexdigest()
            # Every entry is compared, so that the time taken tells nothing.
            for known, caller in self._entries:
                if hmac.compare_digest(known, digest):
                    found = caller
        if found is None:
            what = "the API key is not one of [clients]" if keys else "no API key: send x-api-key or a Bearer token"
            raise RequestError(Fault("authentication", what))
        return found


def presented_keys(headers: Mapping[bytes, bytes]) -> list[bytes]:
    """The keys that a request carries: ``x-api-key`` and a Bearer token, as they are there."""
    keys = []
    if key := headers.get(b"x-api-key", b"").strip():
        keys.append(key)
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        keys.append(token.strip())
    return keys


def _foreign(origin: str) -> bool:
    """Whether a page of the web sent this: any that is open in a browser here could spend what the upstreams cost.

    Pages of this machine may, and what is no page of the web (editors, extensions, apps).
    """
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return True
    if parts.scheme not in ("http", "https"):
        return origin == "null"
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)")
