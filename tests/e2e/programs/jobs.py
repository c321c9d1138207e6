"""The loop of a client's program: a line of JSON says what to do, a line of JSON answers."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


def serve(*verbs: Callable[..., Any]) -> None:
    """Do jobs until stdin ends. A job's ``do`` is the name of a function, the rest its arguments."""
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    known = {verb.__name__: verb for verb in verbs}
    for line in sys.stdin:
        job = json.loads(line)
        try:
            result = known[job.pop("do")](**job)
            if inspect.isawaitable(result):
                result = asyncio.run(_awaited(result))
            answer = json.dumps({"ok": result})
        except Exception as error:
            answer = json.dumps({"error": _told(error)})
        answers.write(answer + "\n")
        answers.flush()


async def _awaited(result: Any) -> Any:
    return await result


def _told(error: BaseException) -> dict[str, Any]:
    body = getattr(error, "body", None)
    return {
        "kinds": [kind.__name__ for kind in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "body": body if isinstance(body, dict) else None,
        "message": str(error),
        "request_id": getattr(error, "request_id", None),
        "trace": "".join(traceback.format_exception(error)),
    }
