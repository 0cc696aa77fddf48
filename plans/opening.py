"""What the commands open: problem, rig and catalogue, each with its errors as sentences."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy to import: a command imports what it needs when it runs
    from reactune.analysis.problem.model import Problem
    from reactune.analysis.storage.catalogue import Catalogue, Run
    from reactune.devices.rig.flow_rig import FlowRig
    from reactune.devices.rigfile import RigFile


class UserError(Exception):
    """A sentence for the user about the input: exit 2, no traceback."""


class RigTroubleError(Exception):
    """A sentence for the user about the hardware: exit 1, no traceback."""


@contextlib.contextmanager
def said(*kinds: type[Exception]) -> Iterator[None]:
    """Hand errors whose text is a sentence for the user on as such."""
    try:
        yield
    except kinds as error:
        raise UserError(str(error)) from error


def problem_of(source: "str | Problem", budget: int | None = None) -> "Problem":
    """Load a problem, with another budget if one is given."""
    from reactune.analysis.problem.model import Problem, ProblemError

    with said(ProblemError):
        problem = Problem.load(source)
        if budget is not None:
            problem = Problem.load({**problem.to_dict(), "budget": budget})
        return problem


def rig_file(source: str) -> "RigFile":
    """Load a rig file or a built-in rig."""
    from reactune.devices.rigfile import RigError, load

    with said(RigError):
        return load(source)


@contextlib.contextmanager
def open_rig(config: "RigFile") -> "Iterator[FlowRig]":
    """Open a rig; what hardware cannot do is said in its own sentence."""
    from reactune.devices.protocols.transport import InstrumentError, TransportError
    from reactune.devices.rig.flow_rig import FlowRig, RigError

    try:
        rig = FlowRig.open(config)
    except RigError as error:
        raise UserError(str(error)) from error
    except (TransportError, InstrumentError) as error:
        raise RigTroubleError(str(error)) from error
    with rig:
        yield rig


def stored_rig(run: "Run") -> "RigFile":
    """Give the rig file that a run was made with."""
    from reactune.devices.rigfile import RigFile

    return RigFile.model_validate(run.start["rig"]["file"])


def catalogue_of(a: argparse.Namespace, *, writing: bool = False) -> "Catalogue":
    """Open the catalogue that a command names."""
    from reactune.analysis.storage.catalogue import Catalogue, CatalogueBusy

    if writing and sys.stderr.isatty():
        print("Opening the catalogue ...", file=sys.stderr)  # it takes some seconds
    with said(CatalogueBusy, OSError):
        return Catalogue(a.catalogue, writing=writing)


def stored_run(catalogue: "Catalogue", uid: str) -> "Run":
    """Find a stored run by its uid or the beginning of it."""
    from reactune.analysis.storage.catalogue import UnknownRun

    with said(UnknownRun):
        return catalogue[uid]
