"""Finding and calling the proxy that runs: shared by ``send``, ``status``, ``reload`` and ``env``."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.errors import UnreachableError, UsageError

if TYPE_CHECKING:
    from http.client import HTTPResponse

DEFAULT_LISTEN = "127.0.0.1:4100"
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def add_admin_key(parser: argparse.ArgumentParser) -> None:
    """The key for what only operators may ask."""
    parser.add_argument("--key", help="key of [dashboard] (default: BRIDGE_ADMIN_KEY); not needed on the same machine")


def ask_admin(args: argparse.Namespace, method: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON answer of an operations endpoint. Raises BridgeError if it is neither answered nor allowed."""
    import json

    key = args.key or os.environ.get("BRIDGE_ADMIN_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    url = base_url(args)
    with calling(url, method, path, headers, timeout=30.0) as response:
        body = response.read()
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnreachableError(f"what answers at {url}{path} is not toolbridge; name the proxy with --url")
    if response.status in (401, 403):
        raise UsageError(f"{url}: {answer.get('error', {}).get('message', 'refused')}; give the key with --key")
    return response.status, answer


def add_target(parser: argparse.ArgumentParser) -> None:
    """The flags that say where the proxy is."""
    parser.add_argument("--url", help="base URL of the proxy (default: where the configuration listens)")
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="its configuration (default: BRIDGE_CONFIG, ./routes.toml)"
    )
    parser.add_argument("--env", metavar="NAME", help="its environment (default: BRIDGE_ENV)")


def base_url(args: argparse.Namespace) -> str:
    """Where the proxy is, without a trailing slash: the flag, else BRIDGE_LISTEN, the file, the default address."""
    if args.url:
        if not args.url.startswith(("http://", "https://")):
            raise UsageError(f"--url {args.url}: must begin with http:// or https://")
        if not _has_address(args.url):
            raise UsageError(f"--url {args.url}: must name a host, and a port below 65536 if any")
        return str(args.url).rstrip("/").removesuffix("/v1")
    given = os.environ.get("BRIDGE_LISTEN")
    if given:
        from bridge.config.units import listen_address

        try:
            listen_address(given)
        except ValueError as problem:
            raise UsageError(f"BRIDGE_LISTEN: {problem}") from None
    return url_of(given or _listen_of_file(args) or DEFAULT_LISTEN)


def _has_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname)


def _listen_of_file(args: argparse.Namespace) -> str:
    given = args.config or os.environ.get("BRIDGE_CONFIG")
    path = Path(given or "routes.toml")
    if not path.is_file():
        if given:
            raise UsageError(f"{given}: there is no such file; name the configuration with -c, or the proxy with --url")
        return ""
    from bridge.config.inputs import Inputs
    from bridge.config.load import load

    loaded = load(path, args.env or os.environ.get("BRIDGE_ENV", ""), os.environ, Inputs())
    return loaded.config.server.listen if loaded.config else ""


def url_of(listen: str) -> str:
    """The URL under which a server that listens on ``listen`` is reached from this machine."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def calling(
    url: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    timeout: float = 10.0,
) -> Iterator[HTTPResponse]:
    """One request; its response is read inside the block. Raises UnreachableError when the proxy falls silent."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with contextlib.ExitStack() as stack:
        try:
            connection = connect(parts.hostname or "", parts.port, timeout=timeout)
            stack.callback(connection.close)
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
