from __future__ import annotations

import json

from chat import read_whole

from bridge.core.conversation import Conversation
from bridge.core.events import Fault, Finish, TextDelta
from bridge.core.jsontext import dumps
from bridge.core.openai.voice import ChatVoice
from bridge.core.signature import Signer

NOBODY = Signer(b"", "")
ASKED = Conversation("m", 0, ())


def test_ids_have_the_usual_form() -> None:
    message = ChatVoice(7).fold(ASKED, "chatcmpl_1_2", 0, NOBODY).message()
    assert (message["id"], message["model"], message["created"]) == ("chatcmpl-1_2", "m", 7)


def test_an_estimate_stands_until_the_upstream_counts() -> None:
    fold = ChatVoice(7).fold(ASKED, "chatcmpl_1", 42, NOBODY)
    stream = ChatVoice(7, include_usage=True).stream(ASKED, "chatcmpl_1", "req_1", 42)
    fold.add(TextDelta("a"))
    usage = read_whole(dumps(fold.message())).usage
    assert usage is not None
    assert usage["prompt_tokens"] == 42
    last = stream.encode(Finish("end_turn")).split(b"\n\n")[-3]
    assert json.loads(last[6:])["usage"]["prompt_tokens"] == 42


def test_the_request_id_is_in_its_errors() -> None:
    stream = ChatVoice(7).stream(ASKED, "chatcmpl_1", "req_1", 0)
    assert json.loads(stream.error(Fault("api", "x"))[6:])["request_id"] == "req_1"
