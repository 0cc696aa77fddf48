"""The writing half of the catalogue: journal at once, the store behind it."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from shlex import quote
from typing import Any

from .filing import FILING_TIME, Filer, Recording
from .journals.encoding import dumps
from .journals.journal import Journal, hold
from .journals.names import path_of, paths, run_name
from .journals.reading import Contents, parse, well_formed
from .journals.spill import Spill
from .place import Place
from .stores.store import Opener, Store


def at_the_end(leave: Callable[[], Callable[[], None] | None]) -> None:
    """Have a catalogue closed when the process ends, while its store can still finish.

    Parameters
    ----------
    leave : callable
        Gives what closes it, or None where it is gone: a weak reference.

    Notes
    -----
    By a private hook, because Tiled closes itself by it, and the last registered is called first.
    The public ways come too late, when Tiled may hang on what it is given: `atexit`, waiting for
    the main thread, and the message to the server inside that it shuts down.
    """
    threading._register_atexit(  # type: ignore[attr-defined]  # noqa: SLF001 - as said above
        lambda: (call := leave()) and call()
    )


class Recorder:
    """Each document at once to the journal, or to a second place; the store gets it afterwards.

    Parameters
    ----------
    place : Place
        Whose folder has the journals.
    opener : Opener
        Opens the store.
    spill : Spill
        Where documents go that the folder does not take.
    report : callable
        Is told what went wrong, in one sentence.
    opened : callable
        Is called when the store has been opened.

    Raises
    ------
    OSError
        When the folder cannot be made.
    """

    def __init__(
        self,
        place: Place,
        opener: Opener,
        spill: Spill,
        report: Callable[[str], None],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._place, self._folder = place, place.folder
        self._spill, self._report = spill, report
        (place.folder / "journal").mkdir(parents=True, exist_ok=True)
        place.sign()
        spill.bring_home(report)
        self._runs: dict[str, Recording] = {}
        self._kept: dict[str, Recording] = {}  # ended, but not whole at home; and the last one
        self._owner: dict[str, str] = {}  # uid of a descriptor or resource -> uid of its run
        self._claims: dict[str, int] = {}  # uid of a run that is gone on with -> its lock
        self._latest = ""
        self._mutex = threading.Lock()
        self._filer = Filer(place, opener, report, opened)
        self.flush, self.leave = self._filer.flush, self._filer.leave

    @property
    def store(self) -> Store | None:
        """The store, once it has been opened."""
        return self._filer.store

    def record(self, name: str, doc: Mapping[str, Any]) -> None:
        """Journal a document and queue it for the store; at a run's end wait until it is filed."""
        with self._mutex:
            uid = self._run_of(name, doc)
            line, losses = dumps(name, doc)
            if losses:
                self._report(
                    f"Run {uid[:8]}: only the text is kept of values in its {name} document that "
                    f"are neither numbers, text, arrays nor lists of them: {', '.join(losses)}."
                )
            if not well_formed(name, doc):
                self._report(
                    f"Run {uid[:8]}: a document of kind {name} lacks what it is read by, such as a "
                    "number for its time; it is in the journal, and tables and reports lack it."
                )
            if name == "start":
                self._runs[uid] = Recording(uid, Journal(path_of(self._folder, self._name(doc))))
            run = self._runs[uid]
            self._save(run, line)
            if name == "start":
                self.release(str(doc.get("resumes")))
            if name == "stop":
                self._end(run)
            self._filer.put(run, name, line)
        if name == "stop":
            self._filer.flush(FILING_TIME)

    def _name(self, start: Mapping[str, Any]) -> str:
        """Name a new run: the last of all, whatever the clock says."""
        known = [self._latest, *self._spill.names(), *(path.stem for path in paths(self._folder))]
        if self._place.server is None:  # one that does not answer must not be waited for
            with suppress(Exception):  # a store that is ill has been reported
                known += self.store.names() if self.store else ()
        self._latest = run_name(start, known)
        return self._latest

    def _run_of(self, name: str, doc: Mapping[str, Any]) -> str:
        """Find the run that a document belongs to; several may be open at once."""
        if name == "start":
            return str(doc["uid"])
        if name not in ("stop", "descriptor", "resource", "stream_resource"):
            return self._owner[doc["descriptor"] if "descriptor" in doc else doc["resource"]]
        uid = str(doc["run_start"])
        self._owner[doc["uid"]] = uid
        return uid

    def _save(self, run: Recording, line: bytes) -> None:
        """Journal a line at home, else in the second place; say so at once, and when it is over."""
        try:
            run.journal.append(line)
        except OSError as error:
            self._save_elsewhere(run, error)
            return
        if run.spilled is not None:
            self._spill.remove(run.spilled)
            run.spilled = None
        if run.kept != "home":
            run.kept = "home"
            self._report(f"Run {run.uid[:8]} is saved again; nothing was lost.")

    def _save_elsewhere(self, run: Recording, refusal: OSError) -> None:
        """Save the whole run in the second place; hold what that does not take either."""
        before = run.kept
        try:
            if run.spilled is None:
                run.spilled = self._spill.journal(run.journal.path.stem, run.journal.content)
            elif not run.spilled.path.parent.is_dir():
                self._spill.prepare()
            run.spilled.save()
        except OSError as error:
            run.kept = "memory"
            told = (
                f"RUN {run.uid[:8]} IS NOT BEING SAVED: {refusal}; nor in {self._spill.folder}: "
                f"{error}. The experiment goes on, its documents are held in memory: free space on "
                f"either disk before this process ends, and they are written with the next one."
            )
        else:
            run.kept = "elsewhere"
            told = (
                f"RUN {run.uid[:8]} IS NOT BEING SAVED IN ITS CATALOGUE: {refusal}. The experiment "
                f"goes on, its documents go to {run.spilled.path}; see to the disk of "
                f"{run.journal.path.parent}."
            )
        if run.kept != before:
            self._report(told)

    def _end(self, run: Recording) -> None:
        """Take leave of a run that has ended; keep it in memory if it is not whole at home."""
        del self._runs[run.uid]
        self._owner = {k: v for k, v in self._owner.items() if v != run.uid}
        run.whole = run.journal.complete
        self._kept = {uid: each for uid, each in self._kept.items() if not each.whole}
        self._kept[run.uid] = run
        if run.whole and self._place.server is None:  # else it is locked until it has been sent
            run.journal.close()
        if run.kept == "elsewhere":
            self._report(self._whereabouts(run))

    def _whereabouts(self, run: Recording) -> str:
        show = f"reactune show {run.uid[:8]} --catalogue {quote(str(self._spill.folder))}"
        return (
            f"Run {run.uid[:8]} is in {self._spill.folder} ({show}); it comes home when "
            f"{self._folder} is next opened for writing and takes it."
        )

    # -- what is known only here --

    def held(self) -> dict[str, Callable[[], Contents]]:
        """Give the runs that are whole in memory, by name, each to be read.

        They are those that are open, the last one that ended, and those that are not whole at home:
        what came of a campaign can be said whatever has become of the disk.
        """
        with self._mutex:
            return {
                run.journal.path.stem: partial(self._contents, run)
                for run in (*self._kept.values(), *self._runs.values())
                if not run.journal.content.closed
            }

    def _contents(self, run: Recording) -> Contents:
        with self._mutex:
            lines = run.journal.content.since(0)
        return parse(lines, run.journal.path)

    def stored(self, uid: str) -> bool:
        """Whether all that was recorded of a run in this session is in the folder."""
        with self._mutex:
            run = self._kept.get(uid) or self._runs.get(uid)
            return run is None or run.whole or run.journal.complete

    def claim(self, uid: str, name: str) -> bool:
        """Have nobody else go on with a run until the one that does is recorded here."""
        path = path_of(self._folder, name)
        kept = self._kept.get(uid)
        if uid in self._claims or (kept and not kept.whole) or not path.exists():
            return True
        if (fd := hold(path)) is not None:
            self._claims[uid] = fd
        return fd is not None

    def release(self, uid: str) -> None:
        """Let others go on with a run."""
        if uid in self._claims:
            os.close(self._claims.pop(uid))

    def close(self, timeout: float) -> None:
        """End the journals, the thread, the store and the lock."""
        self._filer.close(timeout)
        for run in [*self._kept.values(), *self._runs.values()]:
            if run.whole:
                run.journal.content.close()  # its file says the same
                continue
            self._save(run, b"")
            if run.kept == "memory":
                self._report(
                    f"THE LAST DOCUMENTS OF RUN {run.uid[:8]} ARE LOST: no disk took them."
                )
            elif run.kept == "elsewhere" and run.uid in self._runs:  # of others it has been said
                self._report(self._whereabouts(run))
            for each in filter(None, (run.journal, run.spilled)):
                each.close()
            if run.kept != "memory":
                run.journal.content.close()
        for uid in list(self._claims):
            self.release(uid)
