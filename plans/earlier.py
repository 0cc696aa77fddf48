"""What a new campaign is told of before it begins: stored runs, and tables that people keep."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reactune.analysis.campaign.known import Old
from reactune.analysis.campaign.scanned import old_results
from reactune.analysis.campaign.suggestion import Suggestion
from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage
from reactune.analysis.storage.run import Run

from .errors import UserError, told

_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")


@dataclass
class Earlier:
    """Experiments from wherever they are, in the variables of one problem.

    Attributes
    ----------
    experiments : list of (Suggestion, Measurement)
    sources : list of dict
        Where they are from, for the start document.
    runs : list of Run
        Those of rigs, which today's has to be like.
    remarks : list of str
        What tables say that may be meant otherwise.
    """

    experiments: list[Old] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, source: dict[str, Any], found: Sequence[Old]) -> None:
        """Take in what a source holds; what came here another way already counts once."""
        there = {_identity(one) for one in self.experiments}
        new = [one for one in found if _identity(one) not in there]
        self.experiments += new
        self.sources.append({**source, "experiments": len(new)})


def _identity(one: Old) -> tuple[Any, ...]:
    """Tell experiments apart: by where they are from, and what they are."""
    asked, found = one
    return asked.why, *asked.conditions.values(), *map(str, found.values.values())


def is_table(source: str | Path) -> bool:
    """Whether a source of old results is a file; else it is the uid of a run."""
    path = Path(source)
    with told(OSError):
        return isinstance(source, Path) or path.suffix.lower() in _TABLES or path.is_file()


def named(sources: str | Path | Sequence[str | Path]) -> list[str | Path]:
    """Give sources of old results as a list, one by itself, too."""
    return [sources] if isinstance(sources, str | Path) else [*sources]


def earlier(
    sources: Sequence[str | Path],
    problem: Problem,
    catalogue: Catalogue | None,
    units: Mapping[str, str] | None = None,
) -> Earlier:
    """Read old results.

    Parameters
    ----------
    sources : sequence of str or Path
        Uids of stored runs, campaigns or scans, or the beginnings of these; tables in CSV or XLSX.
    problem : Problem
        Fitted to the rig, if there is one; they are read as its variables and measured quantities.
    catalogue : Catalogue or None
        Where the runs are; None if only tables are named.
    units : mapping of str to str, optional
        Of what the rig measures, for tables that have other ones.

    Raises
    ------
    UserError
        If one of them cannot be read, holds no result, or cannot be said in the problem's
        variables; if some were simulated and others not.
    """
    found = Earlier()
    for source in sources:
        if is_table(source):
            _add_table(found, Path(source), problem, units)
        else:
            assert catalogue is not None
            _add_run(found, str(source), problem, catalogue)
    marks = {bool(run.start["simulated"]): run.uid[:8] for run in found.runs}
    if len(marks) == 2:
        raise UserError(
            f"run {marks[True]} was simulated and run {marks[False]} was on real hardware: a "
            "campaign is one or the other; leave one of them out"
        )
    return found


def _add_run(found: Earlier, uid: str, problem: Problem, catalogue: Catalogue) -> None:
    """Take in a stored campaign, with the runs that it resumed, or a scan."""
    with told(LookupError, ValueError):
        campaign = lineage(catalogue, uid)
        old = old_results(campaign, problem)
    name = f"run {campaign.uid[:8]}"
    if not old:
        raise UserError(f"{name} has no experiment with the values of this problem under [fixed]")
    found.add({"run": campaign.uid}, old)
    if "table" not in campaign.start:
        found.runs.append(campaign.runs[-1])


def _add_table(
    found: Earlier, path: Path, problem: Problem, units: Mapping[str, str] | None
) -> None:
    """Take in the rows of a table that have a result, or failed."""
    with told(SheetError, OSError):
        if not path.exists():
            raise UserError(f"there is no {path}; give a table, CSV or XLSX, or the uid of a run")
        results = Results.open(path, problem, units)
    digest = hashlib.sha256(results.sheet.raw).hexdigest()
    others = [one for one in found.sources if one.get("sha256", digest) != digest]
    alike = any(Path(one["table"]).name == path.name for one in others)
    name = str(path) if alike else path.name  # another's rows are not these
    old = [
        (Suggestion(e.row, e.conditions, f"known: row {e.row} of {name}"), e.measurement)
        for e in results.entries
        if e.measurement is not None and not e.apart
    ]
    apart = [e for e in results.entries if e.apart]
    if not old and apart:
        raise UserError(f"{path} has no row with the values of this problem under [fixed]")
    if not old:
        raise UserError(f"{path} has no row with a result")
    found.remarks += [f"{path.name}, row {e.row}: {e.apart}; not counted." for e in apart]
    found.add({"table": str(path.absolute()), "sha256": digest}, old)
    found.remarks += [f"{path.name}: {remark}" for remark in results.remarks]
