"""The rules that keep the code in shape. A rule that matters is a test, not a page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))

LONGEST_MODULE = 400
LONGEST_FUNCTION = 70

IMPURE = {
    "asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "queue", "random",
    "secrets", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
    "uuid", "warnings",
}  # fmt: skip
"""Of the standard library, what the core must not touch: clocks, chance, threads, the outside world."""

CLIENT = {
    "httpx": {
        "upstream/http1/connecting.py",
        "upstream/http.py",
        "upstream/http1/reply.py",
        "upstream/http1/transport.py",
    },
    "httptools": {"upstream/http1/reply.py"},
    "ssl": {"upstream/http1/connecting.py", "upstream/http1/transport.py"},
}
"""What the HTTP client is made of, and the only modules that import it."""

OTHER_CLIENTS = {"aiohttp", "httpcore", "httpx2", "requests", "urllib3"}

WIRE_WORDS = {
    "core/anthropic": [
        "content_block", "message_start", "message_delta", "message_stop", "text_delta", "thinking_delta",
        "input_json_delta", "signature_delta", "partial_json", "tool_use_id", "cache_control",
        "anthropic-version", "overloaded_error", "api_error", "timeout_error", "redacted_thinking",
    ],
    "core/openai": [
        "finish_reason", "tool_calls", "tool_call_id", "reasoning_content", "stream_options", "include_usage",
        "chat.completion", "prompt_tokens", "completion_tokens", "parallel_tool_calls", "image_url", "[DONE]",
    ],
}  # fmt: skip
"""Words of a wire format and the only package that may spell them (`max_completion_tokens` is another word)."""

UNTESTED = {
    "__init__.py": "the version; the packages' own __init__ modules hold only a docstring",
    "__main__.py": "runs as a process in tests/cli/test_main.py",
    "cli/__init__.py": "tests/cli/test_main.py",
    "core/carrier.py": "a protocol and a value, without behaviour",
    "core/events.py": "values without behaviour",
    "core/conversation.py": "values without behaviour",
    "core/route.py": "values without behaviour",
    "core/parsing/spec.py": "values without behaviour",
}
"""Modules without a test file of their own, and why."""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield node.module or ""


def constants(path: Path) -> Iterator[tuple[int, str]]:
    """Every string in the code that is not a docstring, with its line."""
    docs = {id(node.value) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and id(node) not in docs:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("latin-1")


def test_imports_go_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_core_is_pure() -> None:
    offences = []
    for path in sorted((PACKAGE / "core").rglob("*.py")):
        for name in imports(path):
            top = name.partition(".")[0]
            own = name.startswith("bridge.core") or name == "bridge.errors"
            json_library = name == "msgspec" and name_of(path) == "core/jsontext.py"
            standard = top in sys.stdlib_module_names and top not in IMPURE
            if not (own or json_library or standard):
                offences.append(f"{name_of(path)} imports {name}")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                offences.append(f"{name_of(path)}:{node.lineno} is asynchronous")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print"}:
                offences.append(f"{name_of(path)}:{node.lineno} calls {node.func.id}()")
    assert not offences


def importers(*packages: str) -> set[str]:
    return {name_of(path) for path in MODULES if {n.partition(".")[0] for n in imports(path)} & set(packages)}


def test_there_is_one_http_client() -> None:
    assert {package: importers(package) for package in CLIENT} == CLIENT
    assert importers(*OTHER_CLIENTS) == set()


def test_the_rest_of_the_program_knows_only_what_the_client_is_for() -> None:
    """Behind ``bridge.upstream.http`` its parts know each other, and nobody else knows them."""
    parts = {f"bridge.{name.removesuffix('.py').replace('/', '.')}" for name in CLIENT["httpx"]}
    parts = parts - {"bridge.upstream.http"} | {"bridge.upstream.http1.connection"}
    users = {name_of(path) for path in MODULES if parts & set(imports(path))}
    assert users == {"upstream/http1/connection.py", "upstream/http.py", "upstream/http1/transport.py"}


@pytest.mark.parametrize("package", WIRE_WORDS)
def test_wire_words_live_in_one_package(package: str) -> None:
    offences = [
        f"{name_of(path)}:{line} spells {word!r}"
        for path in MODULES
        if not name_of(path).startswith(package)
        for line, text in constants(path)
        for word in WIRE_WORDS[package]
        if re.search(rf"(?<![a-z_]){re.escape(word)}", text)
    ]
    assert not offences


def test_modules_are_short() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_functions_fit_a_screen() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert not long


def test_every_module_has_its_test_file() -> None:
    missing = []
    for path in MODULES:
        name = path.relative_to(PACKAGE)
        only_docstring = name.name == "__init__.py" and len(tree_of(path).body) == 1
        if not only_docstring and name_of(path) not in UNTESTED:
            test = ROOT / "tests" / name.parent / f"test_{name.stem}.py"
            if not test.exists():
                missing.append(f"{name} has no {test.relative_to(ROOT)}")
    assert not missing
    assert set(UNTESTED) <= {name_of(path) for path in MODULES}


def test_modules_and_public_functions_say_what_they_do() -> None:
    silent = [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))]
    silent += [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and (node.end_lineno or 0) - node.lineno > 5
    ]
    assert not silent


def test_nothing_is_left_to_do() -> None:
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [name_of(path) for path in MODULES if marker.search(path.read_text())] == []


def test_no_file_names_a_package_registry() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "crates" + ".io"]
    done = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file()}
    assert [path.relative_to(ROOT) for path, text in texts.items() if any(host in text for host in hosts)] == []
