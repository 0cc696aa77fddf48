"""The Harvard driver at emulated pumps of every variant, and at replies of every form."""

import itertools
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.emulation import World
from reactune.devices.emulation.harvard11 import EmulatedHarvardChain
from reactune.devices.emulation.layout import layout_of
from reactune.devices.emulation.reactions.walker2017 import Walker2017
from reactune.devices.emulation.variants import HarvardVariant
from reactune.devices.protocols import transport
from reactune.devices.protocols.framing import ends_with
from reactune.devices.protocols.harvard11 import (
    Harvard11,
    decode,
    encode,
)
from reactune.devices.protocols.transport import GarbledError, NoReplyError, Transport
from reactune.devices.rigfile import load


class Direct:
    """A line without a port: the emulated pumps are asked at once."""

    url = "direct"

    def __init__(self, addresses=(0,), **variant):
        self.time = 0.0
        layout = layout_of(load("walker"), Walker2017())
        self.world = World(lambda: self.time, layout, Walker2017(), noise=None)
        pumps = {address: index for index, address in enumerate(addresses)}
        self.pumps = EmulatedHarvardChain(self.world, pumps, HarvardVariant(**variant))

    def exchange(self, request, framing, parse, *, repeat):
        received = self.pumps.receive(request)
        if not received:
            raise NoReplyError("no reply")
        assert framing.complete(received) or framing.or_silence, received
        return parse(received)


VARIANTS = [
    {},
    {"bare": True, "firmware": "3.0.6", "zero": False},
    {"poll": False},
    {"poll": False, "bare": True, "nvram": "no"},
    {"nvram": "off"},
    {"commands": "22"},
    {"method": "qs i"},
    {"method": "no", "colon": False},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("address", [0, 7, 99])
def test_every_variant_is_greeted_runs_and_stops(variant, address):
    line = Direct([address], **variant)
    pump = Harvard11(line, address)
    assert "11 ELITE" in pump.connect().name
    pump.configure(14.57, 10000)
    low, high = pump.flow_range()
    pump.set_flow(pump.achievable(high, (low, high)))  # the highest rate that it tells, it takes
    pump.set_flow(600.0)
    pump.set_target(500)
    pump.run()
    line.time = 30
    status = pump.status()
    assert (status.state, status.flow) == ("infusing", pytest.approx(600))
    assert status.volume == pytest.approx(300)
    line.time = 61
    assert pump.status().state == "target"
    assert pump.volumes() == (pytest.approx(500), 0)
    pump.stop()
    assert line.world.flow() == (0, 0)
    pump.clear_volumes()
    pump.set_flow(1000.0, "withdraw")
    pump.run("withdraw")
    pump.stop()
    assert line.world.flow() == (0, 0)


def test_a_limit_switch_is_a_stall_and_the_stop_is_confirmed():
    line = Direct(bare=True)
    pump = Harvard11(line, 0)
    pump.connect()
    pump.configure(14.57, 10000)
    pump.set_flow(10000.0)
    pump.run()
    line.time = 120
    status = pump.status()
    assert (status.state, status.limit, status.flow) == ("stalled", True, 0.0)
    pump.stop()


prompts = st.sampled_from([":", ">", "<", "*", "T*", ">*", "<*"])
lines = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":*<>"))


@settings(derandomize=True, max_examples=100)
@given(
    body=st.lists(lines.filter(bool), max_size=3),
    prompt=prompts,
    address=st.integers(0, 99),
    bare=st.booleans(),
    poll=st.booleans(),
    unasked=st.sampled_from(["", "before", "behind"]),
    echo=st.booleans(),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_replies_of_every_form_are_read_however_they_arrive(
    body, prompt, address, bare, poll, unasked, echo, cuts
):
    number = "" if bare and not address else f"{address:02d}"
    head = f"{number}:" if number else ""
    raw = "".join(f"\n{head}{line}\r" for line in body) + f"\n{number}{prompt}"
    news = "" if poll else f"\r\n{number}T*"
    raw = {"before": news + raw, "behind": raw + news}.get(unasked, raw) + ("\x11" if poll else "")
    request = encode("status", address)
    sent = (request if echo else b"") + raw.encode()
    line = Pieces(sent, cuts)
    framing = ends_with(b"\x11", or_silence=True)
    with patch.object(transport, "_SILENCE", 0.005):  # nothing more comes: no need to wait for it
        reply = line.exchange(request, framing, lambda got: decode(got, address), repeat=False)
    assert reply.lines == tuple(body)
    assert line.echo is echo
    states = {"*": "stalled", ">*": "stalled", "<*": "stalled", "T*": "target"}
    states |= {":": "idle", ">": "infusing", "<": "withdrawing"}
    state = states[prompt]
    if news and unasked == "behind" and state != "stalled":
        state = "target"
    assert reply.state == state


class Pieces(Transport):
    """A transport to which bytes come in pieces, and then nothing more."""

    def __init__(self, raw, cuts):
        super().__init__("loop://")
        edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
        left = [raw[a:b] for a, b in itertools.pairwise(edges)]
        self._port.receive = lambda wait: left.pop(0) if wait and left else b""


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_then_names_the_line(peer, port):
    whole = [b"\n1.5 ml\r", b"\n:"]
    peer.script = [[b"\n:"], whole, whole]
    assert Harvard11(port).volumes() == (1500, 1500)
    peer.script = [[b"\n:"]] * 3
    with pytest.raises(GarbledError, match=f"{port.url}: '' is neither a flow nor a volume"):
        Harvard11(port).volumes()
