"""``probe`` against the demo and against scripted upstreams."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from scripted import DONE, Play, Upstream, chunk, completion, reply, sse

from bridge import cli

CALL = '{"name": "get_weather", "arguments": {"city": "Rome", "days": 3}}'
HERMES = reply(200, completion(f"I look.\n<tool_call>\n{CALL}\n</tool_call>"))
QWEN = reply(
    200,
    completion("<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>"),
)
PROSE = reply(200, completion("It will be sunny."))
NATIVE_CALL = {"index": 0, "id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
NATIVE = sse(chunk(tool_calls=[NATIVE_CALL]), chunk(finish="tool_calls"), DONE)
REFUSED = reply(400, '{"error": {"message": "tools are not supported"}}')


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def probe(*plays: Play, flags: tuple[str, ...] = (), model: str = "some-model") -> tuple[int, Upstream]:
    with Upstream(*plays) as upstream:
        Path("routes.toml").write_text(
            f'[upstreams.u]\nbase_url = "{upstream.url}"\n[models.m]\nupstream = "u"\nmodel = "{model}"\n'
        )
        return cli.main(["probe", "m", *flags]), upstream


def test_a_format_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    status, upstream = probe(HERMES)
    out, err = capsys.readouterr()
    assert (status, out) == (0, 'parsers = ["hermes"]\n')
    assert "hermes reads 3 of 3 answers, 3 calls" in err
    assert [bool(request.json.get("tools")) for request in upstream.requests] == [True, True, False]
    told = upstream.requests[2].json["messages"][0]
    assert told["role"] == "system"
    assert "get_weather" in told["content"]


def test_an_upstream_without_native_tools(capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = probe(REFUSED, REFUSED, QWEN)
    out, err = capsys.readouterr()
    assert (status, out) == (0, 'parsers = ["qwen3_coder"]\n')
    assert "native tools: " in err
    assert "tools are not supported" in err


def test_two_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(HERMES, QWEN, PROSE)[0] == 0
    assert set(json.loads(capsys.readouterr().out.partition("= ")[2])) == {"hermes", "qwen3_coder"}


@pytest.mark.parametrize(("last", "told"), [(PROSE, "no parser is needed"), (HERMES, 'parsers = ["hermes"]')])
def test_an_upstream_that_structures_calls(last: Play, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(NATIVE, NATIVE, last)[0] == 0
    out, err = capsys.readouterr()
    assert out == "parsers = []\n"
    assert told in err


def test_nothing_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(PROSE)[0] == 1
    out, err = capsys.readouterr()
    assert not out
    assert "It will be sunny." in err
    assert "skip_special_tokens" in err


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(HERMES, REFUSED, PROSE, flags=("--json",), model="Qwen/Qwen3-8B")[0] == 0
    found = json.loads(capsys.readouterr().out)
    assert found["line"] == 'parsers = ["hermes"]'
    assert found["parsers"][0] | {"left": 0, "models": 0} == {
        "parser": "hermes", "calls": [1, 0], "left": 0, "made_for": True, "distinctive": True, "models": 0,
    }  # fmt: skip
    first, second, third = found["answers"]
    assert CALL in first["text"]
    assert "not supported" in second["error"]
    assert third["native_tools"] is False


def test_a_dead_upstream(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    Path("routes.toml").write_text(
        f'[upstreams.u]\nbase_url = "http://127.0.0.1:{port}/v1"\n[models.m]\nupstream = "u"\n'
    )
    assert cli.main(["probe", "m"]) == 3
    assert "cannot be reached" in capsys.readouterr().err


def test_an_upstream_that_refuses_everything() -> None:
    assert probe(reply(401, "{}"))[0] == 3


@pytest.mark.parametrize(
    ("routes", "status", "text"),
    [
        ('[upstreams.u]\nbase_url = "http://h/v1"\n[models.other]\nupstream = "u"\n', 1, "`toolbridge models`"),
        (
            '[upstreams.u]\nbase_url = "http://h/v1"\napi_key = "${NO_SUCH_KEY}"\n[models.m]\nupstream = "u"\n',
            3,
            "is off",
        ),
        (
            '[upstreams.u]\nbase_url = "http://h/v1"\nprotocol = "anthropic"\n[models.m]\nupstream = "u"\n',
            1,
            "there is nothing to probe",
        ),
    ],
)
def test_routes_that_cannot_be_probed(routes: str, status: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("routes.toml").write_text(routes)
    assert cli.main(["probe", "m"]) == status
    assert text in capsys.readouterr().err


def test_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    Path("demo.toml").write_text('[upstreams.d]\nprotocol = "demo"\n[models."*"]\nupstream = "d"\nmodel = "demo"\n')
    assert cli.main(["probe", "anything", "-c", "demo.toml"]) == 0
    assert capsys.readouterr().out == 'parsers = ["hermes"]\n'
