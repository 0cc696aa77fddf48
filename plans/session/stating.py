"""What runs state of themselves in their start documents, which nobody's metadata may gainsay."""

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from reactune.devices.rig.flow_rig import FlowRig

_DESCENT = frozenset({"known", "before", "resumes", "rediscovers", "makes", "lab_time_before"})
_ORIGIN = _DESCENT | {"scan", "table", "lost"}

_MEASURED = frozenset({"rig", "simulated", "lab_time", "method", "analytics"})
PLANNED = _MEASURED | {"problem", "seed", "first", "versions", "review"}
"""What a campaign states itself."""

STATED = PLANNED | _ORIGIN | {"plan_name", "hints", "product", "volume"}
"""What runs of our plans state themselves; their title is anybody's."""

TEXTS = ("title", "plan_name")
"""What every list of runs shows of one."""

# read of every run, whatever its plan is
_ALWAYS = _ORIGIN | {"problem", "rig", "lab_time", "analytics"}


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("reactune", "bluesky", "numpy", "scipy")}


def versions() -> dict[str, str]:
    """Give the versions of what runs a plan, for its start document: by them it is one of ours."""
    return dict(_versions())


def _ours(stated: Any) -> bool:
    """Say whether these are the very versions that we give; equal ones are somebody else's.

    No class of ours tells it, since documents go to programs that do not have reactune; and texts
    stay the same objects where a RunEngine copies its metadata.
    """
    own = _versions()
    return isinstance(stated, dict) and all(stated.get(name) is own[name] for name in own)


def own(
    md: Mapping[str, Any] | None, stated: Collection[str] = STATED, where: str = "md"
) -> dict[str, Any]:
    """Give metadata of a user's, but for what a run states itself.

    Parameters
    ----------
    md : mapping, optional
    stated : collection of str
        What the run states itself.
    where : str
        What the user calls these metadata.

    Raises
    ------
    ValueError
        If they say something that the run states itself, a title that is no text, or have a key
        that documents cannot hold.
    """
    check_keys(md := dict(md or {}), where)
    for key in md:
        if key in stated:
            raise ValueError(
                f"{where} has {key} = {md[key]!r}, but {key!r} is what the run states of itself: "
                "call it otherwise"
            )
        check_text(key, md[key], where)
    return md


def check_text(key: str, value: Any, where: str) -> None:
    """Refuse what is shown of a run in lists, if it is no text."""
    if key in TEXTS and not isinstance(value, str):
        raise ValueError(f"{where} has {key} = {value!r}, but a {key} is text: put it in quotes")


def check_keys(value: Any, where: str) -> None:
    """Refuse keys that the documents of a run cannot hold, in dicts within dicts, too."""
    for key, below in value.items() if isinstance(value, Mapping) else ():
        if not isinstance(key, str) or not key or {".", "/"} & {*key}:
            raise ValueError(
                f"{where} has the key {key!r}, which no document can hold: call it otherwise, by a "
                "text without '.' and '/'"
            )
        check_keys(below, f"{where}[{key!r}]")


def stating(
    rig: FlowRig, usual: Callable[[Any], Mapping[str, Any]]
) -> Callable[[ChainMap[str, Any]], dict[str, Any]]:
    """Have a RunEngine's usual ``md_normalizer`` state the rig, and what is kept from gainsaying.

    Parameters
    ----------
    rig : FlowRig
        Stands in the start document of every run, whole, as in a campaign's; and whether it is
        simulated, whatever the metadata say.
    usual : callable
        The ``md_normalizer`` in use.

    Returns
    -------
    callable
        Raises `ValueError`, before the run is opened, where metadata of a user's say something that
        the run states itself.
    """

    def normalise(md: ChainMap[str, Any]) -> dict[str, Any]:
        in_call, by_plan, kept = md.maps[0], md.maps[1], md.maps[-1]
        injected, planned = _taken_apart(by_plan)
        ours = _ours(planned.get("versions"))
        stated = STATED if ours else _ALWAYS | {"simulated"}
        own(in_call, stated, "the call of RE")
        for told in injected if ours else (*injected, planned):
            own(told, stated)
        own(kept, _ALWAYS, "RE.md")
        return {**usual(md), "rig": rig.description(), "simulated": rig.simulated}

    return normalise


def _taken_apart(
    by_plan: Mapping[str, Any],
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """Part what `bpp.inject_md_wrapper` has put before a plan's metadata from these."""
    injected: list[Mapping[str, Any]] = []
    while isinstance(by_plan, ChainMap):
        *others, by_plan = by_plan.maps
        injected += others
    return injected, by_plan
