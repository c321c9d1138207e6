"""The ``[prompt]`` of a parser file: Jinja2 in a sandbox, compiled once per snapshot.

Variables: ``system`` gets ``tools``, each with ``name``, ``description``, ``parameters``.
``call`` gets ``calls``, each with ``id``, ``name``, ``arguments`` (an object), ``index``.
``result`` gets ``results``, each with ``id``, ``name``, ``content``, ``is_error``, ``index``.
An ``index`` counts the calls of the whole conversation; a result has that of its call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from bridge.core.parsing.spec import Prompt
from bridge.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT = 8 << 20
"""Characters that one template may write."""

_SAMPLE: dict[str, dict[str, object]] = {
    "system": {"tools": [{"name": "f", "description": "Does f.", "parameters": {"type": "object"}}]},
    "call": {"calls": [{"id": "call_1", "name": "f", "arguments": {"a": "b"}, "index": 0}]},
    "result": {"results": [{"id": "call_1", "name": "f", "content": "done", "is_error": False, "index": 0}]},
}


class TemplateProblem(Exception):
    """What is wrong with the template ``key``, in which of its lines (1-based)."""

    def __init__(self, key: str, line: int, message: str) -> None:
        super().__init__(message)
        self.key, self.line, self.message = key, line, message


def compile_prompt(parser: str, system: str, call: str, result: str, *, tried: bool = False) -> Prompt:
    """Templates as functions that take their variable by name; TemplateProblem when one does not work.

    Those that were ``tried`` before are compiled when they are first used.
    """
    sources = {"system": system, "call": call, "result": result}
    renders = {key: _renderer(parser, key, source) for key, source in sources.items()}
    for key, render in () if tried else renders.items():
        _try(key, sources[key], render)
    return Prompt(**renders)


def _renderer(parser: str, key: str, source: str) -> Callable[..., str]:
    def render(**variables: object) -> str:
        from jinja2 import TemplateError

        parts: list[str] = []
        size = 0
        try:
            for part in _template(source).generate(variables):
                parts.append(part)
                size += len(part)
                if size > MAX_OUTPUT:
                    raise ValueError(f"writes more than {MAX_OUTPUT} characters")
        except (
            TemplateError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            message = f"template `{key}` of parser `{parser}` failed: {error}"
            raise ConfigError(message) from error
        return "".join(parts)

    return render


def _try(key: str, source: str, render: Callable[..., str]) -> None:
    from jinja2 import TemplateSyntaxError

    try:
        _template(source)
        render(**_SAMPLE[key])
    except TemplateSyntaxError as error:
        raise TemplateProblem(key, error.lineno, error.message or "not a template") from None
    except ConfigError as error:
        raise TemplateProblem(key, 1, f"fails on a plain example: {error.__cause__}") from None


@lru_cache(maxsize=512)
def _template(source: str) -> Template:
    """Compiled once: files that extend each other share most of them, and reloads change few."""
    return _environment().from_string(source)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["tojson"] = _tojson
    return environment


def _tojson(value: object, indent: int | None = None) -> str:
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
