"""What the rest of the process sees of the configuration."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest

from bridge.config.snapshot import Client, Dashboard
from bridge.config.units import Rate
from bridge.core.errorrules import ErrorRule, compile_wording
from bridge.core.route import (
    BodyPatch,
    Breaker,
    Reasoning,
    RetryBudget,
    RetryPolicy,
    Route,
    Timeouts,
    ToolSchema,
    UpstreamRef,
)
from bridge.core.signature import derived_key
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Project

TEXT = """\
[upstreams.u]
base_url = ["http://a/v1/", "http://b/v1"]
api_key = "${KEY}"
protocol = "anthropic"
headers = { x = "y" }
max_connections = 1
max_in_flight = 2
retry_budget = { ratio = 0.5, min_per_second = 1, ttl = "1m" }
breaker = { failures = 1, open = "1s" }
balance = "least_busy"
[models.coder]
match = ["c-*"]
upstream = "u"
model = "Hermes-4"
display_name = "Coder"
tools = "prompt"
tool_streaming = "eager"
max_tokens_field = "max_completion_tokens"
max_stop_sequences = 16
tool_schema = { drop = ["$schema", "format"], inline = true }
structured_output = "prompt"
user_field = "user"
reasoning = { source = "tags", emit = "drop", starts_open = true, replay = "reasoning", effort = "reasoning.effort", efforts = ["none", "high"], budget = "budget", switch = "thinking.type", on = "enabled", off = "disabled" }
unsupported = "reject"
server_tools = "reject"
max_output_tokens = 0
context_window = 1000
count_tokens = "upstream"
timeouts = { connect = "1s", first_token = "2s", stall = "3s", total = "4s" }
retry = { attempts = 1, backoff = "0s", max_backoff = "1s", on = [500] }
request = { default = { a = 1 }, set = { b = 2 }, drop = ["c"], headers = { d = "e" } }
fallbacks = ["plain"]
errors = [{ status = [400], text = "queue of {n}", type = "overloaded_error", message = "busy: {n}", retry = true }]
[models.plain]
upstream = "u"
parsers = ["hermes"]
[clients.c]
key = "${KEY}"
models = ["c*"]
limits = { requests = "60/minute", tokens = "5/hour", concurrent = 4 }
[clients.d]
key = { sha256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08" }
[limits]
request_body = "1MiB"
in_flight = 3
[dashboard]
key = "${KEY}"
keep = 5
"""

KEYS = """\
[upstreams.keyed]
base_url = "http://a/v1"
api_key = "${KEY:-}"
[upstreams.keyless]
base_url = "http://b/v1"
[models.m]
upstream = "keyed"
"""


@pytest.fixture(autouse=True)
def _hermes_writes_prompts(project: Project) -> None:
    with (project.folder / "bundled/hermes.toml").open("a") as file:
        file.write('[prompt]\nsystem = "s"\ncall = "c"\nresult = "r"\n')


def test_every_key_arrives(project: Project) -> None:
    snapshot = project.build(TEXT, {"KEY": "test"})
    upstream = UpstreamRef(
        "u", ("http://a/v1", "http://b/v1"), "anthropic", "test", {"x": "y"}, 1, 2,
        RetryBudget(0.5, 1.0, 60.0), Breaker(1, 1.0), "least_busy", signing_key=derived_key("test"),
    )  # fmt: skip
    hermes = snapshot.parsers["hermes"].spec
    assert snapshot.upstreams == {"u": upstream}
    assert snapshot.routes["coder"] == Route(
        "coder", upstream, "Hermes-4", "Coder", ("c-*",), (hermes,), "prompt", "eager",
        Reasoning(
            "tags", "drop", True, "reasoning", ("reasoning", "effort"), ("none", "high"), ("budget",),
            ("thinking", "type"), "enabled", "disabled",
        ), "reject", None, 1000, "upstream",
        Timeouts(1.0, 2.0, 3.0, 4.0), RetryPolicy(1, 0.0, 1.0, frozenset({500})),
        BodyPatch({"a": 1}, {"b": 2}, ("c",), {"d": "e"}), ("plain",),
        (ErrorRule(compile_wording("queue of {n}"), frozenset({400}), "overloaded", ("busy: {n}",), True),),
        "reject", "max_completion_tokens", 16, ToolSchema(frozenset({"$schema", "format"}), True), "prompt", ("user",),
    )  # fmt: skip
    assert snapshot.routes["plain"] == Route("plain", upstream, "", parsers=(hermes,), max_output_tokens=None)
    assert snapshot.auto_parsers == {"coder"}
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    assert snapshot.clients == {
        "c": Client("c", digest, ("c*",), Rate(60, 60), Rate(5, 3600), 4),
        "d": Client("d", digest),
    }
    assert (snapshot.limits.request_body, snapshot.limits.in_flight, snapshot.limits.storage) == (2**20, 3, "memory")
    assert snapshot.dashboard == Dashboard(True, "test", 5)
    assert "'test'" not in repr(snapshot)


def test_tools_in_the_prompt_need_a_parser_that_writes_it(project: Project) -> None:
    project.write("models = []\n", "bundled/silent.toml")
    text = """\
[defaults]
tools = "prompt"
[upstreams.u]
protocol = "demo"
[models.a]
upstream = "u"
parsers = ["silent"]
[models.b]
upstream = "u"
parsers = ["silent", "hermes"]
[models.c]
upstream = "u"
parsers = []
tools = "native"
[models.d]
upstream = "u"
parsers = []
"""
    assert project.headlines(text) == [
        "routes.toml:2:9: defaults.tools: no parser of model `a` has a [prompt]: `silent`",
        "routes.toml:2:9: defaults.tools: no parser of model `d` has a [prompt]",
    ]


def test_the_demo_arms_whatever_it_can_write(project: Project) -> None:
    prompt = "[prompt]\nsystem = ''\ncall = ''\nresult = ''\n"
    project.write(f"distinctive = false\n{prompt}", "bundled/bare.toml")
    project.write(prompt, "bundled/marked.toml")
    project.write("", "bundled/silent.toml")
    project.write("""
        [upstreams.u]
        protocol = "demo"
        [models.auto]
        upstream = "u"
        [models.named]
        upstream = "u"
        parsers = ["silent"]
    """)
    routes = project.build().routes
    armed = [parser.name for parser in routes["auto"].parsers]
    assert "silent" not in armed
    assert armed.index("marked") < armed.index("bare")
    assert [parser.name for parser in routes["named"].parsers] == ["silent"]


def test_it_cannot_be_changed(project: Project) -> None:
    snapshot = project.build(TEXT, {"KEY": "test"})
    with pytest.raises(FrozenInstanceError):
        snapshot.revision = "x"  # type: ignore[misc]


def test_the_revision_follows_contents(project: Project) -> None:
    one = project.build(TEXT, {"KEY": "test", "OTHER": "1"})
    assert project.build(TEXT, {"KEY": "test", "OTHER": "2"}).revision == one.revision
    assert project.build(TEXT, {"KEY": "else"}).revision != one.revision
    assert project.build(TEXT + "# more\n", {"KEY": "test"}).revision != one.revision


def test_a_wrong_configuration_is_one_error_with_everything_in_it(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"^routes.toml: 2 errors, 1 warning$") as caught:
        project.build("[upstreams.u]\nbase_url = 5\napi_key = '${KEY}'\n[models.m]\nupstream = 'v'\n")
    assert [(item.line, item.code) for item in caught.value.diagnostics] == [
        (2, "invalid-value"),
        (3, "off"),
        (5, "unknown-upstream"),
    ]


def test_a_broken_parser_file_is_a_problem_of_the_whole(project: Project) -> None:
    project.write("[", "bundled/broken.toml")
    with pytest.raises(ConfigError) as caught:
        project.build(TEXT, {"KEY": "test"})
    assert [item.file for item in caught.value.diagnostics] == ["bundled/broken.toml"]


def test_a_thousand_models(project: Project) -> None:
    lines = ['[upstreams.u]\nbase_url = "http://h"\n']
    lines += [
        f'[models."m{count}"]\nupstream = "u"\nmatch = ["m{count}-*"]\nmodel = "hermes"\n' for count in range(1000)
    ]
    snapshot = project.build("".join(lines))
    assert len(snapshot.routes) == 1000
    decision = snapshot.router.decide("m999-x")
    assert decision.route
    assert decision.route.key == "m999"


def test_reasoning_is_signed_with_what_every_replica_knows(project: Project) -> None:
    upstreams = project.build(KEYS, {"KEY": "secret"}).upstreams
    assert upstreams["keyed"].signing_key == derived_key("secret")
    assert upstreams["keyless"].signing_key == b""
    assert "signing_key" not in repr(upstreams["keyed"])
    own = project.build(KEYS, {"KEY": "secret", "BRIDGE_SIGNATURE_KEY": "own"}).upstreams
    assert {upstream.signing_key for upstream in own.values()} == {derived_key("own")}


@pytest.mark.parametrize(
    ("defaults", "below", "own", "limit"),
    [("", "", "", None), ("7", "", "", None), ("7", "8", "", 8), ("", "8", "9", 9), ("", "8", "0", None)],
)
def test_what_is_passed_through_is_limited_only_on_purpose(
    project: Project, defaults: str, below: str, own: str, limit: int | None
) -> None:
    def line(value: str) -> str:
        return f"max_output_tokens = {value}\n" if value else ""

    routes = project.build(
        f"[defaults]\n{line(defaults)}"
        f'[upstreams.a]\nbase_url = "http://a/v1"\nprotocol = "anthropic"\n[upstreams.a.defaults]\n{line(below)}'
        f'[models.m]\nupstream = "a"\n{line(own)}'
        f'[upstreams.b]\nbase_url = "http://b/v1"\n[models.n]\nupstream = "b"\n'
    ).routes
    assert routes["m"].max_output_tokens == limit
    assert routes["n"].max_output_tokens == int(defaults or 32_000)
