from __future__ import annotations

import json

import pytest

from bridge.core.anthropic.voice import MESSAGES
from bridge.core.conversation import Conversation, ThinkingConfig
from bridge.core.events import Fault, Finish, TextDelta, ThinkingDelta
from bridge.core.signature import Signer

ASKED = Conversation("m", 10, ())


@pytest.mark.parametrize("shown", [True, False])
def test_stream_and_message_are_of_the_same_answer(shown: bool) -> None:
    asked = Conversation("m", 10, (), thinking=ThinkingConfig("adaptive", shown=shown))
    signer = Signer(b"", "up")
    stream, fold = MESSAGES.stream(asked, "msg_1", "req_1", 42), MESSAGES.fold(asked, "msg_1", 42, signer)
    stream.sign_as(signer)
    sent = b""
    for event in (ThinkingDelta("hm"), TextDelta("a"), Finish("end_turn")):
        sent += stream.encode(event)
        fold.add(event)
    first = json.loads(sent.split(b"\n")[1][6:])["message"]
    message = fold.message()
    assert (first["id"], first["model"]) == (message["id"], message["model"]) == ("msg_1", "m")
    assert first["usage"] == message["usage"]
    thinking = {
        "type": "thinking",
        "thinking": "hm" if shown else "",
        "signature": signer.sign("hm", carried=not shown),
    }
    assert message["content"] == [thinking, {"type": "text", "text": "a"}]
    assert sent.count(b'"hm"') == int(shown)
    assert thinking["signature"].encode() in sent


def test_the_request_id_is_in_its_errors() -> None:
    assert b'"req_1"' in MESSAGES.stream(ASKED, "msg_1", "req_1", 0).error(Fault("api", "x"))
