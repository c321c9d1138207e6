"""The flat configuration: complete, without secrets, and the same when read again."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from bridge.config.document import Origin
from bridge.config.effective import effective, origin, toml_lines

if TYPE_CHECKING:
    from conftest import Project

TEXT = """\
parser_dirs = ["own"]
[defaults]
timeouts.connect = "2s"
request.headers = { x-team = "a", x-api-key = "hunter2" }
[upstreams.u]
base_url = "${URL:-http://localhost/v1}"
api_key = "${KEY:-hunter2}"
headers = { Authorization = "Bearer ${KEY}" }
defaults.max_output_tokens = 100
[upstreams.v]
base_url = ["http://a/v1", "http://b/v1"]
api_key = "hunter2"
[upstreams.w]
base_url = "http://w"
api_key.file = "keys/w"
[models."*"]
upstream = "u"
display_name = "costs $${5} \\"and\\" $$5"
request.set = { deep = [{ x = 1.5 }, { y = [true] }], n = 10 }
[clients.c]
key.sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
limits = { requests = "60/minute" }
[limits]
storage = "redis://u:hunter2@h/0"
[dashboard]
enabled = false
"""


def flat(project: Project, environ: dict[str, str]) -> str:
    return "\n".join(line for line, _ in toml_lines(effective(project.load(environ)))) + "\n"


def test_everything_is_there_and_no_secret(project: Project) -> None:
    project.write("hunter2\n", "keys/w")
    project.write("", "own/.keep")
    project.write(TEXT)
    text = flat(project, {"KEY": "hunter2"})
    assert "hunter2" not in text
    tree = tomllib.loads(text)
    assert tree["parser_dirs"] == ["own"]
    assert "defaults" not in tree
    assert tree["upstreams"]["u"]["base_url"] == "http://localhost/v1"
    assert tree["upstreams"]["u"]["api_key"] == "${KEY:-***}"
    assert tree["upstreams"]["u"]["headers"] == {"Authorization": "Bearer ${KEY}"}
    assert tree["upstreams"]["v"]["api_key"] == "***"
    assert tree["upstreams"]["w"]["api_key"] == {"file": "keys/w"}
    model = tree["models"]["*"]
    assert model["timeouts"] == {"connect": "2s", "first_token": "2m", "stall": "2m", "total": "30m"}
    assert model["max_output_tokens"] == 100
    assert model["request"]["headers"] == {"x-team": "a", "x-api-key": "***"}
    assert model["request"]["set"] == {"deep": [{"x": 1.5}, {"y": [True]}], "n": 10}
    assert tree["clients"]["c"]["limits"] == {"requests": "60/minute"}
    assert tree["limits"] == {"request_body": "32MB", "in_flight": 512, "storage": "redis://*********@h/0"}
    assert tree["dashboard"]["enabled"] is False


def test_reading_it_again_gives_the_same(project: Project) -> None:
    project.write("hunter2\n", "keys/w")
    project.write("", "own/.keep")
    project.write(TEXT.replace("hunter2@", "x@").replace('"hunter2"', '"none"'))
    environ = {"KEY": "k"}
    first, text = project.build(environ=environ), flat(project, environ)
    project.path.write_text(text.replace("redis://***@h", "redis://u:x@h"))
    second = project.build(environ=environ)
    assert second.routes == first.routes
    assert second.routes["*"].display_name == 'costs ${5} "and" $5'
    assert (second.upstreams, second.clients, second.limits) == (first.upstreams, first.clients, first.limits)


def test_where_values_were_set(project: Project) -> None:
    project.write(TEXT, "base.toml")
    project.write('extends = "base.toml"\n[models."*"]\nmodel = "x"\n')
    loaded = project.load({"KEY": "k"})

    def place(*path: str) -> tuple[str, int] | None:
        found = origin(loaded, path)
        assert found is None or isinstance(found, Origin)
        return (found.file, found.place.line) if found else None

    assert place("models", "*", "model") == ("routes.toml", 3)
    assert place("models", "*", "display_name") == ("base.toml", 18)
    assert place("models", "*", "max_output_tokens") == ("base.toml", 9)
    assert place("models", "*", "timeouts", "connect") == ("base.toml", 3)
    assert place("models", "*", "timeouts", "stall") is None
    assert place("dashboard", "enabled") == ("base.toml", 26)
    assert place("server", "listen") is None
