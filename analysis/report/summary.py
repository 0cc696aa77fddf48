"""What a stored campaign came to, as data, as JSON and as text for the terminal."""

import math
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ..problem.tables import Setting
from ..sheets.sheet import title_of
from ..written import chance, percent
from . import labels
from .candidate import ASSUMED, Candidate, candidate
from .numbers import as_set, dialled, estimated, headed, jsonable, side_by_side, table_lines
from .rediscovered import Rediscovered, rediscovered
from .table import Campaign, StoredRun

_TERMS = (
    "is inside every window; semi-feasible: outside by no more than its tolerance; infeasible: "
    "farther out. The merit {}. How likely a point truly "
    "is inside, and which is best, is judged from all experiments, not from one measurement."
)
_MERIT = "adds a penalty for being outside to the goal", "is the penalty for being outside alone"

FRONT = (
    "(those likely inside every window that no other experiment is expected to beat in both goals; "
    "as expected of the noise-free value, by all experiments, with its standard deviation)"
)
"""What a front is."""

SURE = 0.9
"""Probability to be inside every window below which a point of the front is cautioned about."""


@dataclass(frozen=True)
class Summary:
    """What a campaign came to.

    Attributes
    ----------
    uid, title : str
    goal : str
        In words, such as ``minimise X3``.
    goals : tuple of str
        Names of the one or two goals.
    goal_units : dict of str to str
        Their units; "" where none is known.
    simulated : bool
    mark : str
        ``SIMULATED``, ``REAL HARDWARE`` or ``FROM A TABLE``.
    n, n_known, n_feasible, budget : int
        Experiments done, those of them known when the campaign began, those inside all windows, and
        how many were allowed.
    windows : tuple of str
        The constraints in words.
    where : tuple of str
        What named goals stand for, such as ``STY = P / tau``.
    failed : dict of int to str
        Why experiments failed, by number.
    unjudged : dict of int to str
        Why experiments that were measured have not been evaluated, by number.
    disturbed : dict of int to str
        The faults that experiments got over, by number.
    doubted : dict of int to str
        Results that all others contradict, by number: they count for nothing until repeated.
    stop_reason : str
        A sentence; also for a run that has no stop document.
    best, best_feasible : Candidate or None
        Best by merit; best goal among those likely inside every window. Both as the optimiser
        judged after the last experiment, from all of them: not the luckiest noise. Of two goals
        there is neither; but what is nearest to the windows is the first while there is no front.
    front : tuple of Candidate
        Of two goals: those likely inside every window that no other is expected to beat in both, by
        the first goal.
    best_measured : Candidate or None
        Best goal among those that were measured inside every window, lucky or not.
    lab_hours : float
        From the start to the end of the last recording [h], run by run if the campaign was
        resumed; NaN without experiment.
    used : dict of str to float
        Volume used by stream [mL].
    units : dict of str to str
        Of the conditions.
    lines : tuple of (str, str)
        What is said of a candidate: how it is called, and by which name its values are found.
    rediscovery : Rediscovered or None
        What became of the earlier results that a rediscovery began from.
    confidence : float or None
        How likely inside every window what is handed over was wanted, if anything is.
    """

    uid: str
    title: str
    goal: str
    goals: tuple[str, ...]
    goal_units: dict[str, str]
    simulated: bool
    mark: str
    n: int
    n_known: int
    n_feasible: int
    budget: int
    windows: tuple[str, ...]
    where: tuple[str, ...]
    failed: dict[int, str]
    unjudged: dict[int, str]
    disturbed: dict[int, str]
    doubted: dict[int, str]
    stop_reason: str
    best: Candidate | None
    best_feasible: Candidate | None
    front: tuple[Candidate, ...]
    best_measured: Candidate | None
    lab_hours: float
    used: dict[str, float]
    units: dict[str, str]
    lines: tuple[tuple[str, str], ...]
    rediscovery: Rediscovered | None = None
    confidence: float | None = None

    @property
    def n_failed(self) -> int:
        """How many experiments failed."""
        return len(self.failed)

    @property
    def n_unjudged(self) -> int:
        """How many experiments were measured and not evaluated."""
        return len(self.unjudged)

    @property
    def used_total(self) -> float:
        """Volume used of all streams [mL]."""
        return sum(self.used.values())

    @property
    def asked(self) -> str:
        """Goal and windows, as far as the title does not say them, and what names stand for."""
        told = "; ".join(part for part in (self.goal, *self.windows) if part != self.title)
        where = f"where {', '.join(self.where)}" if self.where else ""
        return "; ".join(part for part in (told, where) if part)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data for `json.dumps`; what is not finite becomes None."""
        derived: dict[str, Any] = {
            name: getattr(self, name) for name in ("n_failed", "n_unjudged", "used_total")
        }
        if self.rediscovery is not None:
            derived["rediscovery"] = self.rediscovery.to_json()
        plain: dict[str, Any] = jsonable(asdict(self) | derived)
        return plain

    def to_text(self, width: int = 80) -> str:
        """Return the summary for a terminal, plain ASCII but for what the user wrote.

        Parameters
        ----------
        width : int
            Characters a line, at least 60; only a single longer word exceeds it.
        """
        width = max(width, 60)
        lines = [*headed(self.title, self.mark, width), *textwrap.wrap(self.asked, width)]
        if not self.front:
            found = side_by_side(self.rows(), width)
        else:
            found = table_lines(self.front_columns(), width)
            found = [*textwrap.wrap(f"THE FRONT {FRONT}", width), *found]
        lines += ["=" * width, *found, "-" * width]
        for label, sentence in (*self.cautions(), *self.remarks()):
            lines += textwrap.wrap(
                sentence, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10
            )
        return "\n".join(lines)

    def front_columns(self, plus_minus: str = "+/-") -> list[tuple[str, list[str]]]:
        """Return title and cells of each column of a table of the front.

        Parameters
        ----------
        plus_minus : str
            What stands between an expected value and its standard deviation.
        """
        front = self.front
        columns = [("no.", [str(c.number) for c in front])]
        for goal, unit in self.goal_units.items():
            told = [estimated(c.expected[goal], c.expected_sd[goal], plus_minus) for c in front]
            columns.append((title_of(goal, unit), told))
        if self.windows:
            columns.append(("inside", [chance(c.probability_feasible) for c in front]))
        for key, unit in self.units.items():
            told = dialled(c.condition(key) for c in front)
            columns.append((title_of(key, unit), told))
        return columns

    def rows(self, plus_minus: str = "+/-") -> list[tuple[str, ...]]:
        """Return label, best feasible and best, as text, for each line of their comparison.

        Without windows there is but one best. A row whose values are empty is the heading of the
        group below it.

        Parameters
        ----------
        plus_minus : str
            What stands between a value and its standard deviation.
        """
        bests = {"BEST FEASIBLE": self.best_feasible, "BEST BY MERIT": self.best}
        if not self.windows:
            bests = {"BEST": self.best}
        rows: list[tuple[str, ...]] = [("", *bests)]

        def add(label: str, cell: Callable[[Candidate], str], missing: str = "-") -> None:
            rows.append((label, *(missing if c is None else cell(c) for c in bests.values())))

        def condition(label: str, value: Callable[[Candidate], Setting]) -> None:
            cells = dialled(math.nan if c is None else value(c) for c in bests.values())
            rows.append((f"  {label}", *cells))

        def heading(label: str) -> None:
            rows.append((label, *[""] * len(bests)))

        add("", lambda c: f"experiment {c.number}", "none")
        if self.best is None:
            return rows
        heading("Set")
        for key, unit in self.units.items():
            condition(title_of(key, unit), partial(Candidate.condition, name=key))
        follows = "residence_time" not in self.units
        if follows and not math.isnan(self.best.residence_time):  # a table knows none
            condition("(residence time [min])", lambda c: c.residence_time)
        if self.best.expected:
            heading(f"Expected of a repeat, {plus_minus} scatter")
            for label, name in self.lines:
                add(f"  {label}", partial(Candidate.repeat, name=name, plus_minus=plus_minus))
        if self.windows:
            heading("Judged, noise apart")
            add("  inside every window", lambda c: f"{chance(c.probability_feasible)} likely")
            add("  merit (lower is better)", lambda c: f"{round(c.merit, 3) + 0.0:.3f}")
        heading(f"Measured, once, {plus_minus} its error")
        for label, name in self.lines:
            add(f"  {label}", partial(Candidate.result, name=name, plus_minus=plus_minus))
        if self.windows:
            add("  feasibility", lambda c: c.feasibility)
        return rows

    def sentence(self, candidate: Candidate) -> str:
        """Say in half a sentence what a repeat of an experiment gives, and at which conditions."""
        conditions = ", ".join(
            f"{name} {as_set(value)} {self.units[name]}".rstrip()
            for name, value in candidate.conditions.items()
        )
        told = f"{candidate.sentence(self.goal_units, bool(self.windows))}, at {conditions}"
        return f"{told} (outside today's ranges or limits)" if candidate.outside else told

    def cautions(self) -> list[tuple[str, str]]:
        """Return what is wrong with the two bests, each as keyword and sentence."""
        best, feasible = self.best, self.best_feasible
        bests = {c.number: c for c in (*self.front, feasible, best) if c is not None}
        cautions = [
            ("Outside", f"experiment {c.number} is not to be set today: {c.outside}")
            for c in bests.values()
            if c.outside
        ]
        if self.front:
            sure = self.confidence or SURE
            unsure = [str(c.number) for c in self.front if c.probability_feasible < sure]
            if self.windows and unsure:
                told = f"less than {percent(sure)} likely inside every window: {', '.join(unsure)}"
                cautions.append(("Close", f"{told}; repeat what you choose to be sure"))
            return cautions
        if best is None:
            cautions.append(("Nothing", "to hand over: no experiment has a valid result"))
        elif feasible is None:
            cautions.append(("None", "is likely inside every window"))
        if best is not None and best.violated:
            cautions.append(
                ("Violated", f"by the best by merit, experiment {best.number}: {best.violated}")
            )
        if feasible is not None:
            if self.confidence and feasible.probability_feasible < self.confidence:
                told = f"no experiment is {percent(self.confidence)} likely inside every window"
                cautions.append(("Unsure", f"{told}, as optimiser.confidence wants"))
            number = feasible.number
            if close := "; ".join(feasible.close) or feasible.violated:
                cautions.append(("Close", f"{close}; repeat experiment {number} to be sure"))
            elif self.windows and feasible.feasibility != "feasible":
                told = f"experiment {number} was measured {feasible.feasibility}"
                cautions.append(("Close", f"{told}; repeat it to be sure"))
        return cautions

    def remarks(self) -> list[tuple[str, str]]:
        """Return how the campaign went, each as keyword and sentence."""
        remarks = []
        known = {"Failed": self.failed, "Unjudged": self.unjudged}
        known |= {"Got over": self.disturbed, "Doubted": self.doubted}
        for label, reasons in known.items():
            if reasons:
                each = [f"{number} ({reason})" for number, reason in reasons.items()]
                rest = f" and {len(each) - 3} more" if len(each) > 3 else ""
                remarks.append((label, ", ".join(each[:3]) + rest))
        goal, unit = next(iter(self.goal_units.items()))
        chosen = self.best_feasible or self.best
        if chosen is not None and chosen.feasible and _matters(chosen.regret, chosen, goal):
            by = f"{float(f'{chosen.regret:.1g}'):g} {unit}".rstrip()
            told = f"the truly best of these experiments is expected to be {by} better "
            told += f"in {goal} than experiment {chosen.number}"
            remarks.append(("In doubt", told))
        if any(c.scatter_assumed for c in self.front or (chosen,) if c is not None):
            remarks.append(("Scatter", ASSUMED))
        lucky, other = self.best_measured, self.best_feasible
        if lucky is not None and (other is None or lucky.number != other.number):
            told = f"experiment {lucky.number}: {goal} = {lucky.result(goal)} {unit}".rstrip()
            inside = " inside every window" if self.windows else ""
            remarks.append(("Measured", f"best{inside}, lucky or not: {told}"))
        if self.rediscovery is not None:
            remarks += self.rediscovery.remarks()
        remarks.append(("Stopped", self.stop_reason))
        counts = f"{self.n} experiment{'s' * (self.n != 1)} (budget {self.budget})"
        if self.n_known:
            counts += f", {self.n_known} of them known before"
        if self.windows:
            counts += f", {self.n_feasible} inside every window"
        if self.n_unjudged:
            counts += f", {self.n_unjudged} not evaluated"
        remarks.append(("Done", f"{counts}, {self.n_failed} failed"))
        if self.n:
            used = ", ".join(f"{name} {volume:.1f} mL" for name, volume in self.used.items())
            unknown = math.isnan(self.lab_hours)
            hours = "unknown time" if unknown else f"{self.lab_hours:.1f} lab hours"
            total = f"; {used}; {self.used_total:.1f} mL in all" if self.used else ""
            if total or not unknown:
                remarks.append(("Took", f"{hours}{total}"))
        if self.windows:
            remarks.append(("Feasible", _TERMS.format(_MERIT[len(self.goals) - 1])))
        return [*remarks, ("Run", self.uid)]


def summarise(run: StoredRun | Campaign) -> Summary:
    """Sum up a stored campaign.

    Parameters
    ----------
    run : StoredRun
        Finished, crashed or still going.

    Raises
    ------
    ValueError
        If the run is not a campaign.
    """
    campaign = Campaign.of(run)
    table, problem, measured = campaign.table, campaign.problem, campaign.analytics.units
    failed = table[table["feasibility"] == "failed"]
    used = [name for name in map(str, table) if name.startswith("used_")]
    return Summary(
        uid=campaign.run.uid,
        title=campaign.title,
        goal=campaign.goal,
        goals=tuple(aim.text for aim in problem.aims),
        goal_units={aim.text: labels.goal_unit(aim, measured) for aim in problem.aims},
        simulated=campaign.simulated,
        mark=campaign.mark,
        n=len(table),
        n_known=campaign.known,
        n_feasible=int((table["feasibility"] == "feasible").sum()),
        budget=problem.budget,
        windows=tuple(labels.windows(problem, measured)),
        where=tuple(aim.where for aim in problem.aims if aim.where),
        failed=dict(zip(failed.index.tolist(), failed["reason"].tolist(), strict=True)),
        unjudged=campaign.unjudged,
        disturbed=campaign.disturbed,
        doubted=campaign.doubted,
        stop_reason=_stop_reason(campaign.run),
        best=candidate(campaign, campaign.best),
        best_feasible=candidate(campaign, campaign.best_feasible),
        front=tuple(c for number in campaign.front if (c := candidate(campaign, number))),
        best_measured=candidate(campaign, campaign.best_measured),
        lab_hours=campaign.lab_hours,
        used={name.removeprefix("used_"): float(table[name].sum()) / 1000 for name in used},
        units={name: variable.unit for name, variable in problem.variables.items()},
        lines=tuple(labels.lines(problem, measured)),
        rediscovery=rediscovered(campaign),
        confidence=problem.optimiser.confidence,
    )


def _matters(gain: float, candidate: Candidate, goal: str) -> bool:
    """Whether so much more of the goal would be seen: by a repeat, and in what is written of it."""
    if not gain > 0 or goal not in candidate.expected:
        return gain > 0
    value, scatter = candidate.expected[goal], candidate.repeat_sd[goal]
    return gain >= scatter / 10 and estimated(value + gain, scatter) != estimated(value, scatter)


def _stop_reason(run: StoredRun) -> str:
    """Why the run stopped, as a sentence."""
    go_on = f"; to go on: reactune optimise --resume {run.uid[:8]}"
    if run.stop is None:
        return f"not yet, or the process was killed{go_on}"
    if run.stop.get("recovered"):
        return f"the process was killed{go_on}"
    status, reason = str(run.stop["exit_status"]), str(run.stop.get("reason", ""))
    if status == "success":
        return reason or "the plan came to its end"
    return f"{status}: {reason}" if reason else status
