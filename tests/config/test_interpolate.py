"""Variables and secret files: where they may stand, and what happens without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.snapshot import digest
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from conftest import Project

REST = '[models.m]\nupstream = "u"\nmodel = "x"\n'


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${V}", {"V": "x"}, "x"),
        ("a${V}b${W}", {"V": "1", "W": "2"}, "a1b2"),
        ("${V:-d}", {}, "d"),
        ("${V:-d}", {"V": ""}, "d"),
        ("${V:-d}", {"V": "x"}, "x"),
        ("${V:-}", {}, ""),
        ("${V:?needed}", {"V": "x"}, "x"),
        ("$$", {}, "$"),
        ("$${V}", {"V": "x"}, "${V}"),
        ("$5 and $V", {"V": "x"}, "$5 and $V"),
        ("${V}", {"V": "${W}"}, "${W}"),
    ],
)
def test_values(project: Project, text: str, environ: dict[str, str], value: str) -> None:
    project.write(
        f'[upstreams.u]\nprotocol = "demo"\n{REST}display_name = "{text}"\nrequest.set.deep = [{{ x = "{text}" }}]\n'
    )
    route = project.build(environ=environ).routes["m"]
    assert route.display_name == value
    assert route.request.set == {"deep": [{"x": value}]}


def test_keys_are_left_alone(project: Project) -> None:
    project.write('[upstreams.u]\nprotocol = "demo"\n[models."${V}"]\nupstream = "u"\n')
    assert list(project.build(environ={"V": "x"}).routes) == ["${V}"]


def test_an_unset_variable_switches_only_its_upstream_and_its_client_off(project: Project) -> None:
    text = f"""\
[upstreams.u]
base_url = "http://localhost/${{PATH_}}"
api_key = "${{KEY}}"
[upstreams.v]
protocol = "demo"
{REST}
[clients.c]
key = "${{CLIENT}}"
"""
    assert project.headlines(text) == [
        "routes.toml:2:12: upstreams.u.base_url: warning: variable `PATH_` is not set: upstream `u` is off",
        "routes.toml:11:7: clients.c.key: warning: variable `CLIENT` is not set: client `c` is off",
    ]
    snapshot = project.build()
    assert snapshot.upstreams["u"].off == "variable `PATH_` is not set"
    assert snapshot.routes["m"].upstream.off
    assert not snapshot.upstreams["v"].off
    assert snapshot.clients["c"].off == "variable `CLIENT` is not set"
    assert snapshot.clients["c"].key_sha256 == ""
    on = project.build(environ={"PATH_": "v1", "KEY": "k", "CLIENT": "c"})
    assert not on.warnings
    assert on.upstreams["u"].api_key == "k"
    assert on.clients["c"].key_sha256 == digest(b"c")
    assert on.revision != snapshot.revision


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${V}", "variable `V` is not set"),
        ("${V:?set V in production}", "set V in production"),
        ("${V:?}", "variable `V` is not set"),
        ("${}", "`${` must be followed by a variable's name and `}`; `$$` is a plain dollar"),
        ("${a-b}", "`${` must be followed by a variable's name and `}`; `$$` is a plain dollar"),
        ("${V", "`${` must be followed by a variable's name and `}`; `$$` is a plain dollar"),
    ],
)
def test_elsewhere_it_is_an_error(project: Project, value: str, message: str) -> None:
    lines = project.headlines(f'[upstreams.u]\nprotocol = "demo"\n{REST}[dashboard]\nkey = "{value}"\n')
    assert lines == [f"routes.toml:7:7: dashboard.key: {message}"]


def test_secrets_in_files(project: Project) -> None:
    project.write("s3cret\n", "keys/u")
    project.write("client\r\n", "keys/c")
    text = f"""\
[upstreams.u]
base_url = "http://localhost"
api_key = {{ file = "keys/u" }}
{REST}
[clients.c]
key = {{ file = "${{FOLDER}}/c" }}
"""
    snapshot = project.build(text, {"FOLDER": "keys"})
    assert snapshot.upstreams["u"].api_key == "s3cret"
    assert snapshot.clients["c"].key_sha256 == digest(b"client")
    assert "s3cret" not in repr(snapshot)
    project.write("other\n", "keys/u")
    assert project.build(environ={"FOLDER": "keys"}).revision != snapshot.revision


def test_secret_files_are_relative_to_the_file_that_names_them(project: Project) -> None:
    project.write("deep\n", "below/key")
    project.write(f'[upstreams.u]\nbase_url = "http://h"\napi_key.file = "key"\n{REST}', "below/base.toml")
    assert project.build('extends = "below/base.toml"').upstreams["u"].api_key == "deep"


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_secret_file_without_a_secret(project: Project, content: str | None, why: str) -> None:
    if content is not None:
        project.write("", "k").write_text(content)
    text = f'[upstreams.u]\nbase_url = "http://h"\napi_key.file = "k"\n{REST}'
    assert project.headlines(text) == [
        f"routes.toml:3:16: upstreams.u.api_key.file: warning: secret file `k` {why}: upstream `u` is off"
    ]
    assert project.headlines(f'[upstreams.u]\nprotocol = "demo"\n{REST}[dashboard]\nkey.file = "k"\n') == [
        f"routes.toml:7:12: dashboard.key.file: secret file `k` {why}"
    ]


def test_a_literal_secret_is_warned_about_and_not_shown(project: Project) -> None:
    assert project.problems(f'[upstreams.my-gpu]\nbase_url = "http://h"\napi_key = "hunter2"\n{REST}'.replace('"u"', '"my-gpu"')) == [
        "routes.toml:3:11: upstreams.my-gpu.api_key: warning: a secret is written in this file",
        "    3 | api_key = *********",
        '      |           ^ refer to it: api_key = "${MY_GPU_KEY}"',
    ]  # fmt: skip
    assert project.problems(f'[upstreams.u]\nbase_url = "http://h"\napi_key = "none"\n{REST}') == []


@pytest.mark.parametrize(
    ("entry", "value", "headline"),
    [
        ('api_key = "${K}"', "a\r\nx: 1", "upstreams.u.api_key: holds a line break, another control character"),
        ('api_key = { file = "key" }', "", "upstreams.u.api_key: holds a line break, another control character"),
        ('headers.a = "${K}"', "\x00", "upstreams.u.headers: the value of `a` holds a control character"),
        ('headers.a = "${K}"', "€", "upstreams.u.headers: the value of `a` holds a control character"),
        ('headers.Content-Length = "${K}"', "3", "upstreams.u.headers: `Content-Length` is written by the HTTP client"),
        ('api_key = "${K}"', "\udcff", "upstreams.u.api_key: variable `K` is not UTF-8 text"),
        ('api_key = "${K:-${OTHER}}"', "", "upstreams.u.api_key: what stands for an unset `K` cannot be a reference"),
    ],
)
def test_what_no_header_carries_is_refused(project: Project, entry: str, value: str, headline: str) -> None:
    (project.folder / "key").write_bytes(b"one\ntwo\n")
    project.write(f'[upstreams.u]\nbase_url = "http://localhost/v1"\n{entry}\n{REST}')
    with pytest.raises(ConfigError) as caught:
        project.build(environ={"K": value})
    (problem,) = caught.value.diagnostics
    assert f"{problem.path}: {problem.message}".startswith(headline)


def test_a_secret_file_whose_name_is_unset_switches_off(project: Project) -> None:
    project.write(f'[upstreams.u]\nprotocol = "demo"\napi_key = {{ file = "${{F}}" }}\n{REST}')
    assert project.build().upstreams["u"].off == "variable `F` is not set"
