"""Requests that are sent again, ports that are opened again."""

import pytest

from reactune.devices.protocols.transport import (
    BusyError,
    GarbledError,
    NoReplyError,
    PortLostError,
    Transport,
)
from tests.devices.protocols.peer import LF, Peer, ask


@pytest.mark.parametrize("repeat", [True, False])
def test_a_connection_that_comes_back_is_used_again_for_what_may_be_repeated(repeat):
    peer = Peer("tcp")
    port = Transport(peer.url, timeout=0.2)
    ask(port)
    peer.unplug()
    if not repeat:
        with pytest.raises(PortLostError, match="the port is gone"):
            ask(port, repeat=False)
    assert ask(port, b"again\n", repeat=repeat) == b"ok\n"
    assert peer.requests.count(b"again\n") == 1
    port.close()


def test_late_answers_to_what_was_sent_again_come_together(peer, port):
    def parse(reply):
        if reply.count(b"\n") != 1:
            raise GarbledError(f"{reply!r} is no line")
        return reply

    peer.script = [[], [b"1\n2\n"], [b"3\n"], [b"3\n4\n"]]
    assert port.exchange(b"?\n", LF, parse, repeat=True) == b"2\n"
    assert len(peer.requests) == 2
    assert port.exchange(b"?\n", LF, parse, repeat=False) == b"3\n"
    with pytest.raises(GarbledError, match="is no line"):  # it was asked for once
        port.exchange(b"?\n", LF, parse, repeat=False)


def test_what_comes_after_a_repeated_exchange_is_not_taken_for_the_next_answer(peer, port):
    peer.script = [[], [b"one\n", 0.02, b"one, late\n"], [b"two\n"]]
    assert ask(port) == b"one\n"
    assert ask(port) == b"two\n"


def test_who_is_busy_is_asked_again_later(peer, port):
    def parse(reply):
        if reply == b"busy\n":
            raise BusyError("it is busy")
        return reply

    peer.script = [[b"busy\n"], [b"busy\n"]]
    assert port.exchange(b"?\n", LF, parse, repeat=True) == b"ok\n"
    peer.script = [[b"busy\n"]]
    with pytest.raises(BusyError, match="it is busy"):
        port.exchange(b"run\n", LF, parse, repeat=False)
    assert len(peer.requests) == 4


def test_a_late_answer_confirms_nothing_that_makes_safe(peer, port):
    peer.script = [[0.35, b"25\n"], [b"100\n"]]
    with pytest.raises(NoReplyError):
        ask(port, b"setpoint?\n", repeat=False)
    with port.urgent(1.0):
        assert ask(port, b"setpoint?\n", repeat=False) == b"100\n"
