import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import serial

from reactune.devices.clock import EmulationToken
from reactune.devices.protocols.framing import ends_with
from reactune.devices.protocols.transport import (
    GarbledError,
    GaveWayError,
    InstrumentError,
    NoReplyError,
    PortLostError,
    Transport,
)
from tests.devices.protocols.peer import LF, Peer, ask


def test_reply_in_pieces(peer):
    peer.script = [[b"+1.0", 0.03, b"5E+0", 0.03, b"1\n"]]
    with closing(
        Transport(peer.url, timeout=2.0)
    ) as port:  # a peer may be slow where much else runs
        assert ask(port) == b"+1.05E+01\n"
        assert (port.exchanges, port.retried) == (1, 0)


def test_reads_are_repeated_after_silence(peer, port):
    peer.script = [[], [], [b"third\n"]]
    assert ask(port) == b"third\n"
    assert peer.requests == [b"?\n"] * 3
    assert port.retried == 2


def test_reads_are_given_up(peer, port):
    peer.script = [[]] * 9
    with pytest.raises(NoReplyError, match=r"no reply within 0\.2 s \(sent b'\?"):
        ask(port)
    assert len(peer.requests) == 3


def test_other_writes_go_out_once(peer, port):
    peer.script = [[]]
    with pytest.raises(NoReplyError):
        ask(port, b"toggle\n", repeat=False)
    assert peer.requests == [b"toggle\n"]


def test_garbled_reply_is_asked_for_again(peer, port):
    peer.script = [[b"n!se\n"], [b"good\n"]]
    assert ask(port) == b"good\n"


def test_garbled_to_the_end(peer, port):
    peer.script = [[b"n!se\n"]] * 3
    with pytest.raises(GarbledError, match="has a mark"):
        ask(port)


def test_reply_that_breaks_off(peer, port):
    peer.script = [[b"+1.0"]] * 3
    with pytest.raises(GarbledError, match="broke off"):
        ask(port)


def test_late_reply_is_never_taken_for_the_next(peer, port, monkeypatch):
    # on a busy machine what comes late comes later still
    monkeypatch.setattr(Transport._resync, "__defaults__", (1.0,))
    peer.script = [[0.6, b"late\n"], [b"mine\n"]]
    with pytest.raises(NoReplyError):
        ask(port, repeat=False)
    assert ask(port) == b"mine\n"


def test_nor_does_it_leave_a_reply_behind(peer, port):
    """What comes after the line was quiet is taken for the next; its own is left, and comes."""
    for _ in range(5):  # on a busy machine both may come at once, and are rightly thrown away
        peer.script = [[0.4, b"late\n"], [0.02, b"own\n"], [b"mine\n"]]
        with pytest.raises(NoReplyError):
            ask(port, repeat=False)
        if (told := ask(port)) != b"mine\n":
            break
    assert told == b"late\n"
    assert ask(port) == b"mine\n"


def test_nor_is_one_that_nobody_waited_for(peer, port, monkeypatch):
    """As after Ctrl-C in a session: the answer comes, and is not that to the next question."""
    monkeypatch.setattr(Transport._resync, "__defaults__", (1.0,))

    def interrupted(seconds):
        raise KeyboardInterrupt

    for _ in range(3):
        peer.script = [[0.1, b"late\n"], [b"mine\n"]]
        with monkeypatch.context() as patched:
            patched.setattr(port, "_wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                ask(port)
        assert ask(port) == b"mine\n"


def test_unsolicited_bytes_are_dropped_and_said(peer, port, caplog):
    peer.script = [[b"one\n"], [b"two\n", 0.1, b"alarm\n"], [b"three\n"]]
    assert ask(port) == b"one\n"
    assert ask(port) == b"two\n"
    assert select.select([port._port._descriptor], [], [], 5)[0]
    assert ask(port) == b"three\n"
    assert "alarm" in caplog.text


def test_refusals_are_not_repeated(peer, port):
    def parse(reply):
        raise InstrumentError("no")

    with pytest.raises(InstrumentError):
        port.exchange(b"?\n", LF, parse, repeat=True)
    assert len(peer.requests) == 1


def test_silence_ends_a_reply_without_terminator(peer, port):
    peer.script = [[b"\n00:12", 0.03, b" ul\r\n00:"]]
    assert ask(port, framing=ends_with(b"\x11", or_silence=True)) == b"\n00:12 ul\r\n00:"


def test_request_without_reply(peer, port):
    peer.script = [[]]
    port.send(b"GOA\r")
    assert ask(port) == b"ok\n"
    assert b"".join(peer.requests).startswith(b"GOA\r")


def test_threads_take_turns(peer, port):
    peer.script = [[0.001, b"%d\n" % k] for k in range(40)]
    got = []

    def work():
        for _ in range(10):
            got.append(int(ask(port)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(40))
    assert port.retried == 0


def test_unplugged(peer, port):
    ask(port)
    if hasattr(peer, "_listener"):
        peer._listener.close()  # nobody to dial again
    peer.unplug()
    with pytest.raises(PortLostError, match="check cable"):
        ask(port)


def test_that_a_port_is_gone_is_said_once(peer, port, caplog):
    ask(port)
    if hasattr(peer, "_listener"):
        peer._listener.close()
    peer.unplug()
    for _ in range(3):
        with pytest.raises(PortLostError):
            ask(port)
    assert caplog.text.count("trying to open it again") == 1


def test_closed_for_good(port):
    port.close()
    port.close()
    with pytest.raises(PortLostError, match="closed"):
        ask(port)


@pytest.mark.parametrize("url", ["/dev/no-such-port", "socket://127.0.0.1:1", "nonsense://"])
def test_port_that_cannot_be_opened(url):
    with pytest.raises(PortLostError, match="cannot be opened"):
        Transport(url)


def test_one_program_at_a_time():
    peer = Peer("pty")
    port = Transport(peer.url)
    with pytest.raises(PortLostError, match="no other program"):
        Transport(peer.url)
    port.close()


def test_token_vouches_for_its_own_ports_only(peer):
    with pytest.raises(ValueError, match="not opened by the emulator launcher"):
        Transport(peer.url, token=EmulationToken(["socket://elsewhere:1"]))
    port = Transport(peer.url, token=EmulationToken([peer.url]))
    assert port.emulated
    port.close()


def test_port_without_descriptor():
    """As on Windows: no select."""
    port = Transport("loop://", timeout=0.1)
    port.echo = False  # what it gives back is the answer here
    with pytest.raises((AttributeError, OSError)):
        serial.serial_for_url("loop://").fileno()
    assert ask(port, b"echo\n") == b"echo\n"
    with pytest.raises(GarbledError, match="broke off"):
        ask(port, b"no end")
    port.close()


def test_what_comes_unasked_is_heard_not_lost(peer, port):
    heard = []
    port.overhear(heard.append)
    peer.script = [[b"one\n", 0.03, b"ALARM\n"], [b"two\n"]]
    assert ask(port) == b"one\n"
    threading.Event().wait(0.06)
    assert ask(port) == b"two\n"
    assert heard == [b"ALARM\n"]


# -- lines that give back what is sent


def test_an_echo_is_removed_and_remembered(peer, port):
    peer.script = [[b"?\n", b"one\n"], [b"?", 0.02, b"\ntw", 0.02, b"o\n"]]
    assert ask(port) == b"one\n"
    assert port.echo is True
    assert ask(port) == b"two\n"
    assert port.retried == 0


def test_a_line_that_does_not_echo_is_remembered_as_such(peer, port):
    peer.script = [[b"one\n"], [b"?\n"]]
    assert ask(port) == b"one\n"
    assert port.echo is False
    assert ask(port) == b"?\n"  # an answer that reads like its question


def test_an_echo_alone_is_no_answer(peer, port):
    peer.script = [[b"?\n"]] * 3
    with pytest.raises(NoReplyError, match="the line's own echo"):
        ask(port)
    assert port.echo is None  # nothing has been learnt of it


def test_something_else_where_the_echo_should_be_is_asked_again(peer, port):
    peer.script = [[b"?\n", b"one\n"], [b"#\n", b"two\n"], [b"?\n", b"two\n"]]
    assert ask(port) == b"one\n"
    assert ask(port) == b"two\n"
    assert port.retried == 1


@pytest.mark.parametrize(
    "script",
    [
        [[b"GO\n"], [b"?\n", b"one\n"]],
        [[], [b"GO\n?\n", b"one\n"]],  # both in one piece, late
        [[b"G"], [b"O\n?\none\n"]],
    ],
)
def test_the_echo_of_what_is_not_answered_is_no_news(peer, port, script):
    heard = []
    port.overhear(heard.append)
    peer.script = list(script)
    port.send(b"GO\n")
    threading.Event().wait(0.03)
    assert ask(port) == b"one\n"
    assert port.echo is True
    assert heard == []


def test_an_alarm_on_a_line_that_may_echo_is_heard(peer, port):
    heard = []
    port.overhear(heard.append)
    peer.script = [[0.0, b"ALARM\n"], [b"one\n"]]
    port.send(b"GO\n")
    threading.Event().wait(0.05)
    assert ask(port) == b"one\n"
    assert heard == [b"ALARM\n"]


# -- lines that do not end, and those who cannot wait


def test_bytes_without_an_end_are_no_reply(peer, port):
    peer.script = [100 * [b"noise " * 20, 0.005]] * 3
    start = time.monotonic()
    with pytest.raises(GarbledError, match=r"'noise .* and so on (does not end|broke off)"):
        ask(port, repeat=False)
    assert time.monotonic() - start < 1.0


def test_a_reply_has_a_greatest_length(peer, port):
    port.timeout = 5.0
    peer.script = [[b"x" * 3000] * 40]
    with pytest.raises(GarbledError, match="does not end"):
        ask(port, repeat=False)


def test_an_exchange_gives_way_to_who_cannot_wait(peer, port):
    port.timeout = 10.0
    peer.script = [[], [b"now\n"]]
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(ask, port)
        while not peer.requests:
            threading.Event().wait(0.01)
        start = time.monotonic()
        with port.urgent(1.0):
            assert ask(port, b"stop\n") == b"now\n"
        assert time.monotonic() - start < 0.5
        with pytest.raises(GaveWayError):
            slow.result(5)
    peer.script = [[b"again\n"]]
    assert ask(port) == b"again\n"
