"""What no single value shows: references, fallbacks, ties, who may connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.checks import exposed

if TYPE_CHECKING:
    from conftest import Project

DEMO = '[upstreams.d]\nprotocol = "demo"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[models.a]\n", "routes.toml:3:9: models.a: `upstream` is missing; such as upstream = \"d\""),
        ("[models.a]\nupstrem = 'd'\n", "routes.toml:4:1: models.a.upstrem: unknown key"),
        ("[defaults]\nupstream = 'x'\n[models.a]\n", "routes.toml:4:12: defaults.upstream: unknown upstream `x`"),
        (
            "[upstreams.e]\ndefaults.parsers = ['h']\nprotocol = 'demo'\n[models.a]\nupstream = 'e'\n",
            "routes.toml:4:21: upstreams.e.defaults.parsers[0]: unknown parser `h`",
        ),
        ("[models.a]\nupstream = 'd'\nfallbacks = ['a']\n", "routes.toml:5:13: models.a.fallbacks: fallbacks go in a circle: `a` -> `a`"),
        ("[models.a]\nupstream = 'd'\nfallbacks = ['b']\n", "routes.toml:5:14: models.a.fallbacks[0]: unknown model `b`"),
        (
            "[models.a]\nupstream = 'd'\nfallbacks = ['b']\n[models.b]\nupstream = 'd'\nfallbacks = ['c', 'a']\n"
            "[models.c]\nupstream = 'd'\n",
            "routes.toml:5:13: models.a.fallbacks: fallbacks go in a circle: `a` -> `b` -> `a`",
        ),
        ("[models.a]\nupstream = 'd'\nmatch = ['b', 'b']\n", "routes.toml:5:15: models.a.match[1]: `b` already belongs to this model"),
        (
            "[models.a]\nupstream = 'd'\nmatch = ['b']\n[models.b]\nupstream = 'd'\n",
            "routes.toml:6:9: models.b: `b` already belongs to model `a`",
        ),
        (
            "[models.a]\nupstream = 'd'\nmatch = ['x-*']\n[models.b]\nupstream = 'd'\nmatch = ['*-x']\n",
            "routes.toml:8:10: models.b.match[0]: `*-x` and `x-*` of model `a` match the same ids and are equally specific",
        ),
        ("[upstreams.e]\n[models.a]\nupstream = 'd'\n", "routes.toml:3:12: upstreams.e: `base_url` is missing"),
        ("[models.a]\nupstream = 'd'\n[clients.c]\n", "routes.toml:5:10: clients.c: `key` is missing"),
        (
            "[models.a]\nupstream = 'd'\n[server]\nlisten = '0.0.0.0:1'\n[dashboard]\nenabled = false\n",
            'routes.toml:6:10: server.listen: "0.0.0.0:1" is reachable from other machines, '
            "and without [clients] anyone could use it",
        ),
        (
            "[models.a]\nupstream = 'd'\n[server]\nlisten = '[::]:1'\n[clients.c]\nkey = '${K:-k}'\n",
            "routes.toml:6:10: server.listen: warning: the dashboard needs a key when others can connect; it is off",
        ),
        ("[models.a]\nupstream = 'd'\n[server]\nworkers = 2\n", "routes.toml:6:11: server.workers: warning: one process serves for now"),
        (
            "[models.a]\nupstream = 'd'\n[limits]\nstorage = 'redis://r'\n",
            "routes.toml:6:11: limits.storage: warning: each process counts by itself for now",
        ),
        ("[models.a]\nupstream = 'd'\n[log]\nbodies = 'all'\n", "routes.toml:6:10: log.bodies: warning: no bodies are logged for now"),
        ("parser_dirs = ['nowhere']\n[models.a]\nupstream = 'd'\n", "routes.toml:1:16: parser_dirs[0]: warning: there is no folder `nowhere` there"),
    ],
)  # fmt: skip
def test_problems(project: Project, text: str, expected: str) -> None:
    text = text + DEMO if text.startswith("parser_dirs") else DEMO + text
    lines = project.headlines(text)
    assert len(lines) == 1
    assert expected.startswith(lines[0])


@pytest.mark.parametrize(
    "text",
    [
        "[models.a]\nupstream = 'd'\nmatch = ['x-*', '*-x']\n",
        "[models.a]\nupstream = 'd'\nmatch = ['x-*']\n[models.b]\nupstream = 'd'\nmatch = ['*-xyz']\n",
        "[models.a]\nupstream = 'd'\nmatch = ['x-*']\n[models.b]\nupstream = 'd'\nmatch = ['y-*']\n",
        "[defaults]\nupstream = 'd'\nfallbacks = ['b']\n[models.a]\n[models.b]\n",
        "[models.a]\nupstream = 'd'\n[server]\nlisten = 'localhost:1'\n",
    ],
)
def test_no_problems(project: Project, text: str) -> None:
    assert project.problems(DEMO + text) == []


def test_a_model_is_not_its_own_fallback(project: Project) -> None:
    routes = project.build(
        f"{DEMO}[defaults]\nupstream = 'd'\nfallbacks = ['b', 'c']\n[models.a]\n[models.b]\n[models.c]\n"
    ).routes
    assert {key: route.fallbacks for key, route in routes.items()} == {"a": ("b", "c"), "b": ("c",), "c": ("b",)}


@pytest.mark.parametrize(
    ("listen", "open_"),
    [
        ("127.0.0.1:1", False), ("127.9.9.9:1", False), ("[::1]:1", False), ("localhost:1", False),
        ("0.0.0.0:1", True), ("[::]:1", True), ("10.0.0.1:1", True), ("host.example:1", True), ("nonsense", False),
    ],
)  # fmt: skip
def test_who_can_connect(listen: str, open_: bool) -> None:
    assert exposed(listen) is open_
