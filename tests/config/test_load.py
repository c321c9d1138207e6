"""Files in, one checked configuration out: every problem in one run, ordered, at its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from bridge.config.diagnose import key_path

if TYPE_CHECKING:
    from conftest import Project


def test_five_mistakes_are_all_listed_at_their_places(project: Project) -> None:
    assert project.problems(
        """
        [server]
        listn = "127.0.0.1:4100"

        [upstreams.local]
        base_url = "http://localhost:11434/v1"

        [models.coder]
        upstream = "locl"
        parsers = ["hermez"]
        tool_streaming = "eagr"
        timeouts = { connect = 5 }
        """
    ) == [
        "routes.toml:2:1: server.listn: unknown key",
        '    2 | listn = "127.0.0.1:4100"',
        "      | ^ did you mean `listen`?",
        "routes.toml:8:12: models.coder.upstream: unknown upstream `locl`",
        '    8 | upstream = "locl"',
        "      |            ^ did you mean `local`?",
        "routes.toml:9:12: models.coder.parsers[0]: unknown parser `hermez`",
        '    9 | parsers = ["hermez"]',
        "      |            ^ did you mean `hermes`?",
        'routes.toml:10:18: models.coder.tool_streaming: must be "complete" or "eager", not "eagr"',
        '   10 | tool_streaming = "eagr"',
        "      |                  ^ did you mean `eager`?",
        'routes.toml:11:24: models.coder.timeouts.connect: write the unit: "5s" (ms, s, m or h), not 5',
        "   11 | timeouts = { connect = 5 }",
        "      |                        ^",
    ]


BASE = """
    [upstreams.local]
    base_url = "http://localhost:11434/v1"
    [models.a]
    upstream = "local"
    model = "x"
"""


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("tools = true", 'routes.toml:6:9: models.a.tools: must be "native" or "prompt", not true'),
        ("max_output_tokens = '5'", 'routes.toml:6:21: models.a.max_output_tokens: must be an integer, not "5"'),
        ("retry = { attempts = 0 }", "routes.toml:6:22: models.a.retry.attempts: must be at least 1, not 0"),
        ("retry = { on = [200] }", "routes.toml:6:17: models.a.retry.on[0]: must be at least 400, not 200"),
        ("timeouts = 5", "routes.toml:6:12: models.a.timeouts: must be a table, not 5"),
        ("parsers = [1]", "routes.toml:6:12: models.a.parsers[0]: must be a string, not 1"),
        ("parsers = 'all'", 'routes.toml:6:11: models.a.parsers: must be "auto" or an array of names, not "all"'),
        ("match = 'b'", 'routes.toml:6:9: models.a.match: must be an array, not "b"'),
        ("timeouts.total = '0s'", "routes.toml:6:18: models.a.timeouts.total: must be more than zero"),
        (
            "request.set.x = 1979-05-27",
            "routes.toml:6:9: models.a.request.set: `x`: JSON cannot hold 1979-05-27; write it as a string",
        ),
        (
            "request.headers = { 'a b' = 'x' }",
            "routes.toml:6:19: models.a.request.headers: `a b` is not a header name",
        ),
        (
            'request.headers = { a = "x\\ny" }',
            "routes.toml:6:19: models.a.request.headers: the value of `a` holds a control character or one beyond ASCII",
        ),
        ("[limits]\nrequest_body = '3mb'", 'routes.toml:7:16: limits.request_body: unknown unit `mb`; write "3MB"'),
        ("[limits]\nstorage = 'disk'", 'routes.toml:7:11: limits.storage: must be "memory" or a redis:// or valkey:// URL'),
        ("[server]\nlisten = ':80'", 'routes.toml:7:10: server.listen: must be HOST:PORT such as "127.0.0.1:4100", not ":80"'),
        ("[log]\nlevle = 'info'", "routes.toml:7:1: log.levle: unknown key"),
        ("[[models.b]]", "routes.toml:6:10: models.b: must be a table, not an array"),
        ("[clients.c]\nkey = 5", "routes.toml:7:7: clients.c.key: must be a string"),
        ("[clients.c]\nkey.sha256 = 'x'", "routes.toml:7:14: clients.c.key.sha256: must be a SHA-256 digest: 64 hexadecimal digits"),
        (
            "[clients.c]\nkey = '${K}'\nlimits.requests = '5/min'",
            'routes.toml:8:19: clients.c.limits.requests: must be a rate such as "60/minute" '
            '(second, minute, hour or day), not "5/min"',
        ),
    ],
)  # fmt: skip
def test_wrong_values(project: Project, addition: str, expected: str) -> None:
    lines = project.headlines(
        "".join(line.lstrip() for line in BASE.splitlines(keepends=True)) + addition + "\n", {"K": "k"}
    )
    assert lines == [expected]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:11434", 'must be an http or https URL such as "http://localhost:11434/v1"'),
        ("http://", 'must be an http or https URL such as "http://localhost:11434/v1"'),
        ("http://h:99999/v1", "Port out of range 0-65535"),
        ("http://user:hunter2@h/v1", "must hold no credentials; put them into `api_key` or `headers`"),
        ("http://h/v1?x=1", "must end with the path, without `?` or `#`"),
        (
            "http://h/v1/chat/completions",
            "must be the address above `/chat/completions`; leave `/chat/completions` out",
        ),
    ],
)
def test_wrong_addresses(project: Project, url: str, message: str) -> None:
    text = "\n".join(project.problems(f'[upstreams.a]\nbase_url = ["{url}"]\n[models.m]\nupstream = "a"'))
    assert text.startswith(f"routes.toml:2:13: upstreams.a.base_url[0]: {message}")
    assert "hunter2" not in text


def test_syntax_errors_of_all_files_are_listed(project: Project) -> None:
    project.write('extends = "base.toml"\n[models.a]\nupstream = "x"\n')
    project.write("[server\n", "base.toml")
    project.write('name = "bad"\n[[call]\n', "bundled/bad.toml")
    assert project.headlines() == [
        "base.toml:1:8: not valid TOML: expected ']' at the end of a table declaration",
        "bundled/bad.toml:2:7: not valid TOML: expected ']]' at the end of an array declaration",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = '\xff'\n", "routes.toml:1:6: not valid TOML: the file is not UTF-8 text"),
        (b"a = " + b"[" * 5000, "routes.toml:1:1: not valid TOML: nested too deeply"),
        (b"a." * 5000 + b"a = 1", "routes.toml:1:1: not valid TOML: nested too deeply"),
        (b"#" * (1 << 20) + b"\n", "routes.toml:1:1: cannot read the file: larger than 1 MiB"),
        (b"", 'routes.toml:1:1: models: no model is configured; add [models."*"]'),
    ],
)
def test_files_that_are_no_configuration(project: Project, data: bytes, message: str) -> None:
    project.path.write_bytes(data)
    assert project.headlines()[0] == message


def test_a_byte_order_mark_is_no_part_of_the_text(project: Project) -> None:
    project.path.write_bytes(b'\xef\xbb\xbf[upstreams.u]\nprotocol = "dem"\n[models.m]\nupstream = "u"\n')
    assert [line[:38] for line in project.headlines()] == ["routes.toml:2:12: upstreams.u.protocol"]


def test_an_overlay_merges_tables_and_replaces_the_rest(project: Project) -> None:
    project.write(
        """
        [server]
        listen = "127.0.0.1:1"
        drain = "1s"
        [upstreams.local]
        base_url = "http://localhost:1/v1"
        [models.a]
        upstream = "local"
        match = ["b", "c"]
        [models.z]
        upstream = "local"
        """
    )
    project.write(
        """
        extends = "routes.toml"
        [server]
        drain = "9s"
        [models.a]
        match = ["d"]
        [models.z]
        enabled = false
        """,
        "routes.prod.toml",
    )
    snapshot = project.build(env="prod")
    assert snapshot.environment == "prod"
    assert (snapshot.server.listen, snapshot.server.drain) == ("127.0.0.1:1", 9.0)
    assert snapshot.routes["a"].match == ("d",)
    assert list(snapshot.routes) == ["a"]
    origins = project.load(env="prod").document.origins
    assert {key_path(path): (origin.file, origin.place.value_line) for path, origin in origins.items() if path[:1] == ("models",)} == {
        "models": ("routes.prod.toml", 4),
        "models.a": ("routes.prod.toml", 4),
        "models.a.upstream": ("routes.toml", 7),
        "models.a.match": ("routes.prod.toml", 5),
        "models.a.match[0]": ("routes.prod.toml", 5),
        "models.z": ("routes.prod.toml", 6),
        "models.z.upstream": ("routes.toml", 10),
        "models.z.enabled": ("routes.prod.toml", 7),
    }  # fmt: skip


def test_what_is_taken_away_may_not_be_referred_to(project: Project) -> None:
    assert project.headlines(
        """
        [upstreams.a]
        enabled = false
        base_url = "wrong, but nobody cares"
        [upstreams.b]
        protocol = "demo"
        [models.one]
        upstream = "a"
        [models.two]
        upstream = "b"
        fallbacks = ["three"]
        [models.three]
        enabled = false
        """
    ) == [
        "routes.toml:7:12: models.one.upstream: upstream `a` has `enabled = false`",
        "routes.toml:10:14: models.two.fallbacks[0]: model `three` has `enabled = false`",
    ]


def test_files_that_extend_each_other(project: Project) -> None:
    project.write('extends = "b.toml"')
    project.write('extends = "routes.toml"', "b.toml")
    assert project.headlines() == [
        "b.toml:1:11: extends: files extend each other: routes.toml -> b.toml -> routes.toml"
    ]


def test_an_extended_file_that_is_not_there(project: Project) -> None:
    assert project.headlines('extends = "bse.toml"') == [
        "routes.toml:1:11: extends: there is no file `bse.toml` beside this one"
    ]


def test_extends_of_a_folder_above(project: Project) -> None:
    project.write('[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"', "base.toml")
    project.path.unlink(missing_ok=True)
    inner = project.write('extends = "../base.toml"\nparser_dirs = ["p"]', "deep/routes.toml")
    project.folder = inner.parent
    (inner.parent / "p").mkdir()
    assert project.headlines() == []
    assert [folder for folder, _ in project.load().parser_dirs()] == [inner.parent / "p"]


def test_defaults_of_a_model(project: Project) -> None:
    project.write(
        """
        [defaults]
        unsupported = "reject"
        timeouts = { connect = "1s", total = "1m" }
        [upstreams.u]
        protocol = "demo"
        defaults = { timeouts = { total = "2m", stall = "3s" } }
        [models.m]
        upstream = "u"
        timeouts.stall = "4s"
        """
    )
    route = project.build().routes["m"]
    assert route.unsupported == "reject"
    assert (route.timeouts.connect, route.timeouts.total, route.timeouts.stall) == (1.0, 120.0, 4.0)
    assert route.timeouts.first_token == 120.0
    loaded = project.load()
    found = {key: loaded.model_path("m", ("timeouts", key)) for key in ("connect", "total", "stall", "first_token")}
    assert found == {
        "connect": ("defaults", "timeouts", "connect"),
        "total": ("upstreams", "u", "defaults", "timeouts", "total"),
        "stall": ("models", "m", "timeouts", "stall"),
        "first_token": None,
    }


def test_flags_beat_the_file(project: Project) -> None:
    project.write('[upstreams.d]\nprotocol = "demo"\n[models.m]\nupstream = "d"\n[server]\nlisten = "127.0.0.1:1"')
    plain = project.build()
    snapshot = project.build(overrides={("server", "listen"): ("127.0.0.1:2", "--listen")})
    assert snapshot.server.listen == "127.0.0.1:2"
    assert snapshot.revision != plain.revision
    loaded = project.load(overrides={("server", "listen"): ("nowhere", "--listen")})
    assert [str(item) for item in loaded.problems.ordered()] == [
        '--listen: server.listen: must be HOST:PORT such as "127.0.0.1:4100", not "nowhere"'
    ]


def test_the_shipped_example_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from bridge.bundled import bundled
    from bridge.config.snapshot import build

    monkeypatch.chdir(Path(bundled("routes.toml")).parent)
    snapshot = build(Path("routes.toml"))
    assert {item.code for item in snapshot.warnings} == {"off"}
    decision = snapshot.router.decide("claude-sonnet-4-5")
    assert decision.route is not None
    assert decision.route.upstream.protocol == "demo"


@pytest.mark.parametrize(
    ("rule", "at", "problem"),
    [
        ('{ text = "got {x}", retry = true }', 20, "errors[0].text: unknown hole `{x}`"),
        ('{ text = "{n}", retry = true }', 20, "errors[0].text: needs some text beside the holes"),
        ('{ text = "a{_}", retry = true }', 20, "errors[0].text: `{_}` says nothing at the beginning or the end"),
        ('{ text = "a", message = "{n}" }', 35, "errors[0].message: `{n}` is not in `text`"),
        ('{ status = [400], message = "{m}" }', 39, "errors[0].message: `{m}` is not in `text`"),
        ('{ text = "a", message = "{why}" }', 35, "errors[0].message: unknown hole `{why}`"),
        ('{ text = "a", type = "oops" }', 32, "errors[0].type: must be one of invalid_request_error,"),
        ('{ text = "a", type = "authentication_error" }', 32, "errors[0].type: must be one of"),
        ("{ status = [200], retry = true }", 23, "errors[0].status[0]: must be at least 400"),
        ('{ text = "a" }', 11, "errors[0]: changes nothing; give `type`, `message` or `retry`"),
        ("{ retry = true }", 11, "errors[0]: needs `status` or `text`, or it would mean every failure"),
        ('{ text = "a", retries = true }', 25, "errors[0].retries: unknown key"),
    ],
)
@pytest.mark.parametrize("table", ["models.a", "defaults", "upstreams.local.defaults"])
def test_error_rules_are_checked_at_their_place(project: Project, table: str, rule: str, at: int, problem: str) -> None:
    head = f"[{table}]\n" if table != "models.a" else ""
    found = project.problems(f"{dedent(BASE)}{head}errors = [{rule}]\n")
    line = 7 if head else 6
    assert found[0].startswith(f"routes.toml:{line}:{at}: {table}.{problem}"), found


def test_error_rules_as_tables_and_a_problem_said_once(project: Project) -> None:
    found = project.problems(
        f"""{dedent(BASE)}
[[models.a.errors]]
status = [400]
type = "overloaded_error"
[[models.a.errors]]
text = "a {{_}}"
message = "{{n}}"
"""
    )
    assert [line for line in found if line.startswith("routes")] == [
        "routes.toml:11:8: models.a.errors[1].text: `{_}` says nothing at the beginning or the end; leave it out"
    ]
