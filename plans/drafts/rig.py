"""Rig, method and reaction files that somebody begins with: one set of answers, so they agree.

What nobody is asked for, such as ports, syringes and shapes of peaks, is filled in as on a usual
rig, with a comment.
"""

import math
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from reactune.devices.chemistry import Equation
from reactune.devices.plausible import steady_after
from reactune.devices.reading import SpecError, validated
from reactune.devices.specs import Reactor, StreamSpec
from reactune.devices.steps import SpeciesName, Step
from reactune.devices.tables import Name, Table
from reactune.devices.written import exact, quoted

from .choices import ChoiceDraft, choice_of
from .draft import NUMBER, Draft, Question, number, toml_text
from .peaks import PeaksDraft, short
from .templates import METHOD, REACTION, RIG, SELECTOR, SIGNALS, STREAM, TRANSPORTS

_STEADY = 2.0  # residence times after which one usually samples
_CONTENT = rf"[^\s:=,+]+\s+{NUMBER}\s*m?M"
_STREAM = re.compile(
    rf"(?:(?P<name>[^\s:=,+]+)\s*[:=]\s*)?(?P<held>{_CONTENT}(?:\s*\+\s*{_CONTENT})*)"
    rf"(?:\s*,\s*(?P<low>{NUMBER})\s*(?:to|-|\u2013)\s*(?P<high>{NUMBER})\s*"
    r"(?P<unit>[u\u00b5\u03bcm]L/min))?"
)
_RATE = re.compile(
    rf"(?:k\s*=\s*)?(?P<k>{NUMBER})\s*(?P<unit>(?:1\s*/|[^\W\d]|[/(])[^,@]*?)"
    rf"(?:\s*(?:at|@)\s*(?P<at>{NUMBER})\s*(?:\u00b0|deg)C)?"
    rf"\s*,\s*(?:E\s*=\s*)?(?P<energy>{NUMBER})\s*kJ/mol"
)
_PEAK = re.compile(rf"(?P<name>[^\s:=,]+)\s*[:=]?\s*(?:at\s+)?(?P<time>{NUMBER})\s*min")
_VOLUMES = re.compile(rf"(?P<heated>{NUMBER})\s*,\s*(?P<total>{NUMBER})\s*[u\u00b5\u03bc]L")
_HEATER = re.compile(rf"(?P<low>{NUMBER})\s*(?:to|-|\u2013)\s*(?P<high>{NUMBER})\s*(?:\u00b0|deg)C")
_COILS = 100.0  # reactor volumes in the coil of a choice
_FLOWS = (10.0, 2000.0)  # uL/min, where nobody says


class _StreamName(Table):
    """To have a name checked as the rig file checks it."""

    stream: Name


class _PeakOf(Table):
    """Likewise the name of a species."""

    peak: SpeciesName


class RigDraft(Draft):
    """A rig with its reaction, or a method, or both: answer by answer.

    Attributes
    ----------
    questions : tuple of Question
        Those that the files need.

    Parameters
    ----------
    rig, reaction, method : Path or None
        The files to write. A rig needs its reaction: emulated, it can be rehearsed at once.

    Raises
    ------
    ValueError
        If a rig is wanted without a reaction, or the other way round.
    """

    QUESTIONS: tuple[Question, ...] = (
        Question(
            "step",
            "What reacts, how fast? Equation, rate constant (of a guess, too), activation "
            "energy, one step a line; an empty line ends.",
            "amine + ester -> amide, k = 0.5 1/(M min) at 80 degC, 60 kJ/mol",
            many=True,
        ),
        Question(
            "stream",
            "What do the pumps deliver? Name, concentration, least and greatest flow, one "
            "stream a line; an empty line ends.",
            "amine 500 mM, 20 to 500 uL/min",
            many=True,
        ),
        Question(
            "choice",
            "What is there to choose, such as a catalyst, by a selector valve behind a pump or "
            "by a pump for each? Which rate constants differ? One choice a line; an empty line "
            "ends.",
            "catalyst by valve on cat: Pd/C, Ni k1 = 0.2",
            many=True,
            default="",
        ),
        Question(
            "peak",
            "What elutes when? One peak a line; an empty line ends.",
            "amide 5.2 min",
            many=True,
        ),
        Question(
            "reactor",
            "What is the heated volume, and that from mixer to injection valve?",
            "1000, 1200 uL",
            default="1000, 1200 uL",
        ),
        Question(
            "heater",
            "Between which temperatures may be heated?",
            "25 to 120 degC",
            default="25 to 120 degC",
        ),
        Question(
            "signal",
            "What is the unit of the signal? One of mAU, AU, V, mV, counts.",
            "mAU",
            default="mAU",
        ),
    )

    def __init__(self, rig: Path | None, reaction: Path | None, method: Path | None) -> None:
        if (rig is None) != (reaction is None):
            raise ValueError(
                "--rig and --reaction go together: the rig is emulated, and the reaction has its "
                "streams; name both files"
            )
        self.rig, self.reaction, self.method = rig, reaction, method
        alone = ("peak", "signal")  # what is asked for a method without a rig, whose meter reads V
        self.questions = tuple(
            q for q in self.QUESTIONS if (q.key in alone if rig is None else q.key != "signal")
        )
        self.steps: list[dict[str, Any]] = []
        self.species: list[str] = []  # in the order in which the steps name them
        self.streams: dict[str, dict[str, float]] = {}
        self.stocks: dict[str, float] = {}
        self.flows: dict[str, tuple[float, float]] = {}
        self.choices: list[ChoiceDraft] = []
        self.peaks: dict[str, float] = {}
        self.unit = "V"
        self.volumes: tuple[float, float] = (0.0, 0.0)
        self.heated: tuple[float, float] = (0.0, 0.0)

    def _take(self, stated: None) -> None:
        """Each answer has changed what it states."""

    def _step(self, text: str) -> None:
        equation, _, rates = text.partition(",")
        read = [_rate(rate, text) for rate in rates.split(";")]
        if len(read) > 2:
            raise ValueError(f"{quoted(text)} has more rates than there and back: delete one")
        stated = {"equation": equation.strip(), **read[0]}
        if read[1:]:
            stated["reverse"] = read[1]
        step = validated(Step, stated, "reaction", SpecError, str)
        self.steps.append(stated)
        self.species += [name for name in step.read.species if name not in self.species]

    def _stream(self, text: str) -> None:
        found = _STREAM.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{quoted(text)} is no stream; write it as in amine 500 mM, 20 to 500 uL/min, or "
                "as in feed: amine 500 mM + base 600 mM"
            )
        held: dict[str, float] = {}
        for part in found["held"].split("+"):
            name, amount = part.split(maxsplit=1)
            if name in held:
                raise ValueError(f"{quoted(text)} has {name} twice: add the two up")
            held[name] = number(amount.strip().rstrip("mM ")) * (
                1 if amount.rstrip().endswith("mM") else 1000
            )
        first = next(iter(held))
        name = found["name"] or first.lower()
        validated(_StreamName, {"stream": name}, "rig", SpecError, str)
        if name in self.streams:
            raise ValueError(f"{name} is there already; call this one otherwise, as in {name}2: ..")
        if min(held.values()) <= 0:
            raise ValueError(f"{quoted(text)}: a concentration has to be above 0 mM")
        unknown = [one for one in held if one not in self.species]
        for one in unknown:
            near = [name for name in self.species if name.lower() == one.lower()]
            near += get_close_matches(one, self.species, 1)
            if near or len(held) > 1:
                cure = f"did you mean {near[0]}?" if near else "a solvent is a stream of its own"
                raise ValueError(f"{one} is in no step: {cure}")
        low, high = _FLOWS
        if found["unit"]:
            factor = 1000 if found["unit"].startswith("m") else 1
            low, high = number(found["low"]) * factor, number(found["high"]) * factor
        if not 0 < low < high:
            raise ValueError(f"{quoted(text)}: the flows have to rise, from above 0")
        self.streams[name] = {} if unknown else held
        self.stocks[name] = held[first]
        self.flows[name] = (low, high)

    def _choice(self, text: str) -> None:
        if not text:
            return
        specs = {
            name: StreamSpec(
                transport="pumps", stock=stock, diameter=1, syringe_volume=1,
                limits=self.flows[name],
            )
            for name, stock in self.stocks.items()
        }  # fmt: skip
        known = [
            f"{key}{i}{way}"
            for i, step in enumerate(self.steps, 1)
            for way in ("", "_reverse")[: 1 + ("reverse" in step)]
            for key in "kE"
        ]
        made = choice_of(text, specs, known, self.choices)
        if len({str(self.streams[stream]) for stream in made.streams}) > 1:
            raise ValueError(
                f"{quoted(text)}: what is in {', '.join(made.streams)} differs; give it one name, "
                "and say by rate constants what a choice does"
            )
        self.choices.append(made)

    @property
    def _fed(self) -> dict[str, str]:
        """By flow as a problem knows it one of the streams that deliver it."""
        joined = {one.name: one.streams[0] for one in self.choices if one.streams}
        taken = {stream for one in self.choices for stream in one.streams}
        return {name: name for name in self.streams if name not in taken} | joined

    def _peak(self, text: str) -> None:
        found = _PEAK.fullmatch(text)
        if found is None:
            raise ValueError(f"{quoted(text)} is no peak; write it as in amide 5.2 min")
        name, time = found["name"], number(found["time"])
        if self.reaction is not None and name not in self.species:
            raise ValueError(f"{name} is in no step; there are {', '.join(self.species)}")
        validated(_PeakOf, {"peak": name}, "method", SpecError, str)
        if name in self.peaks:
            raise ValueError(f"{name} is there already; isomers are components of one peak")
        if time <= 0:
            raise ValueError(f"{quoted(text)}: a peak elutes after the injection, at 0 min")
        if close := [n for n, other in self.peaks.items() if abs(other - time) < 0.02 * time]:
            raise ValueError(
                f"{name} and {close[0]} elute together; give one of them, or the time of a method "
                "that parts them"
            )
        self.peaks[name] = time

    def _reactor(self, text: str) -> None:
        found = _VOLUMES.fullmatch(text)
        if found is None:
            raise ValueError(f"{quoted(text)} are no two volumes; write them as in 1000, 1200 uL")
        heated, total = number(found["heated"]), number(found["total"])
        if not 0 < heated <= total:
            raise ValueError(
                f"{quoted(text)}: the heated volume is above 0, and a part of the other"
            )
        self.volumes = (heated, total)

    def _heater(self, text: str) -> None:
        found = _HEATER.fullmatch(text)
        if found is None:
            raise ValueError(f"{quoted(text)} is no range; write it as in 25 to 120 degC")
        low, high = number(found["low"]), number(found["high"])
        if not low < high:
            raise ValueError(f"{quoted(text)}: the temperatures have to rise")
        if low < 0 or high > 200:
            raise ValueError(f"{quoted(text)}: the emulated heater has setpoints of 0 to 200 degC")
        self.heated = (low, high)

    def _signal(self, text: str) -> None:
        if text not in SIGNALS:
            raise ValueError(f"{quoted(text)} is none of the units {', '.join(SIGNALS)}")
        self.unit = text

    @property
    def never_there(self) -> list[str]:
        """What a step consumes, but no stream brings and no step makes."""
        sides = [Equation.parse(step["equation"]) for step in self.steps]
        there = {name for held in self.streams.values() for name in held}
        there |= {name for side in sides for name in side.right}
        there |= {name for side in sides if side.reversible for name in side.left}
        return [name for name in self.species if name not in there]

    @property
    def variables(self) -> list[str]:
        """What a problem for the rig can set."""
        flows = [f"flow_{name}" for name in self._fed]
        return ["temperature", *flows, *(choice.name for choice in self.choices)]

    @property
    def _held(self) -> list[float]:
        """The concentrations in all streams [mM]."""
        return [amount for held in self.streams.values() for amount in held.values()]

    def texts(self) -> dict[Path, str]:
        """Write the files, each that is named: a file before the one that names it."""
        texts, peaks = {}, PeaksDraft(self.peaks)
        if self.reaction is not None:
            texts[self.reaction] = self._reaction_text()
        if self.method is not None:
            texts[self.method] = METHOD.format(
                title=toml_text(self.method.stem),
                unit=toml_text(self.unit), signal=SIGNALS[self.unit],
                start=short(peaks.windows[0][0]), rate=peaks.rate,
                peaks=peaks.text("[[peaks]]", self._held),
            )  # fmt: skip
        if self.rig is not None:
            texts[self.rig] = self._rig_text(self.rig)
        return texts

    def _reaction_text(self) -> str:
        assert self.reaction is not None
        peaks = PeaksDraft(self.peaks).ordered
        width, longest = max(map(len, peaks)), max(map(len, self._fed))
        held = {name: self.streams[stream] for name, stream in self._fed.items()}
        return REACTION.format(
            title=toml_text(self.reaction.stem),
            species=toml_text([*self.species]),
            steps="\n".join(map(_step_text, self.steps)),
            streams="\n".join(
                f"{name:<{longest}} = {toml_text(what) if what else '{}  # solvent'}"
                for name, what in held.items()
            ),
            choices="".join(choice.reaction_text() for choice in self.choices),
            peaks="\n".join(
                f'{n:<{width}} = {{ of = "{n}" }}' for n in PeaksDraft(self.peaks).ordered
            ),
        )

    def _rig_text(self, rig: Path) -> str:
        assert self.reaction is not None
        low, high = self.heated
        peaks = PeaksDraft(self.peaks)
        windows = peaks.windows
        ports = TRANSPORTS | {c.transport: SELECTOR for c in self.choices if c.transport}
        wide = max(map(len, ports))
        if self.method is None:
            chromatogram = (
                f"lamp     = {10:<20} # V through pure eluent\n"
                f"rate     = {peaks.rate:<20} # Hz\n"
                f"start    = {short(windows[0][0]):<20} # min: nothing before is evaluated\n\n"
                + peaks.text("[[chromatogram.peaks]]", self._held)
            )
        else:
            chromatogram = f"method   = {toml_text(_relative(self.method, rig))}\n"
        heated, total = self.volumes
        reactor = Reactor(heated_volume=heated, total_volume=total, loop_volume=2.0)
        return RIG.format(
            title=toml_text(rig.stem),
            streams="\n".join(
                STREAM.format(
                    name=name, address=i, stock=exact(self.stocks[name]),
                    limits=toml_text([*self.flows[name]]),
                    refill=exact(max(10000.0, self.flows[name][1])),  # which the pump reaches
                )
                for i, name in enumerate(self.streams)
            ),
            limits=toml_text([low, high]), safe=exact(min(low, 25.0)), maximum=exact(high + 10),
            heated=exact(reactor.heated_volume), total=exact(reactor.total_volume),
            steady=f"{max(steady_after(reactor), _STEADY):g}",
            transports="\n".join(f"{n:<{wide}} = {port}" for n, port in ports.items()),
            choices="".join(
                one.rig_text(exact(_COILS * heated)) for one in self.choices
            ),
            duration=30 * math.ceil(2 * (windows[-1][1] + 0.5)),
            chromatogram=chromatogram,
            reaction=toml_text(_relative(self.reaction, rig)),
        )  # fmt: skip


def _rate(text: str, whole: str) -> Mapping[str, Any]:
    """Read a rate constant as somebody writes it."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"{quoted(whole)} is no step; write it as in A + B -> P, k = 0.5 1/(M min) at 80 degC, "
            "60 kJ/mol, and for the way back ; 0.01 1/min at 80 degC, 80 kJ/mol"
        )
    rate: dict[str, Any] = {"k": number(found["k"]), "unit": found["unit"].strip()}
    if found["at"]:
        rate["at"] = number(found["at"])
    return {**rate, "energy": number(found["energy"])}


def _step_text(step: Mapping[str, Any]) -> str:
    """Write a table of a step, with the units that no other key says."""
    units = {"at": "degC", "energy": "kJ/mol", "reverse": "likewise"}
    lines = ["[[steps]]"]
    for key, value in step.items():
        line = f"{key:<8} = {toml_text(value)}"
        lines.append(f"{line:<31} # {units[key]}" if key in units else line)
    return "\n".join(lines) + "\n"


def _relative(path: Path, to: Path) -> str:
    """Call a file as one beside it does."""
    return Path(os.path.relpath(path, to.parent)).as_posix()
