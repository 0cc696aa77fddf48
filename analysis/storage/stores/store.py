"""What a catalogue beside the journals has to be: the contract of every store."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..journals.encoding import Document
from ..journals.reading import Ends

Writer = Callable[[str, Document], None]
"""Takes the documents of one run, in order, each with the name of its kind."""


class Refused(Exception):  # noqa: N818 - says what is, as KeyError does not
    """A store can never take a run, as it is; the text says why."""


class Unreachable(ConnectionError):  # noqa: N818 - says what is, as KeyError does not
    """A store elsewhere does not answer now; the text is a sentence for the user."""


class Store(Protocol):
    """Holds the runs of a folder beside their journals, in a form that answers questions.

    The journal is the truth, and holds every document before a store is given it. So a store may
    fail in any method, by any exception, and costs no experiment: the recorder reports it, goes on
    with the journal, and has the run filed from there when it ends or the folder is next opened for
    writing. A store that does not open leaves the journals alone (`JournalOnly`). After an
    exception it must take the next run as if there had been none. Once the process ends it is given
    nothing more, and is closed.

    While one thread at a time writes, others may read.

    Runs go by the names of their journals without the ending (`names.run_name`): names sort by
    the order of recording and end in the uid. What is asked for by name is one of `names`.

    Attributes
    ----------
    note : str
        What the user should know of its opening, if anything.
    """

    note: str

    def names(self) -> Collection[str]:
        """Names of the runs it holds, finished or not; quick, for every command asks."""

    def ends(self, name: str) -> Ends:
        """Start and stop document of a run; no stop while it lacks one."""

    def documents(self, name: str) -> list[tuple[str, Document]]:
        """All documents of a run in an order in which they could have been emitted."""

    @property
    def broker(self) -> Any:
        """The databroker client (`databroker.client.CatalogOfBlueskyRuns`) on what it holds.

        Raises
        ------
        io.UnsupportedOperation
            When databroker does not read such a store.
        FileNotFoundError
            When nothing has been stored yet.
        """

    def writer(self, start: Mapping[str, Any]) -> Writer | None:
        """Take a new run: give what its documents, from `start` on, are handed to.

        None from a store that needs no documents, as the journal has them. What the writer was
        given can be read once it has returned, save that a simulated run, which makes hundreds of
        events in a minute, may be taken in portions; with the stop document everything can.
        """

    def lacks(self, journal: Path) -> bool:
        """Whether it does not hold the whole run of a journal that has ended, and could."""

    def refile(self, journal: Path) -> None:
        """Forget what it holds of a run and take the whole of it from its ended journal.

        Raises
        ------
        Refused
            When it is well and yet does not take this run, nor would another time: from now on it
            does not lack it any more.
        """

    def seal(self, journal: Path) -> None:
        """Note for good that it holds the whole run of a journal: it does not lack it any more."""

    def close(self) -> None:
        """End everything; again is harmless."""


class Opener(Protocol):
    """Opens the store of a folder: the class of a store, or a function."""

    def __call__(self, folder: Path, *, writing: bool) -> Store:
        """Open it: `writing` if runs will be stored, which makes the store where there is none.

        Opened for reading it raises nothing and takes no seconds: most commands need no more than
        the journals.
        """
