"""Campaigns without a rig: a table of results is opened, asked, shown and kept in the catalogue."""

import re
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.analysis.sheets.asking import Asking
from reactune.analysis.sheets.documents import Pair, documents
from reactune.analysis.sheets.results import Results
from reactune.analysis.sheets.sheet import SheetError
from reactune.analysis.sheets.writing import alone
from reactune.analysis.storage.journals.content import Content
from reactune.analysis.storage.journals.encoding import dumps
from reactune.analysis.storage.journals.journal import HEADER, Journal
from reactune.analysis.storage.journals.names import path_of, paths, run_name, uid_of
from reactune.analysis.storage.place import Place, place_of
from reactune.analysis.storage.run import Run
from reactune.analysis.storage.stores.server import NoCatalogue

from .errors import UserError, told

if TYPE_CHECKING:
    from reactune.analysis.report.table import Campaign

_UID = re.compile(r"last|(?=.*\d)[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f-]{1,27}")
"""What names a stored run, and hardly a table that is to be begun."""


def open_table(problem: Problem, path: Path, seed: int, *, begin: bool = True) -> Asking:
    """Read a table for a problem; where there is none, begin one.

    Raises
    ------
    UserError
        If it cannot be read, a cell makes no sense, or there is none and none is to be begun.
    """
    with told(SheetError, ValueError, OSError):
        there = path.exists()
        if not there and _UID.fullmatch(str(path)):
            raise UserError(
                f"there is no table {path}: a new one is called .csv or .xlsx; a stored run is "
                f"gone on with by reactune optimise --from {path}"
            )
        if not there and not begin:
            raise UserError(f"there is no {path}; reactune ask begins one")
        if not there:
            Agent(problem)  # what only the optimiser can refuse, before a table is begun
        return Asking(problem, Results.open(path, problem), seed)


def in_order(command: str, problem: str, table: Path) -> None:
    """Refuse a table where the problem belongs.

    Raises
    ------
    UserError
    """
    if not is_table(problem):
        return
    if table.suffix.lower() == ".toml":
        right = shlex.join(["reactune", command, str(table), problem])
        raise UserError(f"the problem comes first, and then its table: {right}")
    raise UserError(f"{problem} is a table, and a problem file belongs in its place")


def is_table(name: str) -> bool:
    """Whether something is a table by its name."""
    return Path(name).suffix.lower() in (".csv", ".tsv", ".xlsx", ".xlsm")


def place_to_keep(catalogue: str | Path | None) -> Place:
    """Find the catalogue that tables are kept in.

    Raises
    ------
    UserError
        If it is neither folder nor server, or the server cannot be worked with.
    """
    with told(NoCatalogue, OSError):
        place = place_of(catalogue)
        place.check(writing=True)
    return place


def keep(
    asking: Asking, path: Path, seed: int, folder: str | Path | None
) -> tuple[list[Pair], Path]:
    """Keep a table in a catalogue as a run of its journal.

    What a table holds is one run, however often it is asked or shown; with further results it is
    another. A database of the catalogue takes it in when it is next opened for writing, a server at
    once.

    Returns
    -------
    documents : list of (str, dict)
        Of the run.
    folder : Path
        Of the catalogue.

    Raises
    ------
    UserError
        If the catalogue's folder cannot be written to, or its server not worked with.
    """
    pairs = documents(asking, path, seed)
    place = place_to_keep(folder)
    with told(OSError, SheetError, file=place.folder):
        if _journal(pairs, place.folder) and place.server:
            from reactune.analysis.storage.catalogue import Catalogue

            Catalogue(folder, writing=True).close()  # sends what the server lacks
    return pairs, place.folder


def kept(
    asking: Asking, path: Path, seed: int, folder: str | Path | None
) -> tuple["Campaign", Path]:
    """Keep a table, and give it as a campaign; see `keep`."""
    from reactune.analysis.report.table import Campaign  # an ask needs no frames: a second less

    pairs, place = keep(asking, path, seed, folder)
    return Campaign.of(Run(pairs[0][1]["uid"], lambda: pairs)), place


def _journal(pairs: list[Pair], folder: Path) -> bool:
    """Write a run down, unless it is there; whether it was written."""
    start = pairs[0][1]
    (folder / "journal").mkdir(parents=True, exist_ok=True)
    with alone(folder / "journal" / start["uid"]):  # or two who show it at once keep it twice
        names = [path.stem for path in paths(folder)]
        if start["uid"] in map(uid_of, names):
            return False
        content = Content(HEADER)
        for name, doc in pairs:
            content.append(dumps(name, doc)[0])
        path = path_of(folder, run_name(start, names))
        with closing(content), closing(Journal(path, content)) as journal:
            journal.save()
    return True
