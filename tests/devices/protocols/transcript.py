"""A line that plays what the manual says: what is sent, and what comes back."""

import json
from collections.abc import Sequence
from pathlib import Path

Exchange = tuple[bytes, bytes]


class Transcript:
    """Stands in for a `Transport`: each request has to be the next of the transcript.

    Parameters
    ----------
    exchanges : sequence of (bytes, bytes)
        What is sent, and what comes back; nothing comes back to what is not answered.
    """

    url = "transcript"
    baudrate = 9600
    emulated = True

    def __init__(self, exchanges: Sequence[Exchange]):
        self.left = list(exchanges)
        self.hearers = []

    def exchange(self, request, framing, parse, *, repeat):
        received = self._next(request)
        assert framing.complete(received) or framing.or_silence, received
        assert not any(framing.complete(received[:k]) for k in range(len(received)))
        return parse(received)

    def send(self, request):
        assert self._next(request) == b""

    def overhear(self, call):
        self.hearers.append(call)

    def hear(self, unasked):
        for call in self.hearers:
            call(unasked)

    def _next(self, request):
        assert self.left, f"{request!r} is sent, but the transcript is over"
        sent, received = self.left.pop(0)
        assert request == sent
        return received


def recorded(file: Path, instrument: str) -> Transcript:
    """Play what ``reactune check --connect --record FILE`` has written of an instrument."""
    rows = map(json.loads, file.read_text("ascii").splitlines())
    return Transcript(
        [
            (row["sent"].encode("latin-1"), row["received"].encode("latin-1"))
            for row in rows
            if row["instrument"] == instrument
        ]
    )
