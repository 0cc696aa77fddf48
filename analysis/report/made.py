"""What came of making a product, read back from its run."""

import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..problem.tables import Setting
from ..storage.run import Run
from .candidate import ASSUMED
from .numbers import as_set, estimated, headed, jsonable
from .table import mark_of


@dataclass(frozen=True)
class Check:
    """An injection beside what was promised.

    Attributes
    ----------
    number : int
        1 before, 2 after the product was collected.
    passed : bool
    failure : str
        What is not as promised; empty if all is.
    outside : str
        Which windows it was measured outside of, in words; empty if none. What was promised may be
        so near an edge that what comes of it is outside.
    told : dict of str to dict
        By goal, windowed property and measured quantity: ``expected``, ``repeat_sd``, ``measured``,
        ``passed``.
    """

    number: int
    passed: bool
    failure: str
    outside: str
    told: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Made:
    """What came of making a product.

    Attributes
    ----------
    uid, title, mark : str
    simulated : bool
    makes : str
        Uid of the run that found it.
    number : int
        Of its experiment there.
    conditions : dict of str to float or str
    units : dict of str to str
        Of the conditions.
    volume, collected : float
        Asked for, and what flowed into the flask by the pumps' counters [mL].
    checks : tuple of Check
    scatter_assumed : bool
        Whether the scatter that was promised is for the most part what is usual.
    used : dict of str to float
        By stream, until the last check was injected [mL].
    washed : dict of str to float
        By stream what has washed the rig [mL]; empty where none is there for that.
    ended_well : bool
    reason : str
        How it ended, a sentence.
    """

    uid: str
    title: str
    mark: str
    simulated: bool
    makes: str
    number: int
    conditions: dict[str, Setting]
    units: dict[str, str]
    volume: float
    collected: float
    checks: tuple[Check, ...]
    scatter_assumed: bool
    used: dict[str, float]
    washed: dict[str, float]
    ended_well: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        plain: dict[str, Any] = jsonable(
            {name: value for name, value in vars(self).items() if name != "checks"}
            | {"checks": [vars(check) for check in self.checks]}
        )
        return plain

    def to_text(self, width: int = 80) -> str:
        """Return it for a terminal."""
        lines = [*headed(self.title, self.mark, width), "=" * width]
        said = ", ".join(
            f"{name} {as_set(value)} {self.units.get(name, '')}".rstrip()
            for name, value in self.conditions.items()
        )
        told = [("At", said), *self._checked()]
        if self.scatter_assumed:
            told.append(("Scatter", ASSUMED))
        told.append(("Collected", f"{self.collected:.3g} mL of {self.volume:.3g} mL"))
        for label, volumes in (("Used", self.used), ("Washed", self.washed)):
            if volumes:
                told.append((label, ", ".join(f"{k} {v:.1f} mL" for k, v in volumes.items())))
        told += [("Ended", self.reason), ("Run", self.uid)]
        for label, sentence in told:
            lines += textwrap.wrap(
                sentence, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10
            )
        return "\n".join(lines)

    def _checked(self) -> Iterator[tuple[str, str]]:
        for check in self.checks:
            when = "before" if check.number == 1 else "after"
            each = [
                f"{name} {one['measured']:.4g} ({estimated(one['expected'], one['repeat_sd'])} "
                "promised)"
                for name, one in check.told.items()
            ]
            verdict = "as promised" if check.passed else "NOT as promised"
            yield "Check", f"{when}, {verdict}: {'; '.join(each) or check.failure}"
            if check.outside:
                yield "Outside", f"{when}: {check.outside}"


def is_made(start: Mapping[str, Any]) -> bool:
    """Say whether a run has made a product; a plan of somebody else's may be called ``make``."""
    return "makes" in start and isinstance(start.get("product"), Mapping)


def made_of(run: Run) -> Made:
    """Read what came of making a product.

    Raises
    ------
    ValueError
        If the run is no such one.
    """
    start, stop = run.start, run.stop or {}
    if not is_made(start):
        raise ValueError(
            f"run {run.uid[:8]} made no product: its plan is '{start.get('plan_name')}'"
        )
    product, facts = start["product"], run.events("primary")
    collected = [float(data["collected"]) for data in run.events("collection")]
    washes = [
        name for name, stream in start["rig"]["file"]["streams"].items() if stream.get("wash")
    ]
    used = {name: volume for name, volume in _volumes("used_", facts).items() if name not in washes}
    return Made(
        uid=run.uid,
        title=str(start["title"]),
        mark=mark_of(start),
        simulated=bool(start["simulated"]),
        makes=str(start["makes"]),
        number=int(product["number"]),
        conditions=dict(product["conditions"]),
        units=_units(product["problem"]),
        volume=float(start["volume"]) / 1000,
        collected=sum(collected) / 1000,
        checks=tuple(
            Check(
                int(data["number"]),
                bool(data["passed"]),
                str(data["failure"]),
                str(data.get("outside", "")),  # earlier versions told none
                json.loads(data["told"]),
            )
            for data in run.events("check")
        ),
        scatter_assumed=bool(product.get("scatter_assumed")),
        used=used,
        washed=_volumes("washed_", run.events("wash")),
        ended_well=stop.get("exit_status") == "success",
        reason=str(stop.get("reason") or "not yet, or the process was killed"),
    )


def _volumes(prefix: str, events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Sum up what events say of volumes by stream [mL]."""
    return {
        key.removeprefix(prefix): sum(
            float(data[key]) for data in events if math.isfinite(float(data[key]))
        )
        / 1000
        for key in (events[0] if events else {})
        if key.startswith(prefix)
    }


def _units(problem: Mapping[str, Any]) -> dict[str, str]:
    variables = problem["variables"].items()
    return {name: str(variable.get("unit") or "") for name, variable in variables}
