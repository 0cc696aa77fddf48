"""``reactune make``: a flask of what a campaign has found."""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from ..saying import say
from ..terminal.options import (
    EXIT_DONE,
    EXIT_FAILURE,
    add_catalogue,
    add_hardware,
    add_rig,
    add_uid,
    seed,
)

HELP = "make what a campaign has found: check, collect, check again, wash, park"
EXAMPLES = ("reactune make 5f0c2a7e --volume 5mL",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    add_uid(parser, "the run that found it")
    parser.add_argument(
        "--volume", required=True, metavar="V", help="how much to collect, such as 5mL or 800uL"
    )
    add_rig(parser)
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="S", help="seed of an emulated rig [0]"
    )
    add_hardware(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    import contextlib

    from ..making.attending import AtTerminal
    from ..making.service import make_product, volume_of
    from ..reagents import Precautions
    from ..signals import StopSignals
    from ..terminal.campaign import Terminal

    class Said(Terminal):
        """Says on stderr how far it is."""

        def __init__(self) -> None:
            super().__init__()
            self._streams: dict[str, str] = {}
            self._valve = False

        def document(self, name: str, doc: Mapping[str, Any]) -> None:
            """Say what was begun, checked and collected."""
            if name == "start":
                mark = "SIMULATED" if doc["simulated"] else "REAL HARDWARE"
                self._valve = bool(doc["rig"]["file"].get("collection"))
                say(f"{mark}  {doc['rig']['title']}\n{doc['title']}", to=sys.stderr)
            elif name == "descriptor":
                self._streams[doc["uid"]] = doc["name"]
            elif name == "event":
                _say_event(self._streams[doc["descriptor"]], doc["data"], valve=self._valve)

    with contextlib.redirect_stdout(sys.stderr):
        outcome = make_product(
            a.uid,
            volume_of(a.volume),
            a.rig,
            attendant=AtTerminal(),
            catalogue=a.catalogue,
            seed=a.seed,
            listener=Said(),
            interrupters=[StopSignals],
            precautions=Precautions(guard=not a.no_guard, reagents=a.reagents),
        )
    if outcome.made is not None:
        made = outcome.made
        say(json.dumps(made.to_json()) if a.json else made.to_text())
    return EXIT_DONE if outcome.well else EXIT_FAILURE


def _say_event(stream: str, data: Mapping[str, Any], *, valve: bool) -> None:
    if stream == "check":
        when = "before" if data["number"] == 1 else "after"
        outside = f", but {data['outside']}" if data["outside"] else ""
        say(f"Check {when}: {data['failure'] or f'as promised{outside}'}", to=sys.stderr)
    elif stream == "collection":
        then = "" if valve else "; take the flask away"
        say(f"Collected: {data['collected'] / 1000:.3g} mL{then}", to=sys.stderr)
    elif stream == "wash":
        for key, volume in data.items():
            name = key.removeprefix("washed_")
            say(f"Washed:    {volume / 1000:.3g} mL of {name}", to=sys.stderr)
