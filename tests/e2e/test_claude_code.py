"""Claude Code itself does a task through the proxy, while the upstream writes every call as text.

Everything runs on loopback, with a home of its own; ``-s`` shows how long each run took.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from official import routes
from scripted import END, KEEP, Upstream, chunk, head, sse
from tap import Tap
from workshop import LAST, Workshop, typed
from written import MODELS, written

pytestmark = pytest.mark.e2e

FORMATS = ["hermes", "qwen3_coder", "deepseek_v3_1", "deepseek_v3_2", "kimi_k2", "glm", "minimax_m2"]
TOP = {"model", "messages", "tools", "stream", "stream_options", "max_tokens", "reasoning_effort", "user"}
"""All that Claude Code's requests come to, upstream."""


def check_request(body: dict[str, Any]) -> None:
    """A request that any chat template takes: one system message, first; nothing of the Messages API left over."""
    assert body.keys() <= TOP
    roles = [message["role"] for message in body["messages"]]
    assert roles[0] == "system"
    assert "system" not in roles[1:]
    # The list of skills; some names get it as a system message in the middle.
    assert any("security-review" in json.dumps(message) for message in body["messages"][1:])
    text = json.dumps(body)
    assert [word for word in ("cache_control", "defer_loading", "tool_reference") if f'"{word}"' in text] == []


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("asked", ["", "house-coder-7b"], ids=["its-own-model", "unknown-model"])
def test_a_task(workshop: Workshop, proxy: Any, name: str, asked: str) -> None:
    """Write, Bash and a final answer; an unknown name goes to an upstream whose model id says nothing either."""
    model = "acme/model-1" if asked else MODELS[name]
    with Upstream(*map(typed, workshop.steps(name))) as upstream, proxy.using(routes(upstream.url, model)):
        run = workshop.run(*(["--model", asked] if asked else []))
        workshop.check(run)
        assert run.output["num_turns"] == 3
        requests = [request.json for request in upstream.requests]
        assert len(requests) == 3
        for request in requests:
            assert request["model"] == model
            assert request["stream"]
            check_request(request)
        # What the tools gave back reached the model, each behind its call.
        *_, call, result = requests[2]["messages"]
        assert call["tool_calls"][0]["function"]["name"] == "Bash"
        assert result["tool_call_id"] == call["tool_calls"][0]["id"]
        assert "hello 1" in result["content"]


@pytest.mark.parametrize(
    "asked", ["opus", "sonnet", "haiku", "claude-sonnet-4-5[1m]", "claude-opus-4-8", "qwen3-coder"]
)
def test_names(workshop: Workshop, proxy: Any, asked: str) -> None:
    """The client's requests differ by what it takes the model for; all are understood."""
    with Upstream(typed(LAST)) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        run = workshop.run("--model", asked)
        assert (run.code, run.said) == (0, LAST)
        (request,) = upstream.requests
        assert request.json["model"] == MODELS["hermes"]
        check_request(request.json)
        name = asked.removesuffix("[1m]")
        assert re.search(rf'"model":"[\w-]*{name}', proxy.log())
        assert len(request.json["tools"]) > 5


def test_thinking_and_a_call(workshop: Workshop, proxy: Any) -> None:
    """Reasoning comes as thinking and is taken back in the next request."""
    first, second, last = workshop.steps("hermes")
    think = [chunk(reasoning_content=word) for word in ("Let ", "me ", "see.")]
    plays = [
        sse(*think, *(chunk(c) for c in first), chunk(finish="stop")),
        typed(f"<think>And now?</think>{second}"),
        typed(last),
    ]
    with Upstream(*plays) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        workshop.check(workshop.run("--model", "house-coder-7b"))
        assert len(upstream.requests) == 3


def test_parallel_calls(workshop: Workshop, proxy: Any) -> None:
    files = [str(workshop.project / f"{letter}.txt") for letter in "abc"]
    calls = [("Write", {"file_path": file, "content": f"in {file}\n"}) for file in files]
    both = written("hermes", "All at once.", *calls)
    with Upstream(typed(both), typed("Done.")) as upstream, proxy.using(routes(upstream.url, MODELS["hermes"])):
        run = workshop.run(prompt="Write three files.")
        assert (run.code, run.said) == (0, "Done.")
        assert [Path(file).read_text() for file in files] == [f"in {file}\n" for file in files]
        results = [message for message in upstream.requests[1].json["messages"] if message["role"] == "tool"]
        assert len({message["tool_call_id"] for message in results}) == 3


@pytest.mark.parametrize("name", ["hermes", "kimi_k2"])
def test_tools_that_are_searched_for(workshop: Workshop, proxy: Any, name: str) -> None:
    """A tool is shown to the model once it was found, and can then be called."""
    notebook = workshop.project / "a.ipynb"
    workshop.project.mkdir()
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    edit = {"notebook_path": str(notebook), "edit_mode": "insert", "cell_type": "code", "new_source": "print(1)"}
    calls = [
        ("ToolSearch", {"query": "select:NotebookEdit", "max_results": 3}),
        ("Read", {"file_path": str(notebook)}),
        ("NotebookEdit", edit),
    ]
    texts = [written(name, "So.", call, first=number) for number, call in enumerate(calls)]
    workshop.environment["ENABLE_TOOL_SEARCH"] = "true"
    with (
        Upstream(*map(typed, [*texts, "Done."])) as upstream,
        proxy.using(routes(upstream.url, MODELS[name])),
    ):
        run = workshop.run("--allowedTools", "NotebookEdit", prompt="Add a cell.")
        assert (run.code, run.said) == (0, "Done.")
        assert "print(1)" in notebook.read_text()
        requests = [request.json for request in upstream.requests]
        shown = ["NotebookEdit" in [tool["function"]["name"] for tool in request["tools"]] for request in requests]
        assert shown == [False, True, True, True]
        for request in requests:
            check_request(request)


def test_a_subagent(workshop: Workshop, proxy: Any) -> None:
    """It asks the same proxy for itself, and its report reaches the first one as the result of a call."""
    task = {"description": "count", "prompt": "How many files are there?", "subagent_type": "general-purpose"}
    texts = [written("glm", "I delegate.", ("Agent", task)), "There are 42.", "It found 42."]
    with Upstream(*map(typed, texts)) as upstream, proxy.using(routes(upstream.url, MODELS["glm"])):
        run = workshop.run("--model", "house-coder-7b", prompt="Count the files.")
        assert (run.code, run.said) == (0, "It found 42.")
        main, sub, after = (request.json for request in upstream.requests)
        assert "How many files are there?" in json.dumps(sub["messages"])
        assert "How many files are there?" not in json.dumps(main["messages"])
        assert (after["messages"][-1]["role"], after["messages"][:2]) == ("tool", main["messages"])
        assert "There are 42." in after["messages"][-1]["content"]


def test_context(workshop: Workshop, proxy: Any) -> None:
    """The command counts tokens with many requests at once; all are answered."""
    with (
        Upstream([head(), END, KEEP]) as upstream,
        proxy.using(routes(upstream.url, "m", extra='count_tokens = "estimate"')),
        Tap(proxy.url) as tap,
    ):
        workshop.url = tap.url
        run = workshop.run(prompt="/context")
        assert run.code == 0
        assert "Context Usage" in run.said
        assert not upstream.requests
        assert tap.sent.count(b"POST /v1/messages/count_tokens?beta=true ") == 14
        assert tap.received.count(b'{"input_tokens":') == 14
        assert set(re.findall(rb"HTTP/1.1 \d+", tap.received)) == {b"HTTP/1.1 200"}


def test_a_system_message_in_the_middle(workshop: Workshop, proxy: Any) -> None:
    """Sent for every name that the client does not know. Templates refuse it; its words are not lost."""
    with (
        Upstream(typed(LAST)) as upstream,
        proxy.using(routes(upstream.url, MODELS["hermes"])),
        Tap(proxy.url) as tap,
    ):
        workshop.url = tap.url
        run = workshop.run("--model", "house-coder-7b")
        assert (run.code, run.said) == (0, LAST)
        (body,) = re.findall(rb"\r\n\r\n(\{.*?\})\n?(?=POST|HEAD|$)", tap.sent, re.DOTALL)
        sent = json.loads(body)
        assert [message["role"] for message in sent["messages"]] == ["user", "system"]
        words = sent["messages"][1]["content"]
        assert "security-review" in words
        system, user = upstream.requests[0].json["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert words.strip() in user["content"]


def test_the_variables_that_toolbridge_prints(workshop: Workshop, proxy: Any) -> None:
    """With a proxy that asks for a key."""
    with (
        Upstream(*map(typed, workshop.steps("hermes"))) as upstream,
        proxy.using(routes(upstream.url, MODELS["hermes"], rest='[clients.laptop]\nkey = "laptop-key"\n')),
    ):
        command = [sys.executable, "-m", "bridge", "env", "--shell", "bash", "--url", proxy.url]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        workshop.environment = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert workshop.environment["ANTHROPIC_BASE_URL"] == proxy.url
        workshop.environment["ANTHROPIC_AUTH_TOKEN"] = "laptop-key"
        workshop.check(workshop.run())
        assert "laptop-key" not in proxy.log() + str(upstream.requests)
