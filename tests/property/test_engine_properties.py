"""What holds for every model output, every parser file and every way of splitting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reading import FORMATS, HERMES, call, check, engine, joined, run

from bridge.core.conversation import Tool
from bridge.core.events import ParserEvent, TextDelta, ThinkingDelta, ToolCallAbort, ToolCallDelta
from bridge.core.parsing.spec import (
    CallPattern,
    Channel,
    JsonRules,
    Marker,
    Noise,
    ParserSpec,
    PythonRules,
    ReasoningRules,
    Section,
    TagAttrs,
    TagRules,
    TextRules,
)

FILLED = {"{name}": "f", "{key}": "a", "{attrs}": ' name="f"', "{ws}": "\n", "{id}": "7", "{type}": "json", "{_}": "x"}
COMMON = (
    '{"name": "f", "arguments": {"a": "x"}}', '{"name": "nope", "arguments": {}}', '{"a": "b"}', "{}", "{", "}", "[", "]",
    '"', "'", "\\", "\n", "\n\n", " ", "\t", "\r\n", "words", "`", "```", "~~~\n", "<", "</", ">", "é", "🌸", '"a":', "true",
    "None", ",", ":", ";", "5.0", '[f(a="x"), g()]', 'f(a="x")', ' name="a"', "f", "get_weather", "$", "|", "\ud800",
)  # fmt: skip


def filled(literal: str) -> str:
    for hole, text in FILLED.items():
        literal = literal.replace(hole, text)
    return literal


def markers(spec: ParserSpec) -> list[Marker]:
    found: list[Marker | None] = [spec.reasoning.open, spec.reasoning.close]
    if spec.section:
        found += [spec.section.open, spec.section.close]
    for channel in spec.channels:
        found += [channel.open, channel.close]
    for pattern in spec.calls:
        found += [pattern.open, pattern.close, pattern.tags.open, pattern.tags.close]
    return [marker for marker in found if marker]


def vocabulary(specs: tuple[ParserSpec, ...]) -> list[str]:
    own = [filled(lit) for spec in specs for marker in markers(spec) for lit in marker.lit]
    own += [lit for spec in specs for lit in (*spec.noise.anywhere, *spec.noise.tail)]
    halves = [lit[: len(lit) // 2] for lit in own if len(lit) > 1]
    return [*COMMON, *own, *own, *own, *halves]


@st.composite
def armed(draw: st.DrawFn) -> tuple[ParserSpec, ...]:
    return tuple(draw(st.lists(st.sampled_from(FORMATS), min_size=1, max_size=3, unique_by=lambda spec: spec.name)))


@st.composite
def outputs(draw: st.DrawFn, specs: tuple[ParserSpec, ...]) -> str:
    return "".join(draw(st.lists(st.sampled_from(vocabulary(specs)), max_size=16)))


@st.composite
def cut_up(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=8))))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


OPTIONS = st.fixed_dictionaries(
    {
        "finish": st.sampled_from(["stop", "length", "cut"]),
        "streaming": st.sampled_from(["complete", "eager"]),
        "starts_open": st.sampled_from([None, True, False]),
        "thinking": st.sampled_from([True, True, False]),
    }
)


@settings(max_examples=400)
@given(st.data(), armed(), OPTIONS)
def test_any_split_gives_the_same_events(data: st.DataObject, specs: tuple[ParserSpec, ...], options: Any) -> None:
    text = data.draw(outputs(specs))
    whole = run(specs, [text], **options)
    assert run(specs, list(text), **options) == whole
    assert run(specs, data.draw(cut_up(text)), **options) == whole


@settings(max_examples=300)
@given(st.data(), armed(), OPTIONS)
def test_any_split_of_both_fields_gives_the_same_events(
    data: st.DataObject, specs: tuple[ParserSpec, ...], options: Any
) -> None:
    reasoning, text = data.draw(outputs(specs)), data.draw(outputs(specs))
    finish = options.pop("finish")

    def both(first: list[str], second: list[str]) -> list[ParserEvent]:
        reader = engine(specs, **options)
        events = [event for piece in first for event in reader.feed_reasoning(piece)]
        events += [event for piece in second for event in reader.feed(piece)]
        events += reader.finish(finish)
        check(events)
        return joined(events)

    whole = both([reasoning], [text])
    assert both(list(reasoning), list(text)) == whole
    assert both(data.draw(cut_up(reasoning)), data.draw(cut_up(text))) == whole


def bare(spec: ParserSpec) -> ParserSpec:
    """The file's calls alone: nothing else that is markup."""
    section = replace(spec.section, junk="text") if spec.section else None
    text = replace(spec.text, prefill="", after_calls="keep")
    return replace(spec, noise=Noise(), reasoning=ReasoningRules(), channels=(), section=section, text=text)


@settings(max_examples=250)
@given(st.data(), armed(), OPTIONS)
def test_text_without_a_call_comes_out_as_it_is(
    data: st.DataObject, specs: tuple[ParserSpec, ...], options: Any
) -> None:
    specs = tuple(map(bare, specs))
    text = data.draw(outputs(specs)) + data.draw(st.sampled_from(["", "\nThe end."]))
    reader = engine(specs, tools=(Tool("never_named_here"),), streaming=options["streaming"])
    events = reader.feed(text) + reader.finish(options["finish"])
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert len(events) <= 2
    if reader.counters.get("dropped"):
        assert text.startswith(said)
    else:
        assert said == (text if text.strip() else "")


@settings(max_examples=400)
@given(st.data(), armed(), OPTIONS)
def test_eager_gives_what_complete_gives(data: st.DataObject, specs: tuple[ParserSpec, ...], options: Any) -> None:
    text = data.draw(outputs(specs))
    complete = run(specs, [text], **options | {"streaming": "complete"})
    eager = run(specs, list(text), **options | {"streaming": "eager"})
    assert not any(isinstance(event, ToolCallAbort) for event in complete)
    if not any(isinstance(event, ToolCallAbort) for event in eager):
        assert eager == complete


PLAIN = [
    lit for spec in FORMATS for marker in markers(spec) for lit in marker.lit if "{" not in lit and marker.at == "any"
]


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([lit[:-1] for lit in PLAIN if len(lit) > 2] + ["a", " ", "word", "\n", ","]), max_size=30)
)
def test_hold_back_is_no_more_than_half_a_marker(pieces: list[str]) -> None:
    spec = ParserSpec(
        "held",
        text=TextRules(trim="none", fences="ignore"),
        noise=Noise(tuple(PLAIN[::2])),
        calls=tuple(call(Marker((lit,)), "json-call") for lit in PLAIN[1::2]),
    )
    text = "".join(pieces)
    if any(lit in text for lit in PLAIN):
        return
    reader, released = engine(spec), 0
    for at, char in enumerate(text):
        released += sum(len(event.text) for event in reader.feed(char) if isinstance(event, TextDelta))
        blank = len(text[: at + 1]) - len(text[: at + 1].lstrip())
        assert at + 1 - released < max(max(map(len, PLAIN)), blank + 1)


@settings(max_examples=200)
@given(st.data(), armed())
def test_hold_back_is_bounded_when_no_call_is_looked_for(data: st.DataObject, specs: tuple[ParserSpec, ...]) -> None:
    specs = tuple(replace(spec, noise=Noise(), channels=(), reasoning=ReasoningRules()) for spec in specs)
    text = data.draw(outputs(specs))
    reader, released = engine(specs, tools=()), 0
    for at, char in enumerate(text):
        released += sum(len(event.text) for event in reader.feed(char) if isinstance(event, TextDelta))
        blank = at + 1 - len(text[: at + 1].strip())
        assert at + 1 - released <= blank


# Any file that the grammar allows

LITERALS = ("<a>", "</a>", "<ab>", "<|x|>", "[", "{", "```", "aa", "a", "<a", "\n-", "é>", "<x ", "::", "|")
HOLED = (
    "<f {name}>",
    "<f{attrs}>",
    "<k={key}>",
    "<c>{ws}{name}",
    "<c>{name}:{id}<s>",
    "<h>{_}<m>",
    "<t:{type}>",
    "{ws}",
)


def strings(*more: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*LITERALS, *more])


@st.composite
def any_marker(draw: st.DrawFn, *holes: str) -> Marker:
    return Marker(
        tuple(draw(st.lists(strings(*holes), min_size=1, max_size=2, unique=True))),
        draw(st.sampled_from(["any", "any", "any", "line", "start"])),
        tuple(draw(st.lists(st.sampled_from(["<a>", "$", "|"]), max_size=1))),
        draw(st.sampled_from([False, False, False, True])),
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def any_call(draw: st.DrawFn) -> CallPattern:
    trims = st.sampled_from(["none", "newline", "both"])
    tags = TagRules(
        draw(maybe(any_marker("<k={key}>", "<p{attrs}>"))),
        draw(maybe(any_marker("</{key}>"))),
        TagAttrs("name", "t"),
        {"s": "string", "json": "json"},
        draw(trims),
        draw(st.sampled_from(["json", "string"])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["", "item", "a"])),
    )
    rules = JsonRules(
        keyed=draw(st.booleans()),
        quotes=draw(st.sampled_from([(), ('<|"|>',), ("::",)])),
        bare_keys=draw(st.booleans()),
        bare_values=draw(st.booleans()),
    )
    return CallPattern(
        draw(any_marker(*HOLED[:-1])),
        draw(st.sampled_from(["json-call", "json", "tags", "python", "text"])),
        draw(maybe(any_marker("</f {name}>"))),
        draw(st.booleans()),
        draw(st.sampled_from(["", ";"])),
        draw(st.sampled_from(["text", "emit", "drop"])),
        "name",
        rules,
        tags,
        PythonRules(draw(st.sampled_from(["optional", "required"]))),
    )


@st.composite
def any_spec(draw: st.DrawFn) -> ParserSpec:
    trims = st.sampled_from(["both", "newlines", "none"])
    section = Section(
        draw(any_marker()), draw(maybe(any_marker())), draw(st.booleans()), draw(st.sampled_from(["text", "drop"]))
    )
    return ParserSpec(
        "any",
        distinctive=draw(st.booleans()),
        text=TextRules(
            draw(trims),
            draw(st.sampled_from(["protect", "ignore"])),
            draw(st.sampled_from(["", "<", "<f "])),
            draw(st.sampled_from(["keep", "drop"])),
        ),
        noise=Noise(tuple(draw(st.lists(strings(), max_size=1))), tuple(draw(st.lists(strings(), max_size=1)))),
        reasoning=ReasoningRules(
            draw(maybe(any_marker())),
            draw(maybe(any_marker())),
            draw(st.sampled_from(["closed", "open"])),
            draw(st.sampled_from(["final", "never", "any"])),
            draw(trims),
        ),
        channels=tuple(
            Channel(
                draw(any_marker("<h>{_}<m>")),
                draw(maybe(any_marker())),
                draw(st.sampled_from(["text", "reasoning", "drop"])),
            )
            for _ in range(draw(st.integers(0, 2)))
        ),
        section=section if draw(st.booleans()) else None,
        calls=tuple(draw(st.lists(any_call(), max_size=2))),
    )


@settings(max_examples=150)
@given(st.data(), st.lists(any_spec(), min_size=1, max_size=2), OPTIONS)
def test_any_parser_file_reads_any_text(data: st.DataObject, files: list[ParserSpec], options: Any) -> None:
    specs = tuple(replace(spec, name=f"file{index}") for index, spec in enumerate(files))
    text = data.draw(outputs(specs))
    whole = run(specs, [text], **options)
    assert run(specs, list(text), **options) == whole
    assert run(specs, data.draw(cut_up(text)), **options) == whole


@settings(max_examples=200)
@given(st.text(max_size=200), OPTIONS)
def test_any_text_at_all(text: str, options: Any) -> None:
    events = run(FORMATS, [text], **options)
    assert run(FORMATS, list(text), **options) == events
    assert "".join(event.text for event in events if isinstance(event, TextDelta | ThinkingDelta)).strip() in text


@settings(max_examples=100)
@given(st.data(), OPTIONS)
def test_disarmed_anywhere_nothing_is_lost_or_doubled(data: st.DataObject, options: Any) -> None:
    spec = bare(replace(HERMES, text=TextRules(trim="none")))
    text = data.draw(outputs((spec,)))
    at = data.draw(st.integers(0, len(text)))
    reader = engine(spec, streaming=options["streaming"])
    events = reader.feed(text[:at])
    reader.disarm()
    events += reader.feed(text[at:]) + reader.finish(options["finish"])
    check(events)
    if not any(isinstance(event, ToolCallDelta) for event in events):
        said = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert said == (text if text.strip() else said)
