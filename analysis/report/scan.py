"""What a scan found: means at each of its points, extremes, and how well repeats agree."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from ..campaign.keys import measured_key
from ..storage.lineage import Lineage, is_campaign
from .numbers import aligned, as_set, dialled, jsonable
from .table import Campaign, mark_of

_REASONS = 3  # why something failed, that are shown
_SHOWN = 40  # points; the rest are in the table of the run
_SURE = 0.95  # how unlikely so great a slope has to be of repeats that do not drift


class Drift(NamedTuple):
    """By how much repeats of one point drift in all, its standard error, and if that is sure."""

    total: float
    sd: float
    sure: bool


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes
    ----------
    uid, title : str
    mark : str
        Where the numbers come from, as in a summary.
    moved, quantities : dict of str to str
        What was changed and what was measured, with their units.
    events : DataFrame
        A row for each valid event in order: these columns, and ``<quantity>_sd`` as the analytics
        stated it.
    failed : int
        Events that gave nothing.
    reasons : tuple of str
        Why, each once.
    """

    uid: str
    title: str
    mark: str
    moved: dict[str, str]
    quantities: dict[str, str]
    events: pd.DataFrame
    failed: int
    reasons: tuple[str, ...] = ()

    @property
    def points(self) -> pd.DataFrame:
        """A row for each point, in order of settings: means of its repeats, and how many, `n`."""
        names = list(self.moved)
        if self.events.empty:
            return pd.DataFrame(columns=[*names, *self.quantities, "n"])
        if not names:
            return self.events[list(self.quantities)].mean().to_frame().T.assign(n=len(self.events))
        groups = self.events.groupby(names, sort=True)
        means = groups[list(self.quantities)].mean()
        return means.assign(n=groups.size()).reset_index()

    def repeatability(self, quantity: str) -> tuple[float, float, int]:
        """Give how far repeats scatter, what the analytics states, and the degrees of freedom.

        Returns
        -------
        scatter : float
            Standard deviation of one result, pooled over all points; NaN without repeats.
        stated : float
            Root mean square of the stated standard deviations; NaN if there are none.
        freedom : int
        """
        events, names = self.events[self._known(quantity)], list(self.moved)
        values, groups = events[quantity], events.groupby(names) if names else None
        means = groups[quantity].transform("mean") if groups else values.mean()
        freedom = len(events) - (groups.ngroups if groups else min(len(events), 1))
        squares = float(((values - means) ** 2).sum())
        stated = events.get(f"{quantity}_sd")
        rms = math.nan if stated is None else math.sqrt((stated**2).mean())
        scatter = math.sqrt(squares / freedom) if freedom else math.nan
        return 0.0 if scatter <= _rounding(values) else scatter, rms, freedom

    def drift(self, quantity: str) -> Drift | None:
        """Give how repeats of one point drift; None for other scans, and fewer than four."""
        known = self._known(quantity)
        n, repeats = len(self.events), int(known.sum())
        if len(self.points) != 1 or repeats < 4:
            return None
        values = self.events[quantity].to_numpy(float)[known]
        (slope, _), cov = np.polyfit(np.flatnonzero(known), values, 1, cov=True)
        total, error = float(slope) * (n - 1), math.sqrt(cov[0, 0]) * (n - 1)
        bound = float(stdtrit(repeats - 2, (1 + _SURE) / 2))  # by Student: wide for a few
        return Drift(total, error, abs(total) > max(bound * error, _rounding(values)))

    def _known(self, quantity: str) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Say which events have a number of a quantity, and a place."""
        return self.events[[quantity, *self.moved]].notna().all(axis=1).to_numpy()

    def to_text(self, width: int = 80) -> str:
        """Write it for a terminal."""
        points, n = self.points, len(self.events)
        count = f"{n} experiment{'s' * (n != 1)} at {len(points)} point{'s' * (len(points) != 1)}"
        failed = f", {self.failed} failed" if self.failed else ""
        title = textwrap.wrap(self.title, width - len(self.mark) - 3) or [""]
        title[0] += f"   {self.mark}"
        lines = [*title, f"run {self.uid[:8]}, {count}{failed}"]
        for reason in self.reasons[:_REASONS]:
            lines += textwrap.wrap(f"failed: {reason}", width, subsequent_indent="  ")
        if len(self.reasons) > _REASONS:
            lines.append(f"... and {len(self.reasons) - _REASONS} more reasons: last().table()")
        lines.append("")
        if points.empty:
            return "\n".join([*lines, "nothing was measured"])
        lines += self._table(points.head(_SHOWN), width)
        if len(points) > _SHOWN:
            lines.append(f"... and {len(points) - _SHOWN} more points: last().table()")
        if extremes := [*self._extremes(points)]:
            lines += ["", *extremes]
        return "\n".join([*lines, "", *self._repeats()]).rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return what `to_text` says, of all points, as plain data."""
        points, names = self.points, list(self.quantities)
        plain: dict[str, Any] = jsonable(
            {
                "uid": self.uid,
                "title": self.title,
                "mark": self.mark,
                "n": len(self.events),
                "n_failed": self.failed,
                "reasons": self.reasons,
                "moved": self.moved,
                "quantities": self.quantities,
                "points": [
                    {"at": self._at(point), "n": int(point["n"]), "mean": dict(point[names])}
                    for _, point in points.iterrows()
                ],
                "extremes": dict(self._ends(points)),
                "repeats": {
                    name: told | {"drift": told["drift"] and told["drift"]._asdict()}
                    for name, told in self._agreement()
                },
            }
        )
        return plain

    def _at(self, point: "pd.Series[Any]") -> dict[str, Any]:
        """Give what was set at a point, as plain numbers and words."""
        return {n: v if isinstance(v := point[n], str) else float(v) for n in self.moved}

    def _ends(self, points: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give least and most of each quantity, and where."""
        if not self.moved or len(points) < 2:
            return
        for name in self.quantities:
            if (values := points[name]).isna().all():
                continue
            ends = {"least": points.iloc[values.argmin()], "most": points.iloc[values.argmax()]}
            yield name, {e: {"value": p[name], "at": self._at(p)} for e, p in ends.items()}

    def _agreement(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give how well repeats of each quantity agree."""
        for name in self.quantities:
            scatter, stated, freedom = self.repeatability(name)
            if freedom:
                told = {"scatter": scatter, "stated": stated, "freedom": freedom}
                yield name, told | {"drift": self.drift(name)}

    def _table(self, points: pd.DataFrame, width: int) -> list[str]:
        """Give the points as blocks of columns that fit the width."""
        left = [_column(name, unit, dialled(points[name])) for name, unit in self.moved.items()]
        right = [
            _column(name, unit, aligned(points[name], 3)) for name, unit in self.quantities.items()
        ]
        if int(points["n"].max()) > 1:
            left.append(_column("n", "", [str(int(n)) for n in points["n"]]))
        space = max(width - sum(len(column[0]) + 2 for column in left), 1)
        lines: list[str] = []
        while right:
            fits = 1
            while fits < len(right) and sum(len(c[0]) + 2 for c in right[: fits + 1]) <= space:
                fits += 1
            block, right = [*left, *right[:fits]], right[fits:]
            rows = ["  ".join(cells).rstrip() for cells in zip(*block, strict=True)]
            lines += [rows[0], *filter(None, rows[1:2]), *rows[2:], *[""] * bool(right)]
        return lines

    def _extremes(self, points: pd.DataFrame) -> Iterator[str]:
        """Say where each quantity is least and most."""
        for name, ends in self._ends(points):
            told = aligned([end["value"] for end in ends.values()], 3)
            least, most = (self._place(end["at"]) for end in ends.values())
            yield f"{name} least {told[0]} at {least}"
            yield f"{' ' * len(name)}  most {told[1]} at {most}"

    def _place(self, at: Mapping[str, Any]) -> str:
        """Say where a point is, in words."""
        told = ((name, as_set(at[name]), unit) for name, unit in self.moved.items())
        return ", ".join(f"{name} {value} {unit}".strip() for name, value, unit in told)

    def _repeats(self) -> Iterator[str]:
        """Say how well repeats agree, and whether they drift."""
        for name, told in self._agreement():
            stated = told["stated"]
            against = f", the analytics states {stated:.2g}" if math.isfinite(stated) else ""
            line = f"{name} repeats to {told['scatter']:.2g}{against} ({told['freedom']} d.f.)"
            if found := told["drift"]:
                by = f"{found.total:+.2g} +/- {found.sd:.1g} in all"
                line += f"; {'drifts' if found.sure else 'no drift:'} {by}"
            yield line


def is_scan(start: Mapping[str, Any]) -> bool:
    """Say whether a run has points that were given beforehand, be it bluesky's or ours."""
    return "scan" in start or not ("lost" in start or is_campaign(start))


def scan_of(run: Lineage) -> Scan:
    """Read what a scan found from its run.

    Parameters
    ----------
    run : Lineage
        Of a scan of ours, or of any plan of bluesky's: what its devices hint at is taken, against
        what its plan says it moves.
    """
    if is_campaign(run.start):
        return _of_campaign(run)
    table, latest = run.table(), run.runs[-1]
    units, hinted = latest.units(), [name for name in latest.hinted() if name in table]
    dimensions = (run.start.get("hints") or {}).get("dimensions", [])
    moved = [name for fields, _ in dimensions for name in fields if name in hinted]
    moved = list(dict.fromkeys(moved))  # choices, too, which are words
    hinted = [name for name in hinted if _numeric(table, name)]
    for name in moved:  # where it was set, not what was read there: repeats belong together
        if f"{name}_setpoint" in table:
            table[name] = table[f"{name}_setpoint"]
    valid = table["valid"] == 1 if "valid" in table else pd.Series(data=True, index=table.index)
    stated = {f"{name}_sd" for name in hinted}  # of a quantity: none of its own, if hinted at, too
    quantities = [name for name in dict.fromkeys(hinted) if name not in {*moved, *stated}]
    return Scan(
        uid=run.uid,
        title=str(run.start.get("title") or run.start.get("plan_name", "a plan without a name")),
        mark=mark_of(run.start),
        moved=_with_units(moved, units),
        quantities=_with_units(quantities, units),
        events=_kept(table[valid], moved, quantities),
        failed=int((~valid).sum()),
        reasons=_reasons(table[~valid]),
    )


def _of_campaign(run: Lineage) -> Scan:
    campaign = Campaign.of(run)
    problem, table = campaign.problem, campaign.table.copy()
    for name in problem.variables:  # what was read there would tell repeats apart
        table[name] = table[f"asked_{name}"]
    valid = table["valid"] == 1
    failed = table[~valid]
    for name, key in ((n, measured_key(n)) for n in problem.measured):
        table[name], table[f"{name}_sd"] = table[key], table[f"{key}_sd"]
    moved = [name for name in problem.variables if table[name].nunique() > 1]
    return Scan(
        uid=run.uid,
        title=f"{run.start['plan_name']}: {campaign.title}",
        mark=campaign.mark,
        moved={name: problem.variables[name].unit for name in moved},
        quantities=_with_units(problem.measured, campaign.analytics.units),
        events=_kept(table[valid], moved, problem.measured),
        failed=len(failed),
        reasons=_reasons(failed),
    )


def _rounding(values: ArrayLike) -> float:
    """How far numbers may lie apart by rounding alone."""
    return 1e-12 * float(np.abs(np.asarray(values, float)).max(initial=0.0))


def _reasons(failed: pd.DataFrame) -> tuple[str, ...]:
    told = failed.get("reason", ())
    return tuple(dict.fromkeys(str(reason) for reason in told if reason))


def _kept(table: pd.DataFrame, moved: Sequence[str], quantities: Sequence[str]) -> pd.DataFrame:
    stated = [f"{name}_sd" for name in quantities if f"{name}_sd" in table]
    columns = dict.fromkeys([*moved, *quantities, *stated])
    return table[[*columns]].reset_index(drop=True)


def _with_units(names: Sequence[str], units: Mapping[str, str]) -> dict[str, str]:
    """Give names with their units; pure numbers have none."""
    told = {name: units.get(name, "") for name in names}
    return {name: "" if unit == "1" else unit for name, unit in told.items()}


def _numeric(table: pd.DataFrame, name: str) -> bool:
    return name in table and pd.api.types.is_numeric_dtype(table[name])


def _column(name: str, unit: str, cells: Sequence[str]) -> list[str]:
    """Give a column's title, unit and cells, all of one width."""
    whole = [name, f"[{unit}]" if unit else "", *cells]
    width = max(map(len, whole))
    return [cell.rjust(width) for cell in whole]
