"""How a connection comes about: name, socket, TLS, all within one time limit, and each failure by its name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from itertools import zip_longest
from typing import Any, TypeVar

import httpx

_HEAD_START = 0.25
"""So many seconds an address has before the next one is tried beside it (RFC 8305)."""

_FRESH = 10.0
"""For so many seconds new connections go where the host was."""

P = TypeVar("P", bound=asyncio.Protocol)
Address = tuple[Any, ...]


class UnknownHost(httpx.ConnectError):
    """The host's name cannot be resolved."""


class UntrustedCertificate(httpx.ConnectError):
    """The upstream's TLS certificate cannot be verified."""


class HandshakeFailed(httpx.ConnectError):
    """What answers there speaks no TLS, or none that can be agreed on."""


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """One for the process: building it blocks for tens of milliseconds. Trusts the system's CAs too."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Lookup:
    """Where one host is: asked once for all who wait for it, and again some seconds later or when that was of no use.

    Look-ups take threads, and there are few.
    """

    __slots__ = ("_asked", "_fresh_until")

    def __init__(self) -> None:
        self._asked: asyncio.Task[list[Address]] | None = None
        self._fresh_until = 0.0

    async def addresses(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Address]:
        """The addresses, the families by turns. Raises OSError."""
        asked = self._asked
        if asked is None or loop.time() >= self._fresh_until:
            asked = self._asked = loop.create_task(_look_up(loop, host, port))
            asked.add_done_callback(self._answered)
            self._fresh_until = loop.time() + _FRESH
        return await asyncio.shield(asked)

    def forget(self) -> None:
        """The host was not there."""
        if self._asked is not None and self._asked.done():
            self._asked = None

    def _answered(self, asked: asyncio.Task[list[Address]]) -> None:
        if (asked.cancelled() or asked.exception() is not None) and asked is self._asked:
            self._asked = None


async def connect(
    protocol: Callable[[], P],
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    seconds: float | None,
    lookup: Lookup,
) -> P:
    """A connected protocol. Raises httpx.ConnectError, ConnectTimeout, or InvalidURL for what is no host.

    What it has opened is closed if it fails or is cancelled, at whatever point. ``lookup`` is the host's.
    """
    loop = asyncio.get_running_loop()
    try:
        name = httpx.URL(scheme="https", host=host).raw_host.decode("ascii")
        async with asyncio.timeout(seconds):
            try:
                connected = await _open(loop, name, port, lookup)
            except BaseException:
                lookup.forget()
                raise
            _, made = await loop.create_connection(
                protocol,
                sock=connected,
                ssl=tls,
                server_hostname=name.rstrip(".") if tls else None,
                ssl_handshake_timeout=seconds if tls else None,
            )
            return made
    except TimeoutError as problem:
        raise httpx.ConnectTimeout("not connected in time") from problem
    except UnicodeError as problem:
        raise httpx.InvalidURL("no name of a host") from problem
    except socket.gaierror as problem:
        raise UnknownHost(str(problem)) from problem
    except ssl.SSLCertVerificationError as problem:
        raise UntrustedCertificate(str(problem)) from problem
    except ssl.SSLError as problem:
        raise HandshakeFailed(str(problem)) from problem
    except OSError as problem:
        raise httpx.ConnectError(str(problem)) from problem


async def _open(loop: asyncio.AbstractEventLoop, host: str, port: int, lookup: Lookup) -> socket.socket:
    """A connected socket: to the first of the host's addresses that takes it.

    Not left to ``create_connection``, which can lose a socket when it is cancelled as it finds one.
    """
    try:
        # An address needs no look-up, and so no thread.
        addresses: list[Address] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except socket.gaierror:
        addresses = await lookup.addresses(loop, host, port)
    if len(addresses) == 1:
        return await _dial(loop, addresses[0])
    found: list[socket.socket] = []
    failures: list[OSError] = []

    async def dial(address: Address) -> None:
        try:
            found.append(await _dial(loop, address))
        except OSError as problem:
            failures.append(problem)

    dials: set[asyncio.Task[None]] = set()
    try:
        for address in addresses:
            dials.add(loop.create_task(dial(address)))
            _, dials = await asyncio.wait(dials, timeout=_HEAD_START, return_when=asyncio.FIRST_COMPLETED)
            if found:
                return found.pop()
        while dials:
            _, dials = await asyncio.wait(dials, return_when=asyncio.FIRST_COMPLETED)
            if found:
                return found.pop()
        raise failures.pop()
    finally:
        for task in dials:
            task.cancel()
        for late in found:
            late.close()


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Address]:
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [address for address in found if address[0] == found[0][0]]
    other = [address for address in found if address[0] != found[0][0]]
    return [address for pair in zip_longest(first, other) for address in pair if address is not None]


async def _dial(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, kind, protocol, _, place = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        await loop.sock_connect(made, place)
    except BaseException:
        made.close()
        raise
    return made
