from __future__ import annotations

from hashlib import sha256

import pytest

from bridge.config.snapshot import Client
from bridge.errors import RequestError
from bridge.server.auth import ANYONE, Keyring, presented_keys


def client(name: str, key: str, *models: str) -> Client:
    return Client(name, sha256(key.encode()).hexdigest() if key else "", models or ("*",))


def test_no_clients_means_anyone() -> None:
    assert Keyring([]).identify({}) is ANYONE
    ANYONE.check("whatever")


def test_both_headers_are_read() -> None:
    assert presented_keys({b"x-api-key": b" a ", b"authorization": b"bearer b"}) == [b"a", b"b"]
    assert presented_keys({b"authorization": b"Basic b"}) == []
    keyring = Keyring([client("one", "1"), client("two", "2")])
    assert keyring.identify({b"x-api-key": b"1"}).name == "one"
    assert keyring.identify({b"x-api-key": b"stale", b"authorization": b"Bearer 2"}).name == "two"


@pytest.mark.parametrize("headers", [{}, {b"x-api-key": b""}, {b"x-api-key": b"3"}, {b"x-api-key": "ü".encode()}])
def test_everybody_else_is_refused(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(RequestError) as caught:
        Keyring([client("one", "1")]).identify(headers)
    assert caught.value.fault.kind == "authentication"


def test_a_client_that_is_off_opens_nothing() -> None:
    keyring = Keyring([client("off", "")])
    assert not keyring.open
    with pytest.raises(RequestError):
        keyring.identify({b"x-api-key": b""})


def test_models() -> None:
    caller = Keyring([client("one", "1", "claude-*", "exact")]).identify({b"x-api-key": b"1"})
    caller.check("claude-x")
    caller.check("exact")
    with pytest.raises(RequestError) as caught:
        caller.check("other")
    assert caught.value.fault.kind == "permission"
    assert "clients.one.models" in caught.value.fault.message


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        (b"http://localhost:3000", True),
        (b"https://app.localhost", True),
        (b"http://127.0.0.1:4100", True),
        (b"http://[::1]:4100", True),
        (b"vscode-webview://abc", True),
        (b"https://example.com", False),
        (b"http://127.0.0.1.example.com", False),
        (b"http://localhost.example.com:4100", False),
        (b"http://192.168.0.7", False),
        (b"http://[", False),
        (b"null", False),
    ],
)
def test_a_page_of_another_site_is_not_anyone(origin: bytes, let_in: bool) -> None:
    headers = {b"origin": origin, b"x-api-key": b"1"}
    assert Keyring([client("one", "1")]).identify(headers).name == "one"
    if let_in:
        assert Keyring([]).identify(headers) is ANYONE
    else:
        with pytest.raises(RequestError, match="other sites") as caught:
            Keyring([]).identify(headers)
        assert caught.value.fault.kind == "permission"
