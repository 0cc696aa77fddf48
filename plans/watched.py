"""An open rig with all that watches over it: guard, supervisor, the ledger of reagents."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.opening import open_rig
from reactune.devices.protocols.transport import InstrumentError, TransportError
from reactune.devices.rig.flow_rig import FlowRig, RigError
from reactune.devices.rigfile import RigFile

from .errors import RigTroubleError, UserError
from .guard import guarded
from .reagents import Precautions, reconciled
from .session import Interrupter, Session
from .supervisor import Supervisor


@contextlib.contextmanager
def watched(
    config: RigFile,
    catalogue: Catalogue,
    precautions: Precautions,
    interrupters: Sequence[Interrupter],
    check_mark: Callable[[bool], None],
) -> Iterator[tuple[FlowRig, Session]]:
    """Open a rig and a RunEngine for it; leave the rig safe.

    Parameters
    ----------
    config : RigFile
    catalogue : Catalogue
        Open for writing.
    precautions : Precautions
    interrupters : sequence of Interrupter
        Ways to end a plan from outside.
    check_mark : callable
        Is told whether the open rig is simulated, and raises if it must not be.

    Raises
    ------
    UserError
        If the rig file cannot be used, or the reagents left are not those it states.
    RigTroubleError
        If an instrument does not answer, or the guard does not start.
    """
    config, book = reconciled(config, precautions.reagents)
    with (
        guarded(config, catalogue.folder, precautions.guard) as guard,
        contextlib.ExitStack() as last,  # for what the rig has to be closed before
        _open_rig(config) as rig,
    ):
        check_mark(rig.simulated)
        session = last.enter_context(Session(rig, catalogue, interrupters))
        last.enter_context(Supervisor(session.RE, rig, guard, book))
        yield rig, session


@contextlib.contextmanager
def _open_rig(config: RigFile) -> Iterator[FlowRig]:
    """Open a rig; what hardware cannot do is said in its own sentence."""
    try:
        rig = open_rig(config)
    except RigError as error:
        raise UserError(str(error)) from error
    except (TransportError, InstrumentError) as error:
        raise RigTroubleError(str(error)) from error
    with rig:
        yield rig
