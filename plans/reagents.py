"""What is left in syringes, flasks and coils of hardware, remembered from one process to the next.

A rig file says what they hold once they have been filled, and is not rewritten by every experiment.
So what is left is stored beside it, and where the two differ a human says which is true.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import platformdirs

from reactune.analysis.files import replace_file
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rigfile import RigFile

from .errors import UserError

Truth = Literal["stored", "rig-file"]
"""Which is true: what was stored when the rig was last used, or what the rig file says."""

_TOLERANCE = 0.01  # of a syringe, by which the two may differ unasked
_OFTEN = 2.0  # s of wall time at least between two notes

Volumes = Mapping[str, Mapping[str, float]]
"""By stream `syringe` and `flask`, by ``choices.<name>`` the coil of each choice [uL]."""


class Left(NamedTuple):
    """What was left, when it was written down, and which streams were just being refilled.

    And the ports that the pumps were at, where these are told.
    """

    when: str
    volumes: Volumes
    refilling: tuple[str, ...]
    ports: tuple[str, ...]


@dataclass(frozen=True)
class Precautions:
    """What is taken care of when a campaign runs on hardware.

    Attributes
    ----------
    guard : bool
        Whether a process of its own makes the rig safe should this one die or hang.
    reagents : {"stored", "rig-file"}, optional
        What is true of the reagents where stored ledger and rig file differ; without it such a
        difference is refused.
    """

    guard: bool = True
    reagents: Truth | None = None

    def __post_init__(self) -> None:
        if self.reagents not in (None, *get_args(Truth)):
            raise UserError(f"reagents = {self.reagents!r}: say 'stored' or 'rig-file'")


def truth_of_session() -> Truth | None:
    """Return what $REACTUNE_REAGENTS says is true (`UserError` if it is neither)."""
    stated: Any = os.environ.get("REACTUNE_REAGENTS")
    return Precautions(reagents=stated).reagents


@dataclass
class ReagentBook:
    """The stored ledger of one rig, known by where its pumps are plugged in.

    Attributes
    ----------
    path : Path
    moved_from : Path, optional
        The ledger of the same rig at other ports, which this one takes the place of.
    """

    path: Path
    moved_from: Path | None = None
    _noted: list[Any] = field(default_factory=list)
    _at: float = -_OFTEN

    @classmethod
    def of(cls, rig: RigFile) -> "ReagentBook":
        """Find the ledger of a rig, which may not have been written yet."""
        pumps = sorted(
            (name, str(rig.transports[stream.transport].url), stream.address)
            for name, stream in rig.streams.items()
            if not stream.wash  # a rig stays the same when a solvent is added to wash with
        )
        # emulated ones are filled each time they are served, if need be at the ports of others
        known = pumps if rig.emulated_since is None else [rig.emulated_since, *pumps]
        key = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:12]
        folder = platformdirs.user_state_path("reactune", appauthor=False)
        return cls(folder / "reagents" / f"{key}.json")

    def moved(self, rig: RigFile) -> "ReagentBook | None":
        """Find the newest ledger of a rig of this name with these streams at other ports.

        A port may be spelt otherwise, or have another number today. Emulated instruments have never
        been anywhere else, and nothing has ever been used up by them.
        """
        if rig.emulated_since is not None:
            return None
        own = {name for name, stream in rig.streams.items() if not stream.wash}
        found: list[tuple[float, Path]] = []
        for path in self.path.parent.glob("*.json"):
            with suppress(OSError, ValueError, LookupError, TypeError):
                stored = json.loads(path.read_text("utf-8"))
                if "emulated_since" in stored or stored["rig"] != rig.title:
                    continue
                if own <= set(stored["streams"]) <= set(rig.streams):
                    found.append((path.stat().st_mtime, path))
        return ReagentBook(self.path, max(found)[1]) if found else None

    def read(self) -> Left | None:
        """Return what was left; None if nothing has been written down."""
        path = self.moved_from or self.path
        try:
            stored = json.loads(path.read_text("utf-8"))
            volumes = {
                str(name): {key: float(of[key]) for key in ("syringe", "flask")}
                for name, of in stored["streams"].items()
            }
            for name, coils in stored.get("choices", {}).items():
                volumes[f"choices.{name}"] = {str(key): float(coils[key]) for key in coils}
            refilling, ports = (
                tuple(map(str, stored.get(key, ()))) for key in ("refilling", "ports")
            )
            return Left(str(stored["time"]), volumes, refilling, ports)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(
                f"what was left of the reagents cannot be read from {path} "
                f"({error.strerror}): check that folder ($XDG_STATE_HOME)"
            ) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UserError(
                f"what was left of the reagents cannot be read from {path} ({error}): look "
                "into the syringes, correct the rig file, then say --reagents rig-file"
            ) from error

    def note(self, rig: FlowRig, *, last: bool = False) -> None:
        """Write down what is left, unless that is known or was just written.

        Parameters
        ----------
        rig : FlowRig
        last : bool
            Write it however little time has passed.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        left = {
            name: {"syringe": round(pump.ledger.content, 1), "flask": round(pump.ledger.flask, 1)}
            for name, pump in rig.pumps.items()
        }
        coils = {
            name: {option: round(volume, 1) for option, volume in choice.left.items()}
            for name, choice in rig.feed.choices.items()
            if choice.valve is not None
        }
        refilling = [name for name, pump in rig.pumps.items() if pump.refilling]
        state = [left, coils, refilling]
        if state == self._noted or (time.monotonic() - self._at < _OFTEN and not last):
            return
        self._noted = []  # until this is written
        now = datetime.now().astimezone().isoformat(" ", "minutes")
        ports = _ports(rig.config)
        known = {"rig": rig.config.title, "ports": ports, "time": now, "streams": left}
        since = rig.config.emulated_since
        further: dict[str, Any] = {
            "choices": coils,
            "refilling": refilling,
            "emulated_since": since,
        }
        self._write(json.dumps(known | {key: of for key, of in further.items() if of}, indent=1))
        if self.moved_from is not None:
            self.moved_from.unlink(missing_ok=True)
            self.moved_from = None
        self._noted, self._at = state, time.monotonic()

    def _write(self, text: str) -> None:
        """Replace what is stored, in one piece."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, text.encode())


def reconciled(rig: RigFile, truth: Truth | None) -> tuple[RigFile, ReagentBook | None]:
    """Compare what a rig file says of the reagents with what was left when it was last used.

    Parameters
    ----------
    rig : RigFile
    truth : {"stored", "rig-file"}, optional

    Returns
    -------
    RigFile
        With what is true in its syringes and flasks.
    ReagentBook or None
        To be kept; None for an emulated rig, whose syringes are filled each time.

    Raises
    ------
    UserError
        If the two differ, and nobody has said which is true.
    """
    if rig.emulation is not None:
        return rig, None
    book = ReagentBook.of(rig)
    if truth == "rig-file":  # what is stored may be damaged
        return rig, book
    stored = book.read()
    if stored is None and (moved := book.moved(rig)):
        book, stored = moved, moved.read()
    if stored is None:
        return rig, book
    left = stored.volumes
    _check(rig, left, book.moved_from or book.path)
    if truth is None:
        if wrong := [*_differences(rig, left), *_unsure(rig, stored)]:
            raise UserError("\n".join([*wrong, _question(rig, stored, book)]))
        book = ReagentBook(book.path)  # another rig of this title may be meant: its ledger stays
    streams = {
        name: stream.model_copy(
            update={"filled": left[name]["syringe"], "flask_volume": left[name]["flask"]}
        )
        if name in left
        else stream
        for name, stream in rig.streams.items()
    }
    choices = {
        name: choice.model_copy(
            update={"filled": {**choice.filled, **left.get(f"choices.{name}", {})}}
        )
        for name, choice in rig.choices.items()
    }
    return rig.model_copy(update={"streams": streams, "choices": choices}), book


def _question(rig: RigFile, stored: Left, book: ReagentBook) -> str:
    """Ask which is true: the rig file, or what was left."""
    whose, other = "", ""
    if book.moved_from is not None:
        was = f" on {', '.join(stored.ports)}" if stored.ports else " at other ports"
        whose = f" by the rig of this title{was}, not on {', '.join(_ports(rig))}"
        other = " or this is another rig"
    return (
        f"This was left at {stored.when}{whose}. Look, then say which is true: --reagents stored, "
        f"or, if they have been filled since{other}, --reagents rig-file (in a session "
        "REACTUNE_REAGENTS=stored or rig-file)"
    )


def _ports(rig: RigFile) -> list[str]:
    """Return the ports that the pumps are at."""
    names = dict.fromkeys(stream.transport for stream in rig.streams.values())
    return [str(rig.transports[name].url) for name in names]


def _check(rig: RigFile, left: Volumes, path: Path) -> None:
    """Refuse volumes that the rig's syringes cannot hold."""
    for name, stream in rig.streams.items():
        syringe, flask = (
            left.get(name, {}).get("syringe", 0.0),
            left.get(name, {}).get("flask", 0.0),
        )
        if not (0 <= syringe <= stream.syringe_volume and 0 <= flask < inf):
            raise UserError(
                f"stream {name}: by {path}, {syringe:g} uL were left in a syringe of "
                f"{stream.syringe_volume:g} uL, and {flask:g} uL in the flask: look, then say "
                "--reagents rig-file"
            )
    for name, choice in rig.choices.items():
        for option, volume in left.get(f"choices.{name}", {}).items():
            if option not in choice.positions or not 0 <= volume <= (choice.volume or 0.0):
                raise UserError(
                    f"choices.{name}: by {path}, {volume:g} uL of {option} were left, for which "
                    "the rig file has no such coil: look, then say --reagents rig-file"
                )


def _differences(rig: RigFile, left: Volumes) -> Iterator[str]:
    """Say where the rig file promises something else than what was left."""
    for name, stream in rig.streams.items():
        stated = {"syringe": stream.content, "flask": stream.flask_volume}
        for place, volume in stated.items():
            was = left.get(name, stated)[place]
            if abs(volume - was) > _TOLERANCE * stream.syringe_volume:
                yield (
                    f"stream {name}: the rig file has {volume:.0f} uL in the {place}, but "
                    f"{was:.0f} uL were left"
                )
    for name, choice in rig.choices.items():
        for option, was in left.get(f"choices.{name}", {}).items():
            if abs(choice.content(option) - was) > _TOLERANCE * (choice.volume or 0.0):
                yield (
                    f"choices.{name}: the rig file has {choice.content(option):.0f} uL of {option} "
                    f"in its coil, but {was:.0f} uL were left"
                )


def _unsure(rig: RigFile, left: Left) -> Iterator[str]:
    """Say which syringes were cut off while they were refilled, by a process that was killed."""
    for name in left.refilling:
        if name in rig.streams:
            yield (
                f"stream {name} was being refilled when its process was killed: its syringe may "
                "hold a little more than that, its flask less; state what you see in the rig file "
                "(filled, flask_volume)"
            )
