"""The list of models, and one of them, as the Models API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.core.checks import shown, wrong

_DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
# The API's way to say that a date is not known.
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that clients may ask for. ``None`` is a limit that is not known."""

    id: str
    display_name: str = ""
    max_input_tokens: int | None = None
    max_tokens: int | None = None


def model_body(model: ListedModel) -> dict[str, object]:
    """One model."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name or model.id,
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
    }


def find_model(models: Sequence[ListedModel], model_id: str) -> dict[str, object] | None:
    """The body of the model with this id, or None."""
    return next((model_body(model) for model in models if model.id == model_id), None)


def model_page(models: Sequence[ListedModel], query: Mapping[str, str]) -> dict[str, object]:
    """The page of ``models`` that ``query`` asks for by ``limit`` and either ``after_id`` or ``before_id``.

    ``has_more`` speaks of the direction of travel. Raises ``RequestError`` for a query that makes no sense.
    """
    limit = _limit(query.get("limit"))
    after, before = query.get("after_id", ""), query.get("before_id", "")
    if after and before:
        raise wrong("before_id", "Cannot be combined with `after_id`")
    if before:
        end = _position(models, "before_id", before)
        start = max(0, end - limit)
        has_more = start > 0
    else:
        start = _position(models, "after_id", after) + 1 if after else 0
        end = start + limit
        has_more = end < len(models)
    data = [model_body(model) for model in models[start:end]]
    return {
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    # Four digits hold the largest limit; more would only be work.
    if text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise wrong("limit", f"Input should be an integer from 1 to {MAX_LIMIT}")


def _position(models: Sequence[ListedModel], key: str, model_id: str) -> int:
    for position, model in enumerate(models):
        if model.id == model_id:
            return position
    raise wrong(key, f"There is no model {shown(model_id)}")
