import json

import pytest

from bridge.core.checks import Notes, check_depth, shown, under, wrong
from bridge.core.fields import Row, Table
from bridge.errors import RequestError


def test_paths_grow_from_the_inside_out():
    error = under("messages.0", under("content.1", wrong("text", "Field required", {"a": 1})))
    assert error.fault.message == "messages.0.content.1.text: Field required"
    assert error.fault.details == {"a": 1}


@pytest.mark.parametrize("value", ["a\nb", "é\ud800🙂", "x" * 10_000, {"a": [1]}])
def test_shown_values_are_short_printable_ascii(value):
    text = shown(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 63


def test_each_dropped_field_is_named_once_in_order():
    notes = Notes()
    for path in ("b", "a", "b", "c d"):
        notes.drop(path)
    notes.drop("a", "another reason")
    assert [warning.field for warning in notes.warnings()] == ["b", "a", '"c d"']


TABLE = Table(
    read=Row("mapped"),
    hint=Row("silent"),
    known=Row("declared"),
    gone=Row("dropped"),
    never=Row("refused", "Not that", {"code": 1}),
)


def looked(body: dict[str, object], path: str = "") -> list[str]:
    notes = Notes()
    notes.look(body, TABLE, path)
    return [str(loss) for loss in notes.warnings()]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ({}, []),
        ({"read": 1, "hint": 1, "known": 1}, []),
        ({"read": 1, "gone": None, "never": None, "other": None}, []),
        ({"gone": {}, "read": 1}, ["gone: not supported, dropped"]),
        ({"gone": False, "never": []}, []),
        ({"other": False}, ["other: not supported, dropped"]),
    ],
)
def test_a_table_decides(body, lines):
    assert looked(body) == lines
    assert looked(body, "tools.*.") == [f"tools.*.{line}" for line in lines]


def test_a_table_refuses():
    with pytest.raises(RequestError) as caught:
        looked({"gone": 1, "never": ["x"]})
    assert caught.value.fault.message == "never: Not that"
    assert caught.value.fault.details == {"code": 1}


def nested(levels: int) -> object:
    value: object = 1
    for level in range(levels):
        value = [value, 2] if level % 2 else {"a": value, "b": "x"}
    return value


def test_depth():
    check_depth(nested(128))
    with pytest.raises(RequestError, match="128 levels"):
        check_depth(nested(129))
    with pytest.raises(RequestError):
        check_depth(nested(100_000))


@pytest.mark.parametrize("levels", [0, 1, 2, 100, 127, 128, 129, 130, 400])
@pytest.mark.parametrize("beside", [(), ("]" * 200,), ("{[" * 100,), ("x" * 5_000,), [[]] * 150, [{"a": [1]}] * 1_000])
def test_depth_is_the_same_with_the_text_at_hand(levels, beside):
    body = [nested(levels), *beside]
    for path in ("body", "arguments"):
        if levels > 127:
            for text in (None, json.dumps(body).encode(), json.dumps(body, indent=1).encode()):
                with pytest.raises(RequestError, match=f"^{path}: Input is nested more than 128 levels deep$"):
                    check_depth(body, path, text)
        else:
            for text in (None, json.dumps(body).encode(), json.dumps(body, indent=1).encode()):
                check_depth(body, path, text)


def test_what_is_no_container_is_not_deep():
    for value in ("x" * 200, 7, None, True, 1.5):
        check_depth(value)
        check_depth(value, text=json.dumps(value).encode())
