"""Stored runs by their uids, whole campaigns, and what these were asked."""

from collections.abc import Sequence

from reactune.analysis.campaign import known
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import Lineage, lineage
from reactune.analysis.storage.run import Run

from .errors import UserError, told


def find_run(catalogue: Catalogue, uid: str) -> Run:
    """Find a stored run by its uid or the beginning of it.

    Raises
    ------
    UserError
        If none or more than one answers.
    """
    with told(LookupError):
        return catalogue[uid]


def campaigns_of(catalogue: Catalogue, uids: Sequence[str]) -> tuple[Lineage, ...]:
    """Find campaigns whole, each once, though several of its runs are named.

    Raises
    ------
    UserError
        If there is no such run.
    LookupError, ValueError
        If a run that one of them resumed is gone, or its journal is damaged.
    """
    found: dict[str, Lineage] = {}
    for uid in uids:
        whole = lineage(catalogue, find_run(catalogue, uid))
        there = found.get(whole.runs[0].uid)
        if there is None or len(whole.runs) > len(there.runs):
            found[whole.runs[0].uid] = whole
    return tuple(found.values())


def asked_in(campaigns: Sequence[Lineage]) -> Problem:
    """Give what all campaigns were asked.

    Raises
    ------
    UserError
        If that is not the same, or there is none.
    ValueError
        If one of the runs is no campaign.
    """
    if not campaigns:
        raise UserError("a table does not say what is looked for: name its problem, --problem FILE")
    asked = [known.stated_in(campaign.start)[0] for campaign in campaigns]
    essence = [p.to_dict() | dict.fromkeys(("budget", "title", "rig", "batch")) for p in asked]
    for campaign, other in zip(campaigns, essence, strict=True):
        if other != essence[0]:
            raise UserError(
                f"run {campaign.uid[:8]} was asked something else than run "
                f"{campaigns[0].uid[:8]}; say with --problem by which to judge them"
            )
    return asked[0]
