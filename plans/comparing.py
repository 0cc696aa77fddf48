"""Whether results of two rigs compare: the facts of them that decide."""

from collections.abc import Collection, Iterator, Sequence

from reactune.analysis.analytics import Analytics
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.table import StoredRun
from reactune.analysis.written import exact, harmless
from reactune.devices.rigfile import STORED, RigFile
from reactune.devices.tables import Table

from .compatibility import analytics_of, incompatibilities


def stored_rig(run: StoredRun) -> RigFile:
    """Give the rig file that a run was made with, were it refused today."""
    return RigFile.model_validate(harmless(run.start["rig"]["file"]), context=STORED)


def changed(
    problem: Problem,
    analytics: Analytics | None,
    done: int,
    before: RigFile,
    rig: RigFile,
    *,
    stored: bool = True,
) -> str:
    """Say why a rig cannot go on with a campaign; ports and what is in the syringes may differ.

    Parameters
    ----------
    problem : Problem
        Of the campaign.
    analytics : Analytics
        What has measured it.
    done : int
        How many experiments were made.
    before, rig : RigFile
        Its rig, and the one to go on with.
    stored : bool
        Whether the problem is the one that is stored; otherwise it is new.
    """
    if wrong := incompatibilities(problem, rig, done, stored=stored):
        return "\n".join(wrong)
    if facts := not_comparable(before, rig):
        return facts
    if analytics_of(rig) != analytics:
        what = "traces by another HPLC method" if rig.chromatogram else "files by another mapping"
        return f"this rig reads its {what} than the campaign did so far"
    return ""


def not_comparable(before: RigFile, rig: RigFile) -> str:
    """Say which facts of a rig keep results on it from being compared with those before."""
    return "\n".join(
        f"{fact} in the campaign so far, and results before and after would not compare: correct "
        "it, or begin a new campaign"
        for fact in differing(before, rig)
    )


def differing(before: RigFile, now: RigFile) -> Iterator[str]:
    """Say which volumes, stocks and times differ, so that results of both do not compare."""
    for place, pair in (
        ("reactor", (before.reactor, now.reactor)),
        ("chromatogram", (before.chromatogram, now.chromatogram)),
        *((f"streams.{k}", (s, now.streams.get(k))) for k, s in before.streams.items()),
    ):
        stated = [table for table in pair if table is not None]
        keys = ("stock",) if place.startswith("streams.") else _keys(stated)
        for key in keys:
            was, is_ = (getattr(table, key, None) for table in pair)
            if was != is_:
                other = " was another"
                if isinstance(is_, float) and isinstance(was, float):
                    other = f" = {exact(is_)} was {exact(was)}"
                yield f"{place}.{key}{other}"


def _keys(tables: Sequence[Table]) -> Collection[str]:
    """Name the keys that a table of a rig file may have; none if neither rig has it."""
    return type(tables[0]).model_fields if tables else ()
