"""Stored runs judged anew: by another problem, by another HPLC method, or both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reactune.analysis.analytics.hplc import Hplc
from reactune.analysis.campaign.scanned import as_design
from reactune.analysis.learning.rescore import Flip, Rescored, flips, kind_of, pooled, rescore
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.table import mark_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import Lineage
from reactune.devices.rigfile import RigFile

from .comparing import differing, stored_rig
from .compatibility import fitted
from .errors import told
from .hplc_method import method_of
from .integration import open_method
from .preparation import asked_in, campaigns_of
from .problems import ProblemSource, load_problem


@dataclass(frozen=True)
class Answer:
    """What stored runs come to.

    Attributes
    ----------
    campaigns : tuple of Lineage
    mark : str
        Where the numbers come from, as in a summary.
    found : Rescored
    before : Rescored or None
        The same by the stored integration, if another method was asked for.
    flips : tuple of Flip
        What the other method judges differently.
    differences : tuple of str
        What of the rigs differs, so that the results need not compare; a sentence each.
    """

    campaigns: tuple[Lineage, ...]
    mark: str
    found: Rescored
    before: Rescored | None
    flips: tuple[Flip, ...]
    differences: tuple[str, ...]


def answer(
    catalogue: Catalogue,
    uids: Sequence[str],
    problem: ProblemSource | None = None,
    method: str | Path | None = None,
    seed: int = 0,
) -> Answer:
    """Judge stored runs together.

    Parameters
    ----------
    catalogue : Catalogue
    uids : sequence of str
        Of the runs, or the beginnings of them; each stands for the campaign that it ends.
    problem : Problem, path, built-in name or mapping, optional
        By default what the runs were asked, if that is the same; a scan of bluesky's was asked
        nothing.
    method : path or name, optional
        Method file to integrate the raw traces by.
    seed : int
        Of the optimiser that says what would be asked next.

    Raises
    ------
    UserError
        If there is no such run, one is neither campaign nor scan, lacks what the problem names, or
        they cannot be taken together.
    """
    with told(ValueError, LookupError):
        campaigns = campaigns_of(catalogue, uids)
        asked = asked_in(campaigns) if problem is None else load_problem(problem)
        campaigns = tuple(as_design(campaign, asked) for campaign in campaigns)
        problems = [_fitted(asked, campaign) for campaign in campaigns]
        judged = kind_of(problems[0], campaigns)
        before, found = pooled(campaigns, problems), None
        if method is not None:
            stated = open_method(method)
            others = {c.uid: Hplc(method_of(stated, _full_scale(c))) for c in campaigns}
            found = pooled(campaigns, problems, others)
        first = rescore(judged, before, seed, looking_on=found is None)
        second = first if found is None else rescore(judged, found, seed)
    return Answer(
        campaigns=campaigns,
        mark=" and ".join(sorted({mark_of(campaign.start) for campaign in campaigns})),
        found=second,
        before=None if found is None else first,
        flips=tuple(flips(first, second)),
        differences=tuple(_differences(campaigns)),
    )


def _rig(campaign: Lineage) -> RigFile | None:
    """Give the rig of a campaign; a table has none."""
    return stored_rig(campaign.runs[0]) if "file" in campaign.start["rig"] else None


def _full_scale(campaign: Lineage) -> float | None:
    rig = _rig(campaign)
    return rig.detector.full_scale if rig and rig.detector else None


def _fitted(problem: Problem, campaign: Lineage) -> Problem:
    """Fit a problem to the rig that a campaign ran on."""
    rig = _rig(campaign)
    if rig is None:
        return problem
    return fitted(load_problem({**problem.to_dict(), "rig": None}), rig)


def _differences(campaigns: Sequence[Lineage]) -> Iterator[str]:
    """Say which facts of the rigs differ from those of the first."""
    first, *others = ((campaign.uid[:8], _rig(campaign)) for campaign in campaigns)
    for uid, rig in others:
        if first[1] is None or rig is None:
            continue
        for fact in differing(first[1], rig):
            if not fact.startswith("chromatogram"):
                yield f"{fact} (run {uid}, against run {first[0]})"
