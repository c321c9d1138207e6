"""Claude Code itself does a task through the proxy, while the upstream writes every call as text.

Opt-in (``make e2e``): it installs the client with npm. Everything runs on loopback, with a home of
its own; ``-s`` shows how long each run took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import running
from official import routes
from scripted import END, KEEP, RST, Play, Upstream, answer, chunk, completion, head, part, reply, sse
from written import MODELS, written

pytestmark = pytest.mark.e2e

SCRIPT = 'import sys\n\n# says "hello" & <b>more</b>\nprint("hello", len(sys.argv))\n'
PROMPT = "Write hello.py, run it, and tell me what it printed."
LAST = "It printed hello 1."


@dataclass
class Run:
    """What a run of ``claude -p`` left behind."""

    code: int
    output: dict[str, Any]
    errors: str
    seconds: float

    @property
    def said(self) -> str:
        return str(self.output.get("result", ""))


@dataclass
class Workshop:
    """A folder to work in and a client that is pointed at one proxy."""

    program: Path
    folder: Path
    url: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """What the model does."""
        script = self.project / "hello.py"
        return [
            ("Write", {"file_path": str(script), "content": SCRIPT}),
            ("Bash", {"command": "python3 hello.py | tee out.txt", "description": "Run it & keep the output"}),
        ]

    def steps(self, name: str) -> list[str]:
        """The model's three answers, as text of this format."""
        first, second = self.calls
        return [
            written(name, "I will write it.", first),
            written(name, "Now I run it.", second, first=1),
            LAST,
        ]

    def run(self, *arguments: str, prompt: str = PROMPT, timeout: float = 120) -> Run:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "x",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            **self.environment,
        }
        command = [str(self.program), "-p", prompt, "--output-format", "json", "--allowedTools", "Read,Write,Edit,Bash"]
        before = time.monotonic()
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        seconds = time.monotonic() - before
        output = json.loads(done.stdout) if done.stdout.startswith("{") else {"result": done.stdout}
        print(f"\nclaude {' '.join(arguments)}: {seconds:.1f} s, {output.get('num_turns')} turns")
        return Run(done.returncode, output, done.stderr, seconds)

    def check(self, run: Run) -> None:
        """The task was done, and nothing of a call was taken for text."""
        assert run.code == 0, (run.output, run.errors)
        assert run.output["is_error"] is False
        assert run.said == LAST
        assert (self.project / "hello.py").read_text() == SCRIPT
        assert (self.project / "out.txt").read_text() == "hello 1\n"


@pytest.fixture
def workshop(claude: Path, tmp_path: Path) -> Workshop:
    made = Workshop(claude, tmp_path)
    made.project.mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "proxy").mkdir()
    return made


def typed(text: str) -> Play:
    """A streamed answer, four characters at a time."""
    return answer(*(text[i : i + 4] for i in range(0, len(text), 4)))


def serving(workshop: Workshop, upstream: Upstream, model: str, extra: str = "") -> Any:
    return running.serving(workshop.folder / "proxy", routes(upstream.url, model, extra=extra))


@pytest.fixture(params=["hermes", "qwen3_coder", "deepseek_v3_2"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("asked", ["", "house-coder-7b"], ids=["its-own-model", "unknown-model"])
def test_a_task(workshop: Workshop, name: str, asked: str) -> None:
    """Write, Bash and a final answer; an unknown name goes to an upstream whose model id says nothing either."""
    model = "acme/model-1" if asked else MODELS[name]
    with Upstream(*map(typed, workshop.steps(name))) as upstream, serving(workshop, upstream, model) as proxy:
        workshop.url = proxy.url
        run = workshop.run(*(["--model", asked] if asked else []))
        workshop.check(run)
        assert run.output["num_turns"] == 3
        requests = [request.json for request in upstream.requests]
        assert len(requests) == 3
        assert all(request["model"] == model and request["stream"] for request in requests)
        # What the tools gave back reached the model, each behind its call.
        *_, call, result = requests[2]["messages"]
        assert call["tool_calls"][0]["function"]["name"] == "Bash"
        assert result["tool_call_id"] == call["tool_calls"][0]["id"]
        assert "hello 1" in result["content"]
        assert all(message["role"] != "system" for message in requests[2]["messages"][1:])
        assert "Traceback" not in proxy.log()
        assert '"level":"error"' not in proxy.log()


def native_cut(workshop: Workshop) -> Play:
    (tool, arguments), _ = workshop.calls
    fragment = {"index": 0, "id": "c1", "function": {"name": tool, "arguments": json.dumps(arguments)[:60]}}
    return [head(), part(chunk("I will write it.")), part(chunk(tool_calls=[fragment])), RST]


def text_cut(workshop: Workshop) -> Play:
    text = workshop.steps("hermes")[0]
    return [head(), part(chunk(text[:80])), part(chunk(text[80:120])), RST]


@pytest.mark.parametrize("cut", [text_cut, native_cut])
def test_an_upstream_that_dies_inside_arguments(workshop: Workshop, cut: Any) -> None:
    """No block was completed, so Claude Code asks again by itself, and goes on."""
    first, second, last = workshop.steps("hermes")
    plays = [cut(workshop), reply(200, completion(first)), typed(second), typed(last)]
    with Upstream(*plays) as upstream, serving(workshop, upstream, MODELS["hermes"]) as proxy:
        workshop.url = proxy.url
        workshop.check(workshop.run())
        assert [request.json.get("stream", False) for request in upstream.requests] == [True, False, True, True]
        assert '"fault":"api"' in proxy.log()


def test_a_502_at_the_start_and_another_on_the_way(workshop: Workshop) -> None:
    """Retried by the proxy: Claude Code sees three answers and no failure."""
    first, second, last = map(typed, workshop.steps("hermes"))
    bad = reply(502, "<html>Bad Gateway</html>", "text/html")
    with Upstream(bad, first, bad, second, last) as upstream, serving(workshop, upstream, MODELS["hermes"]) as proxy:
        workshop.url = proxy.url
        run = workshop.run()
        workshop.check(run)
        assert len(upstream.requests) == 5
        assert proxy.log().count('"attempts":2') == 2


def test_a_history_that_is_too_long_is_compacted(workshop: Workshop) -> None:
    """Claude Code does it by itself when it is told so in the words that it knows, and if there is enough to compact."""
    first, second, last = map(typed, workshop.steps("hermes"))
    message = (
        "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens "
        "(8000 in the messages, 32000 in the completion). Please reduce the length of the messages or completion."
    )
    full = reply(400, json.dumps({"object": "error", "message": message, "type": "BadRequestError", "code": 400}))
    summary = typed("<summary>hello.py was written and run; it printed hello 1.</summary>")
    with (
        Upstream(first, second, full, summary, last) as upstream,
        serving(workshop, upstream, MODELS["hermes"]) as proxy,
    ):
        workshop.url = proxy.url
        workshop.check(workshop.run())
        assert len(upstream.requests) == 5
        assert "hello.py was written and run" in json.dumps(upstream.requests[4].json["messages"])


def test_a_wrong_key_ends_at_once(workshop: Workshop) -> None:
    """The operator's, at the upstream: no minutes of retries, and the message says where to look."""
    with (
        Upstream(reply(401, '{"error": {"message": "Incorrect API key"}}')) as upstream,
        serving(workshop, upstream, "m") as proxy,
    ):
        workshop.url = proxy.url
        run = workshop.run()
        assert run.output["is_error"] is True
        assert "upstreams.up.api_key" in run.said
        assert len(upstream.requests) == 1
        assert run.seconds < 30


def test_thinking_and_a_call(workshop: Workshop) -> None:
    """Reasoning comes as thinking and is taken back in the next request."""
    first, second, last = workshop.steps("hermes")
    think = [chunk(reasoning_content=word) for word in ("Let ", "me ", "see.")]
    plays = [
        sse(*think, *(chunk(c) for c in first), chunk(finish="stop")),
        typed(f"<think>And now?</think>{second}"),
        typed(last),
    ]
    with Upstream(*plays) as upstream, serving(workshop, upstream, MODELS["hermes"]) as proxy:
        workshop.url = proxy.url
        workshop.check(workshop.run("--model", "house-coder-7b"))
        assert len(upstream.requests) == 3


def test_the_variables_that_toolbridge_prints(workshop: Workshop) -> None:
    """With a proxy that asks for a key."""
    with Upstream(*map(typed, workshop.steps("hermes"))) as upstream:
        text = routes(upstream.url, MODELS["hermes"], rest='[clients.laptop]\nkey = "laptop-key"\n')
        with running.serving(workshop.folder / "proxy", text) as proxy:
            command = [sys.executable, "-m", "bridge", "env", "--shell", "bash", "--url", proxy.url]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            workshop.environment = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            assert workshop.environment["ANTHROPIC_BASE_URL"] == proxy.url
            workshop.environment["ANTHROPIC_AUTH_TOKEN"] = "laptop-key"
            workshop.check(workshop.run())
            assert "laptop-key" not in proxy.log() + str(upstream.requests)


def test_parallel_calls(workshop: Workshop) -> None:
    files = [str(workshop.project / f"{letter}.txt") for letter in "abc"]
    calls = [("Write", {"file_path": file, "content": f"in {file}\n"}) for file in files]
    both = written("hermes", "All at once.", *calls)
    with Upstream(typed(both), typed("Done.")) as upstream, serving(workshop, upstream, MODELS["hermes"]) as proxy:
        workshop.url = proxy.url
        run = workshop.run(prompt="Write three files.")
        assert (run.code, run.said) == (0, "Done.")
        assert [Path(file).read_text() for file in files] == [f"in {file}\n" for file in files]
        results = [message for message in upstream.requests[1].json["messages"] if message["role"] == "tool"]
        assert len({message["tool_call_id"] for message in results}) == 3


def test_context(workshop: Workshop) -> None:
    """The command counts tokens with many requests at once."""
    with Upstream([head(), END, KEEP]) as upstream, serving(workshop, upstream, "m") as proxy:
        workshop.url = proxy.url
        run = workshop.run(prompt="/context")
        assert run.code == 0
        assert "Context Usage" in run.said
        assert not upstream.requests
