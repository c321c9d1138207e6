"""Finding and calling the proxy that runs: shared by ``send``, ``status``, ``reload`` and ``env``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from bridge.errors import UnreachableError, UsageError

DEFAULT_LISTEN = "127.0.0.1:4100"
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def add_target(parser: argparse.ArgumentParser) -> None:
    """The flag that says where the proxy is."""
    parser.add_argument("--url", help="base URL of the proxy (default: where BRIDGE_LISTEN or routes.toml listens)")


def base_url(args: argparse.Namespace) -> str:
    """Where the proxy is, without a trailing slash: the flag, else BRIDGE_LISTEN, else the default address."""
    if args.url:
        if not args.url.startswith(("http://", "https://")):
            raise UsageError(f"--url {args.url}: must begin with http:// or https://")
        return str(args.url).rstrip("/").removesuffix("/v1")
    return url_of(os.environ.get("BRIDGE_LISTEN") or DEFAULT_LISTEN)


def url_of(listen: str) -> str:
    """The URL under which a server that listens on ``listen`` is reached from this machine."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def calling(
    url: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    timeout: float = 10.0,
) -> Iterator[HTTPResponse]:
    """One request; its response is read inside the block. Raises UnreachableError when the proxy falls silent."""
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(parts.hostname or "", parts.port, timeout=timeout)
        connection.request(method, parts.path + path, body=body, headers=dict(headers))
        response = connection.getresponse()
    except (OSError, HTTPException, ValueError) as problem:
        raise UnreachableError(
            f"no proxy answers at {url} ({problem}); start one with `toolbridge serve`, or name it with --url"
        ) from problem
    try:
        yield response
    except (ConnectionResetError, TimeoutError, HTTPException) as problem:
        raise UnreachableError(f"{url} stopped in the middle of its answer ({problem}); see its log") from problem
    finally:
        connection.close()
