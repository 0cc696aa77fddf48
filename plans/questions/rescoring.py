"""Stored runs judged anew: by another problem, by another HPLC method, or both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reactune.analysis.analytics import Analytics, from_start
from reactune.analysis.analytics.hplc import Hplc
from reactune.analysis.analytics.hplc.tracefile import TraceFile
from reactune.analysis.campaign.known import stated_in
from reactune.analysis.campaign.scanned import as_design
from reactune.analysis.learning.rescore import (
    Flip,
    Rescored,
    flips,
    kind_of,
    pooled,
    rescore,
    units_of,
)
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.report.table import mark_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import Lineage, parts
from reactune.devices.methodfile import MethodFile
from reactune.devices.rigfile import RigFile

from ..comparing import differing, stored_rig
from ..errors import told
from ..fitting import fitted
from ..hplc_method import method_of
from ..problems import ProblemSource, load_problem
from ..stored import asked_in, campaigns_of
from .integration import open_method


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
        Of the runs, or the beginnings of them; each stands for the campaign that it ends, and for
        what that was before its problem was changed.
    problem : Problem, path, built-in name or mapping, optional
        By default what the runs were asked last, if that is the same; a scan of bluesky's was asked
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
        named = campaigns_of(catalogue, uids)
        asked = asked_in(named) if problem is None else load_problem(problem)
        every = [part.uid for campaign in named for part in parts(catalogue, campaign)]
        campaigns = campaigns_of(catalogue, every)
        campaigns = tuple(as_design(campaign, asked) for campaign in campaigns)
        problems = [_fitted(asked, campaign) for campaign in campaigns]
        judged = kind_of(problems[0], campaigns)
        before, found = pooled(campaigns, problems), None
        units = units_of(stated_in(campaign.start)[1] for campaign in campaigns)
        if method is not None:
            stated = open_method(method)
            others = {campaign.uid: _anew(stated, campaign) for campaign in campaigns}
            found, units = pooled(campaigns, problems, others), units_of(others.values())
        first = rescore(judged, before, seed, looking_on=found is None, units=units)
        second = first if found is None else rescore(judged, found, seed, units=units)
    return Answer(
        campaigns=campaigns,
        mark=" and ".join(sorted({mark_of(campaign.start) for campaign in campaigns})),
        found=second,
        before=None if found is None else first,
        flips=tuple(flips(first, second)),
        differences=tuple(_differences(campaigns)),
    )


def _anew(stated: MethodFile, campaign: Lineage) -> Analytics:
    """Give what reads the stored signals of a campaign by another method.

    Raises
    ------
    ValueError
        If they are not what the method reads.
    """
    own = from_start(campaign.start)
    light = isinstance(own, Hplc) and not isinstance(own, TraceFile)  # on a rig's photodiode
    if light and (stated.unit != "V" or stated.scale is not None):
        of = "per_au" if stated.unit == "V" else f"unit = {stated.unit!r}"
        raise ValueError(
            f"run {campaign.uid[:8]} has recorded the light on a photodiode in V, but the method "
            f"file has {of}: give one with unit = 'V', lamp, and no per_au"
        )
    method = method_of(stated, _full_scale(campaign))
    if isinstance(own, TraceFile):
        rate = stated.rate if "rate" in stated.model_fields_set else own.method.rate
        return replace(own, method=replace(method, rate=rate), unit=stated.unit)
    if isinstance(own, Hplc):
        method = replace(method, rate=own.method.rate)  # as the samples were taken
    return Hplc(method)


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
    try:
        return fitted(load_problem({**problem.to_dict(), "rig": None}), rig)
    except ProblemError as error:
        raise ValueError(f"run {campaign.uid[:8]}: {'; '.join(error.problems)}") from error


def _differences(campaigns: Sequence[Lineage]) -> Iterator[str]:
    """Say which facts of the rigs differ from those of the first."""
    first, *others = ((campaign.uid[:8], _rig(campaign)) for campaign in campaigns)
    for uid, rig in others:
        if first[1] is None or rig is None:
            continue
        for fact in differing(first[1], rig):
            if not fact.startswith("chromatogram"):
                yield f"{fact} (run {uid}, against run {first[0]})"
