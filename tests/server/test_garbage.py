"""Failures leave nothing that only the garbage collector could free: long requests would pile up until it comes."""

from __future__ import annotations

import gc

import pytest
from inprocess import Running, routes
from scripted import RST, Play, Upstream, chunk, completion, head, part, reply

PLAYS: dict[str, Play] = {
    "whole answers": reply(200, completion()),
    "streamed to who does not stream": [head(), part(chunk("hi")), part(chunk(finish="stop")), RST],
    "errors": reply(503, "{}"),
    "a connection that dies at once": [RST],
    "one that dies in the middle": [head(), part(chunk("hi")), RST],
    "what is not HTTP": [b"nonsense\r\n\r\n", RST],
}


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_a_request_frees_what_it_held(shared: Running, play: Play) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    with Upstream(play) as upstream, shared.using(routes(upstream.url)):
        shared.post(body)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(5):
                shared.post(body)
            shared.wait(lambda: not shared.state.load.in_flight and not shared.server.server_state.connections)
            gc.collect()
            left = {type(each) for each in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
    assert not {kind for kind in left if kind.__module__.startswith("bridge.")}
