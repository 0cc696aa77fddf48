"""A campaign whole: a run and those it resumed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .catalogue import Catalogue
from .run import Run

if TYPE_CHECKING:
    import pandas as pd


LAB_TIME_BEFORE = "lab_time_before"
"""Key of a start document: how long the rig had worked on what the run goes on with [s]."""


@dataclass(frozen=True)
class Lineage:
    """A campaign whole: a run and those it resumed, read like one stored run.

    Attributes
    ----------
    runs : tuple of Run
        Oldest first.
    """

    runs: tuple[Run, ...]

    @property
    def uid(self) -> str:
        """Of the latest run."""
        return self.runs[-1].uid

    @property
    def start(self) -> Mapping[str, Any]:
        """Start document of the oldest run: it says how the campaign began.

        Its budget is what the latest run allows. It is marked as simulated if any run was: older
        versions let them be mixed.
        """
        start = dict(self.runs[0].start)
        if is_campaign(start) and (budget := budget_of(self.runs[-1])):
            start["problem"] = {**start["problem"], "budget": budget}
        if any(run.start.get("simulated") for run in self.runs):
            start["simulated"] = True
        return start

    @property
    def stop(self) -> Mapping[str, Any] | None:
        """Stop document of the latest run."""
        return self.runs[-1].stop

    def events(self, stream: str) -> list[Mapping[str, Any]]:
        """Give the data of all events of a stream, in order."""
        return [data for run in self.runs for data in run.events(stream)]

    @property
    def lab_time(self) -> float:
        """How long the rig has worked on it, to the last injection or failure of each run [s].

        With what went before a change of its problem, which its oldest run states.
        """
        total = float(self.runs[0].start.get(LAB_TIME_BEFORE, 0.0))
        for run in self.runs:
            told = [float(data.get("lab_time", math.nan)) for data in run.events("primary")]
            if times := [time for time in told if not math.isnan(time)]:
                total += max(times) - float(run.start.get("lab_time", min(times)))
        return total

    def table(self, stream: str = "primary") -> "pd.DataFrame":
        """Give a stream as one table, a row per event in order; ``attrs`` as of `Run.table`.

        Two columns more say of which ``run`` it is, and at what lab time [s] that ``began``: each
        run has a clock of its own. NaN where it does not say.
        """
        import pandas as pd

        tables = [
            run.table(stream).assign(run=run.uid, began=float(run.start.get("lab_time", math.nan)))
            for run in self.runs
        ]
        whole = pd.concat(tables, ignore_index=True)
        whole.attrs = tables[-1].attrs
        return whole


def is_campaign(start: Mapping[str, Any]) -> bool:
    """Say whether a start document states a problem, and what measures: a campaign, or a design."""
    return isinstance(start.get("problem"), Mapping) and "method" in start


def check_campaign(start: Mapping[str, Any]) -> None:
    """Refuse a run that is no campaign or design, by its start document.

    Raises
    ------
    ValueError
    """
    run = f"run {str(start.get('uid', ''))[:8]}"
    if lost := start.get("lost"):
        raise ValueError(f"{run} has lost {lost}")
    if found := start.get("makes"):
        raise ValueError(
            f"{run} is not a campaign: it made what run {str(found)[:8]} had found; name that one"
        )
    if not is_campaign(start):
        plan = start.get("plan_name", "unknown")
        raise ValueError(
            f"{run} is not a campaign: its plan is '{plan}', not 'optimise'; reactune show tells "
            "what it found, export writes it, rescore judges it by a problem (--problem FILE), and "
            f"optimise PROBLEM --from {str(start.get('uid', ''))[:8]} begins with it"
        )


def budget_of(run: Run) -> int | None:
    """How many experiments a run allows in all; None if it does not say."""
    budget = (run.start.get("problem") or {}).get("budget")
    return budget if isinstance(budget, int) else None


def lineage(catalogue: Catalogue, uid: str | Run) -> Lineage:
    """Find a campaign whole: a run, or that of a uid, and those it resumed.

    One that resumed another with a changed problem is its beginning: what was known until then is
    in its start document, seen by the problem as it was changed.
    """
    runs = [uid if isinstance(uid, Run) else catalogue[uid]]
    while is_campaign(start := runs[0].start) and "known" not in start:
        if not (earlier := start.get("resumes")):
            break
        runs.insert(0, catalogue[earlier])
    return Lineage(tuple(runs))


def parts(catalogue: Catalogue, campaign: Lineage) -> tuple[Lineage, ...]:
    """Give a campaign with what it was before its problem was changed, each by itself.

    Oldest first; each has experiments of its own, under the problem of its time.

    Raises
    ------
    LookupError
        If a run that it went on from is gone.
    """
    found = [campaign]
    while is_campaign(start := found[0].runs[0].start) and (earlier := start.get("resumes")):
        found.insert(0, lineage(catalogue, str(earlier)))
    return tuple(found)
