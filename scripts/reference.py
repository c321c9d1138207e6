#!/usr/bin/env python3
"""Writes docs/reference out of the code and the parser files; with --check it only says what is out of date.

Descriptions live where the things live: in the schemas, in the docstrings, in the parser files, in argparse.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402

from bridge.cli import build_parser  # noqa: E402
from bridge.config import parser_schema, schema, templates  # noqa: E402
from bridge.config.jsonschema import json_schema  # noqa: E402
from bridge.core.anthropic import policy  # noqa: E402
from bridge.core.parsing import spec  # noqa: E402

NOTE = "<!-- written by scripts/reference.py; change the code, then run it -->"
FOLDER = ROOT / "docs" / "reference"


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ").strip()


def table(head: list[str], rows: list[list[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, row))} |" for row in lines)


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE, *(part.strip() for part in parts)]) + "\n"


def value(one: object) -> str:
    """As TOML says it."""
    match one:
        case bool():
            return f"`{str(one).lower()}`"
        case str():
            return f'`"{one}"`'
        case None:
            return ""
        case tuple() | list():
            return f"`[{', '.join(value(item).strip('`') for item in one)}]`"
        case BaseModel():
            own = [f"{key} = {value(inner).strip('`')}" for key, inner in one.model_dump().items() if inner]
            return f"`{{ {', '.join(own)} }}`" if len(own) == 1 else "`{}`"
        case dict():
            return "`{}`"
    return f"`{one}`"


# --- parsers.md ---------------------------------------------------------------------------------

TABLES: dict[str, tuple[type[BaseModel], type]] = {
    "[text]": (parser_schema.Text, spec.TextRules),
    "[noise]": (parser_schema.Noise, spec.Noise),
    "[reasoning]": (parser_schema.Reasoning, spec.ReasoningRules),
    "[[channel]]": (parser_schema.Channel, spec.Channel),
    "[section]": (parser_schema.Section, spec.Section),
    "[[call]]": (parser_schema.Call, spec.CallPattern),
    "[call.json]": (parser_schema.Json, spec.JsonRules),
    "[call.tags]": (parser_schema.Tags, spec.TagRules),
    "[call.tags] attrs": (parser_schema.TagAttrs, spec.TagAttrs),
    "[call.python]": (parser_schema.Python, spec.PythonRules),
    "[[examples]]": (parser_schema.Example, spec.Example),
    "[prompt]": (parser_schema.Prompt, spec.Prompt),
}
ELSEWHERE = {"json", "tags", "python"}


def said_of(cls: type) -> dict[str, str]:
    """The strings under the attributes of a class."""
    (tree,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    for line, following in zip(tree.body, tree.body[1:], strict=False):
        match line, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = " ".join(text.split())
    return said


def choices(annotation: Any) -> list[object]:
    if type(annotation).__name__ == "_LiteralGenericAlias":
        return list(get_args(annotation))
    return [one for inner in get_args(annotation) for one in choices(inner)]


def keys(model: type[BaseModel], said: dict[str, str]) -> Iterator[list[object]]:
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in ELSEWHERE and model is parser_schema.Call:
            continue
        default = "needed" if info.is_required() else value(info.get_default(call_default_factory=True))
        what = info.description or said.get(name) or said["name_attr"]
        options = [value(one) for one in choices(info.annotation) if get_origin(info.annotation) is not dict]
        yield [f"`{key}`", default, what + (f" {', '.join(options)}." if len(options) > 1 else "")]


def parsers() -> str:
    top = parser_schema.ParserFile.model_fields
    said = said_of(spec.ParserSpec)
    rows: list[list[object]] = []
    for name in ("schema_", "name", "summary", "extends", "models", "distinctive"):
        rows.append([f"`{top[name].alias or name}`", value(top[name].default), top[name].description or said[name]])
    parts = [
        inspect.cleandoc(spec.__doc__ or "").split("``bridge")[0].partition("\n\n")[2].replace("``", "`"),
        "A file is read with its own examples: whole, cut at every point, and one character at a time. One whose "
        "examples fail never goes live. [Write a parser](../tutorial/write-a-parser.md) shows how a file comes about.",
        "## Top of the file",
        table(["key", "default", ""], rows),
        "## Markers",
        "A text, a list of texts, or a table:",
        table(["key", "default", ""], list(keys(parser_schema.MarkerTable, said_of(spec.Marker)))),
        "Holes in its text:",
        table(["hole", "matches"], [[f"`{{{name}}}`", text] for name, text in spec.HOLES.items()]),
    ]
    for header, (model, cls) in TABLES.items():
        own = inspect.getdoc(cls) or ""
        parts += [f"## `{header}`", own.split("\n\n")[0].replace("``", "`") if header != "[prompt]" else prompt_text()]
        parts.append(table(["key", "default", ""], list(keys(model, said_of(cls)))))
        if header == "[[call]]":
            parts += ["Codecs:", table(["codec", "the body is"], [[f"`{k}`", v] for k, v in spec.CODECS.items()])]
    return page("Parser files", *parts)


def prompt_text() -> str:
    return (
        'For `tools = "prompt"`: Jinja2 templates, in a sandbox. What `call` writes, the file must read. '
        f"At most {templates.MAX_OUTPUT >> 20} MB come out of one."
    )


# --- formats.md ---------------------------------------------------------------------------------


def formats() -> str:
    rows: list[list[object]] = []
    for path in sorted((ROOT / "parsers").glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        file = tomllib.loads(text)
        comments = [line[10:].rstrip(".") for line in text.splitlines() if line.startswith("# Models: ")]
        summary = file.get("summary", "")
        rows.append(
            [
                f"[{path.stem}](../../parsers/{path.name})",
                (summary.partition(": ")[2] or summary).replace("<", "&lt;"),
                " ".join(comments).replace("<", "&lt;"),
                "yes" if file.get("distinctive", True) else "no",
                "yes" if "prompt" in file else "",
                len(file.get("examples", [])),
            ]
        )
    return page(
        "Formats",
        f"The {len(rows)} files of [`parsers/`](../../parsers). *Armed for any model*: used wherever no file names the "
        'model. *Writes prompts*: usable with `tools = "prompt"`.',
        table(["file", "layout", "models", "armed for any model", "writes prompts", "examples"], rows),
    )


# --- routes.md ----------------------------------------------------------------------------------

ROUTES: list[tuple[str, type[BaseModel]]] = [
    ("Top of the file", schema.Config),
    ("[server]", schema.Server),
    ("[defaults]", schema.Defaults),
    ("[models.ID]", schema.Model),
    ("reasoning", schema.Reasoning),
    ("tool_schema", schema.ToolSchema),
    ("timeouts", schema.Timeouts),
    ("retry", schema.Retry),
    ("request", schema.Request),
    ("[upstreams.NAME]", schema.Upstream),
    ("retry_budget", schema.RetryBudget),
    ("breaker", schema.Breaker),
    ("[clients.NAME]", schema.Client),
    ("[clients.NAME.limits]", schema.ClientLimits),
    ("[limits]", schema.Limits),
    ("[log]", schema.Log),
    ("[dashboard]", schema.Dashboard),
]


def words(node: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """The words that a value may be, as the JSON Schema has them."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    found = [value(one) for one in node.get("enum", [])]
    for inner in node.get("anyOf", []):
        found += words(inner, definitions)
    return found


def routes() -> str:
    definitions = json_schema()["$defs"]
    parts = [
        "Tables merge by key where one file extends another; scalars and lists replace. "
        "`${V}`, `${V:-default}` and `${V:?message}` in strings are variables of the environment. "
        "The shipped [`routes.toml`](../../routes.toml) shows them at work, "
        "`toolbridge check` finds every mistake, and `toolbridge schema` prints the JSON Schema for editors.",
    ]
    for title, model in ROUTES:
        properties = (json_schema() if model is schema.Config else definitions[model.__name__])["properties"]
        defaults = model().model_dump(mode="json")
        rows: list[list[object]] = []
        for name, info in model.model_fields.items():
            if model is schema.Model and name in schema.Defaults.model_fields:
                continue
            what = [info.description or ""]
            if len(options := words(properties[name], definitions)) > 1:
                what.append(f"{', '.join(options)}.")
            rows.append([f"`{name}`", value(defaults[name]), " ".join(what)])
        heading = title if title.startswith("Top") else f"`{title}`"
        parts += [f"## {heading}", (inspect.getdoc(model) or "").replace("``", "`")]
        parts.append(table(["key", "default", ""], rows))
    return page("routes.toml", *parts)


# --- cli.md -------------------------------------------------------------------------------------


def verbs(parser: argparse.ArgumentParser, help: str = "") -> Iterator[str]:
    """A section for each command, without argparse's layout: that differs between versions of Python."""
    rows: list[list[object]] = []
    inner: list[tuple[argparse.ArgumentParser, str]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            inner += [(sub, told.get(name, "")) for name, sub in action.choices.items()]
        elif not isinstance(action, argparse._HelpAction | argparse._VersionAction):
            rows.append([f"`{spelled(action)}`", action.help or ""])
    what = parser.description or f"{help[:1].upper()}{help[1:]}."
    parts = [f"## `{parser.prog}`", what]
    if rows:
        parts.append(table(["argument", ""], rows))
    if parser.epilog:
        parts.append("\n".join(f"- {line}" for line in parser.epilog.strip().splitlines()))
    yield "\n\n".join(parts)
    for sub, told_of in inner:
        yield from verbs(sub, told_of)


def spelled(action: argparse.Action) -> str:
    metavar = str(
        action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    )
    names = ", ".join(action.option_strings)
    if not names:
        return f"[{metavar} ...]" if action.nargs == "*" else f"[{metavar}]" if action.nargs == "?" else metavar
    return names if action.nargs == 0 else f"{names} {metavar}"


def cli() -> str:
    return page("Commands", "Every command takes `--help`.", *verbs(build_parser()))


# --- fields.md ----------------------------------------------------------------------------------


def row_cells(name: str, row: policy.Row) -> list[object]:
    return [f"`{name}`", row.action, row.note]


def fields_table(rows: Mapping[str, policy.Row]) -> str:
    return table(["field", "what becomes of it", ""], [row_cells(name, row) for name, row in rows.items()])


def types_table(rows: Mapping[str, policy.Row]) -> str:
    return table(["type", "what becomes of it", ""], [row_cells(name, row) for name, row in rows.items()])


def fields() -> str:
    parts = [
        "What becomes of every field of a Messages request on a chat completions upstream. "
        '`protocol = "anthropic"` passes all of them through as they came. What is left out with a warning is named in '
        "the header `x-bridge-warnings` and in the log. A field that stands nowhere on this page is left out with a "
        "warning; one that is null counts as absent.",
        table(["word", "means"], [[f"*{action}*", said] for action, said in policy.ACTIONS.items()]),
    ]
    for path, rows in policy.TABLES.items():
        parts += [f"## `{path}`" if path else "## The request", fields_table(rows.rows)]
        if path == "thinking":
            parts += ["Its types:", types_table(policy.THINKING_TYPES)]
        if path == "tools.*":
            parts += ["Types of tools; any other one is taken for a server tool:", types_table(policy.TOOL_TYPES)]
    blocks: list[list[object]] = []
    keys: list[list[object]] = []
    for kind, block in policy.BLOCKS.items():
        places = ", ".join(policy.PLACES[place] for place in block.places)
        blocks.append([f"`{kind}`", places, block.row.action, block.row.note])
        keys += [
            [f"`{kind}`", *row_cells(key, row)]
            for key, row in block.fields.rows.items()
            if block.places and key not in ("type", "cache_control")
        ]
    parts += [
        "## Content blocks",
        "A block of another type, or in another place, is refused with its path.",
        table(["type", "in", "what becomes of it", ""], blocks),
        "## Fields of blocks",
        "`cache_control` is silent in all of them.",
        table(["block", "field", "what becomes of it", ""], keys),
        "## Sources",
        "Of images:",
        types_table(policy.IMAGE_SOURCES),
        "Of documents:",
        types_table(policy.DOCUMENT_SOURCES),
        "## `citations` of documents and search results",
        fields_table(policy.CITATIONS.rows),
    ]
    return page("Request fields", *parts)


PAGES: dict[str, Callable[[], str]] = {
    "parsers.md": parsers,
    "formats.md": formats,
    "routes.md": routes,
    "cli.md": cli,
    "fields.md": fields,
}


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for name, write in PAGES.items():
        path, text = FOLDER / name, write()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"docs/reference: {', '.join(stale)} out of date; run scripts/reference.py", file=sys.stderr)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
