"""One plan carried out: its catalogue opened, its rig watched over, its listener told."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bluesky.utils import MsgGenerator

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.stores.server import NoCatalogue
from reactune.analysis.storage.stores.table import UnknownStore
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rig.safety import SafeReport
from reactune.devices.rigfile import RigFile

from .campaign import CampaignError
from .errors import told
from .memory import (
    give_back_large_arrays,
    give_back_what_is_free,
    keep_small_arrays_together,
)
from .outcome import Listener
from .reagents import Precautions
from .session import Interrupter
from .watched import watched

_log = logging.getLogger(__name__)

CatalogueSource = Catalogue | str | Path | None
"""A catalogue open for writing, which is left open; or its folder or server."""


def open_catalogue(folder: str | Path | None = None, *, writing: bool = False) -> Catalogue:
    """Open a catalogue: a folder, or the address of a Tiled server.

    Raises
    ------
    UserError
        If the folder or the server cannot be used, or no store has the name of $REACTUNE_STORE.
    """
    with told(UnknownStore, NoCatalogue, OSError):
        return Catalogue(folder, writing=writing)


@contextlib.contextmanager
def reading(source: CatalogueSource) -> Iterator[Catalogue]:
    """Give a catalogue to read in."""
    if isinstance(source, Catalogue):
        yield source
    else:
        with open_catalogue(source) as catalogue:
            yield catalogue


@contextlib.contextmanager
def writing(source: CatalogueSource, listener: Listener) -> Iterator[Catalogue]:
    """Give a catalogue to write in."""
    if isinstance(source, Catalogue):
        yield source
    else:
        tell(listener.opening)
        with open_catalogue(source, writing=True) as catalogue:
            yield catalogue


@dataclass(frozen=True)
class Carried:
    """How a plan came out.

    Attributes
    ----------
    uid : str
        Of its run; empty if it was over before that was opened.
    reason : str
        Why it ended, a sentence.
    interrupted : bool
        Whether it was ended from outside.
    fault : str
        What ended it; empty otherwise.
    safe_state : SafeReport or None
        What the rig confirmed when all was over.
    """

    uid: str
    reason: str
    interrupted: bool
    fault: str
    safe_state: SafeReport | None


def carry_out(
    plan: Callable[[FlowRig], MsgGenerator[Any]],
    config: RigFile,
    catalogue: Catalogue,
    listener: Listener,
    interrupters: Sequence[Interrupter],
    precautions: Precautions,
    check_mark: Callable[[bool], None],
) -> Carried:
    """Open a rig, run a plan on it, leave it safe; all is in the catalogue then.

    Parameters
    ----------
    plan : callable
        Makes the plan, once the rig is open.
    config, catalogue, interrupters, precautions, check_mark
        See `watched.watched`, and what is raised there.
    listener : Listener
    """
    give_back_large_arrays()
    keep_small_arrays_together()
    fault, interrupted = "", False
    ends: dict[str, Mapping[str, Any]] = {}

    def hear(name: str, doc: Mapping[str, Any]) -> None:
        if name in ("start", "stop"):
            ends[name] = doc
        elif name == "event":
            give_back_what_is_free()
        tell(listener.document, name, doc)

    with watched(config, catalogue, precautions, interrupters, check_mark) as (rig, session):
        session.RE.subscribe(hear)  # type: ignore[no-untyped-call]  # bluesky's own
        try:
            interrupted = session.run(plan(rig))
        except CampaignError as error:
            fault = str(error)
        safe_state = rig.last_report
        tell(listener.over, fault, safe_state)
    catalogue.flush()
    uid = str(ends["start"]["uid"]) if ends else ""
    reason = ends.get("stop", {}).get("reason", "") or fault
    return Carried(uid, reason, interrupted, fault, safe_state)


def tell(hear: Any, *what: Any) -> None:
    """Tell a listener; its mistakes must not end what it hears of."""
    try:
        hear(*what)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is; rich's of a broken pipe, too
        _log.exception("a listener failed")
