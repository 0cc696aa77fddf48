"""Stored campaigns and scans as one table of experiments, for spreadsheets and other programs."""

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analytics.told import PREFIX
from ..campaign.keys import FRONT, ROLES, goal_keys, measured_key
from ..problem.model import Problem
from ..sheets.sheet import SheetError, title_of
from ..sheets.writing import write_whole
from ..storage.lineage import Lineage, is_campaign
from ..written import printable
from .labels import outcome_units
from .numbers import jsonable
from .ord import ord_of
from .scan import is_scan
from .table import Campaign, mark_of

_FIRST = ("run", "origin", "number", "recorded")
_LAST = ("feasibility", "violated", "valid", "reason", "disturbances", "doubted", "flags", "why")
_LEFT_OUT = {"f", "digest", "began", "merit_f0", "merit_delta", "time", "file_content"}
"""Of the moment when it was decided, or told otherwise; and the raw file, whose digest is there."""
_OF_A_RIG = "residence_time", "lab_time"
"""What a table of results knows nothing of."""

_CELL = 32767  # characters that a cell of a workbook holds; openpyxl cuts the others off

Facts = dict[str, str | float]


@dataclass(frozen=True)
class Export:
    """What is written of campaigns and scans.

    Attributes
    ----------
    experiments : DataFrame
        A row for each, titles with units: ``asked_temperature [degC]``.
    problem, provenance : dict of str to dict
        By uid: what was asked, in dotted keys as a problem file has them (nothing of a scan by a
        plan of bluesky's), and where it comes from.
    campaigns : tuple of Campaign
        The campaigns among them, as stored.
    by : str
        Who answers for what is written, ``Name <address>``; ORD wants to know.
    """

    experiments: pd.DataFrame
    problem: dict[str, Facts]
    provenance: dict[str, Facts]
    campaigns: tuple[Campaign, ...] = ()
    by: str = ""


def export_of(campaigns: Sequence[Lineage], by: str = "") -> Export:
    """Gather what is written of campaigns and of scans by bluesky's own plans.

    Merit is by the final scale of each campaign. Raw signals are not in it.

    Raises
    ------
    ValueError
        If a run is neither, or has measured nothing.
    """
    read = [(lineage, _campaign(lineage)) for lineage in campaigns]
    several = len({campaign.goal for _, campaign in read if campaign}) > 1
    tables = [
        _experiments(campaign, _units(lineage), several) if campaign else _events(lineage)
        for lineage, campaign in read
    ]
    titles = list(dict.fromkeys(title for table in tables for title in table))
    last = [title for title in titles if title in _LAST]
    frame = pd.concat(tables, ignore_index=True)[[t for t in titles if t not in last] + last]
    asked = {line.uid: campaign.problem.to_dict() if campaign else {} for line, campaign in read}
    return Export(
        frame,
        {uid: dict(_flat(told)) for uid, told in asked.items()},
        {lineage.uid: _provenance(lineage, campaign) for lineage, campaign in read},
        tuple(campaign for _, campaign in read if campaign),
        by,
    )


def _campaign(lineage: Lineage) -> Campaign | None:
    """Read a campaign; None of a scan by a plan of bluesky's."""
    start = lineage.start
    if is_scan(start) and not is_campaign(start) and "makes" not in start:
        return None
    return Campaign.of(lineage)


def write(export: Export, path: Path) -> None:
    """Write a file of the kind that its name ends in, whole or not at all.

    Raises
    ------
    SheetError
        If nobody knows such a kind, or it cannot be written.
    """
    content = WRITERS.get(path.suffix.lower())
    if content is None:
        raise SheetError(
            f"{path}: what kind of file that is to be is not known; end it in {', '.join(WRITERS)}"
        )
    write_whole(path, content(export))


def _csv(export: Export) -> bytes:
    return export.experiments.to_csv(index=False, lineterminator="\n").encode()


def _parquet(export: Export) -> bytes:
    """Write the table, problem and provenance in its attributes."""
    frame, file = export.experiments.copy(), io.BytesIO()
    frame.attrs = jsonable({"problem": export.problem, "provenance": export.provenance})
    frame.to_parquet(file, index=False)
    return file.getvalue()


def _xlsx(export: Export) -> bytes:
    """Write three sheets: the experiments, what was asked, where it comes from."""
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    frame = export.experiments
    _fill(book.active, "experiments", [list(frame), *frame.itertuples(index=False)])
    for name in ("problem", "provenance"):
        told: Mapping[str, Facts] = getattr(export, name)
        keys = dict.fromkeys(key for facts in told.values() for key in facts)
        rows = [[key, *(facts.get(key, "") for facts in told.values())] for key in keys]
        _fill(book.create_sheet(), name, [["run", *told], *rows])
    book.save(file)
    return file.getvalue()


def _ord(export: Export) -> bytes:
    """Write a dataset of the Open Reaction Database."""
    known = {campaign.run.uid for campaign in export.campaigns}
    if scans := [uid[:8] for uid in export.provenance if uid not in known]:
        raise SheetError(
            f"run {', '.join(scans)} is a scan, and does not say what was asked: ORD takes "
            "campaigns, and designs as of grid, alone"
        )
    try:
        return ord_of(export.campaigns, export.by)
    except ImportError:
        raise SheetError(
            "ord-schema is not installed, which knows what ORD wants: pip install 'reactune[ord]'"
        ) from None


WRITERS: dict[str, Callable[[Export], bytes]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
    ".ord": _ord,
}
"""By the ending of a file's name."""


def _fill(sheet: Any, name: str, rows: Sequence[Sequence[Any]]) -> None:
    """Fill a sheet; its first row and column stay in view."""
    sheet.title = name
    sheet.freeze_panes = "B2"
    for i, row in enumerate(rows, 1):
        for j, value in enumerate(row, 1):
            if isinstance(value, float) and not math.isfinite(value):
                continue
            if isinstance(value, str) and len(value) > _CELL:
                raise SheetError(
                    f"{name}, {row[0]}: a text of {len(value)} characters does not fit into a "
                    f"cell, which holds {_CELL}: export to .parquet or .csv"
                )
            cell = sheet.cell(i, j, printable(value) if isinstance(value, str) else value)
            if isinstance(value, str):  # what begins with = is no formula of ours
                cell.data_type = "s"


def _experiments(campaign: Campaign, units: Mapping[str, str], several: bool) -> pd.DataFrame:
    """Give the experiments of a campaign with the titles that they are written under.

    Where campaigns of `several` goals are written together, each has a column of its own.
    """
    table, units = campaign.table.reset_index(), {**units, **_outcome_units(campaign)}
    if "run" not in table:
        table["run"] = campaign.run.uid
    table["origin"] = campaign.mark
    table["recorded"] = [_when(t) for t in table["time"]] if "time" in table else ""
    known = table["number"] <= campaign.known  # in this run they were but told
    table.loc[known, ["run", "recorded"]] = ""
    if not campaign.simulated:
        table.loc[known, "origin"] = "KNOWN BEFORE"
    table["valid"] = table["valid"] == 1
    if "table" in campaign.run.start:  # which keeps no reasons
        table["why"] = ""
    table["doubted"] = [campaign.doubted.get(int(number), "") for number in table["number"]]
    kept = [name for name in map(str, table) if _is_kept(name, table[name], campaign.problem)]
    order = [*_FIRST, *(name for name in kept if name not in (*_FIRST, *_LAST))]
    order += [name for name in _LAST if name in table]
    names, titles = _names(campaign.problem, several), dict[str, str]()
    for own in campaign.problem.measured:  # what is called like one of ours has its name here
        if (key := measured_key(own)) != own:
            names |= {own: f"{own} (reactune)", key: own, f"{key}_sd": f"{own}_sd"}
    for name in order:  # two windows, or goal and window, on one expression are one column
        titles.setdefault(title_of(names.get(name, name), units.get(name, "")), name)
    return table[[*titles.values()]].set_axis([*titles], axis="columns")


def _events(lineage: Lineage) -> pd.DataFrame:
    """Give what a scan has measured with the titles that it is written under."""
    table = lineage.table()
    if table.empty or "time" not in table:
        raise ValueError(f"run {lineage.uid[:8]} has measured nothing that could be written")
    table["origin"] = mark_of(lineage.start)
    table["recorded"] = [_when(t) for t in table["time"]]
    if "number" not in table:
        table["number"] = range(1, len(table) + 1)
    if "valid" in table:
        table["valid"] = table["valid"] == 1
    kept = [k for k in map(str, table) if k not in (*_FIRST, *_LAST, *_LEFT_OUT)]
    kept = [name for name in kept if not any(np.ndim(cell) for cell in table[name])]
    order = [*_FIRST, *kept, *(name for name in _LAST if name in table)]
    units = _units(lineage)
    titles = [title_of(name, units.get(name, "")) for name in order]
    return table[order].set_axis(titles, axis="columns")


def _is_kept(name: str, cells: "pd.Series[Any]", problem: Problem) -> bool:
    """Say whether a column is written: numbers and texts of the experiment itself."""
    measured = map(measured_key, problem.measured)
    if name in {key for own in measured for key in (own, f"{own}_sd")}:
        return True  # whatever it is called
    if name.startswith(PREFIX):
        return False  # what a table told is what was measured
    if name in _LEFT_OUT or name in ROLES or name.startswith(tuple(f"{role}_" for role in ROLES)):
        return False
    if name in _OF_A_RIG and cells.isna().all():
        return False
    own = [window.of for window in problem.windows]
    if len(problem.aims) > 1:
        goals = dict(zip(goal_keys(problem), problem.aims, strict=True))
        goal = goals.get(name.removesuffix("_sd"))
        if name == FRONT or (goal and goal.text in problem.measured):
            return False  # likewise, or told otherwise
    if name.startswith("F_") and own[int(name.split("_")[1]) - 1] in problem.measured:
        return False  # a window on one quantity alone is that quantity's column
    return not any(np.ndim(cell) for cell in cells)  # a trace


def _names(problem: Problem, several: bool) -> dict[str, str]:
    """Give the properties of windows as the problem writes them, and whose a goal is."""
    names: dict[str, str] = {}
    if several:
        goal = f"goal: {problem.goal_words}"
        names |= {"goal": goal, "goal_sd": f"sd of {goal}"}
    for k, window in enumerate(problem.windows, 1):
        names |= {f"F_{k}": window.of, f"F_{k}_sd": f"sd of {window.of}"}
    if len(problem.aims) > 1:
        for key, aim in zip(goal_keys(problem), problem.aims, strict=True):
            names |= {key: aim.text, f"{key}_sd": f"sd of {aim.text}"}
    return names


def _outcome_units(campaign: Campaign) -> dict[str, str]:
    """Give the units of goals and of windowed properties, which no descriptor tells."""
    problem, units = campaign.problem, outcome_units(campaign.problem, campaign.analytics.units)
    windows = ((f"F_{k}", window.of) for k, window in enumerate(problem.windows, 1))
    goals = zip(goal_keys(problem), (aim.text for aim in problem.aims), strict=True)
    told = {key: units[text] for key, text in (*windows, *goals)}
    return told | {f"{key}_sd": unit for key, unit in told.items()}


def _units(lineage: Lineage) -> dict[str, str]:
    """Give the units that the descriptors of a campaign tell; none for pure numbers."""
    units: dict[str, str] = {}
    for run in lineage.runs:
        for name, doc in run.documents():
            if name == "descriptor":
                keys = doc.get("data_keys", {})
                units |= {key: str(told.get("units") or "") for key, told in keys.items()}
    return {key: unit for key, unit in units.items() if unit != "1"}


def _provenance(lineage: Lineage, campaign: Campaign | None) -> Facts:
    """Say where a run comes from."""
    start, stop = lineage.start, lineage.stop or {}
    ended, rig = stop.get("time"), start.get("rig")
    told = start.get("versions")
    versions = told if isinstance(told, Mapping) else {}
    return {
        "title": campaign.title if campaign else str(start.get("title") or ""),
        "origin": mark_of(start),
        "runs": ", ".join(run.uid for run in lineage.runs),
        "plan": str(start.get("plan_name", "")),
        "rig": str(rig.get("title", "")) if isinstance(rig, Mapping) else "",
        "began": _when(start["time"]),
        "ended": _when(ended) if ended is not None else "",
        "exit status": str(stop.get("exit_status", "none")),
        "reason": str(stop.get("reason", "")),
        **(_concluded(start, campaign) if campaign else {}),
        **{f"version of {k}": str(v) for k, v in versions.items()},
        "exported by": f"reactune {version('reactune')}",
    }


def _concluded(start: Mapping[str, Any], campaign: Campaign) -> Facts:
    """Say how a campaign went, and what measured it."""
    method, two = json.dumps(start["method"], sort_keys=True), len(campaign.problem.aims) > 1
    return {
        "seed": start.get("seed", math.nan),
        "experiments": len(campaign.table),
        "best feasible": campaign.best_feasible or "none",
        "best by merit": campaign.best or "none",
        **({"front": ", ".join(map(str, campaign.front)) or "none"} if two else {}),
        "analytics": campaign.analytics.key,
        "method": method,
    }


def _when(time: float) -> str:
    """Write a moment as ISO 8601 in UTC; nothing where it is lost."""
    if math.isnan(time):
        return ""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def _flat(told: Any, key: str = "") -> Iterator[tuple[str, str | float]]:
    """Give tables in dotted keys, lists as JSON; nothing for what is not stated."""
    if isinstance(told, Mapping):
        for name, value in told.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    elif isinstance(told, list | tuple):
        yield key, json.dumps(jsonable(told), ensure_ascii=False)
    elif told is not None:
        yield key, told if isinstance(told, str | float | int) else str(told)
