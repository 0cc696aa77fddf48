"""A stored run: its documents and tables, and its line in the list of runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from .journals.encoding import Document

if TYPE_CHECKING:
    import pandas as pd
    from event_model import EventPage


class Run:
    """A stored run, read once when first asked.

    Parameters
    ----------
    uid : str
        The run's uid.
    load : callable
        Gives its (name, document) pairs in order.
    """

    def __init__(self, uid: str, load: Callable[[], list[tuple[str, Document]]]) -> None:
        self.uid = uid
        self._load = load

    def __repr__(self) -> str:
        ended = self.stop["exit_status"] if self.stop else "no stop document"
        return f"<Run {self.uid[:8]} {self.start.get('plan_name', '')}: {ended}>"

    @cached_property
    def _documents(self) -> list[tuple[str, Document]]:
        return self._load()

    def documents(self) -> list[tuple[str, Document]]:
        """Give every document with its name, in the order of emission.

        They are exactly those emitted when the run has a journal; otherwise Tiled rebuilds them.

        Raises
        ------
        reactune.analysis.storage.journals.encoding.JournalError
            When the journal is damaged.
        """
        return list(self._documents)

    @property
    def start(self) -> Document:
        """The start document."""
        return self._documents[0][1]

    @property
    def stop(self) -> Document | None:
        """The stop document; None while the run goes on and after a crash, until recovered."""
        name, doc = self._documents[-1]
        return doc if name == "stop" else None

    @property
    def streams(self) -> list[str]:
        """Names of the streams, in the order of their descriptors."""
        return list(dict.fromkeys(d["name"] for n, d in self._documents if n == "descriptor"))

    def _events(self, stream: str) -> list[Document]:
        """Event documents of one stream, pages taken apart."""
        from event_model import unpack_event_page

        mine = {d["uid"] for n, d in self._documents if n == "descriptor" and d["name"] == stream}
        events: list[Document] = []
        for name, doc in self._documents:
            if name == "event" and doc["descriptor"] in mine:
                events.append(doc)
            elif name == "event_page" and doc["descriptor"] in mine:
                pages = unpack_event_page(cast("EventPage", doc))
                events.extend(cast("list[Document]", list(pages)))
        return events

    def events(self, stream: str) -> list[dict[str, Any]]:
        """Give the data of each event of `stream` in order; none if the run has no such stream."""
        return [event["data"] for event in self._events(stream)]

    def table(self, stream: str = "primary") -> "pd.DataFrame":
        """Give a stream as a table, one row per event in order.

        Returns
        -------
        DataFrame
            Indexed by ``seq_num``; column ``time`` [s since the epoch], then one per data key,
            arrays as cells. A data key called ``time`` becomes ``time_``, or ``time__`` if that is
            one, too. Empty if there is no such stream. Its ``attrs`` hold the ``units`` by column,
            ``run`` and ``plan_name``.
        """
        import pandas as pd

        events = self._events(stream)
        keys = dict.fromkeys(key for event in events for key in event["data"])
        names = {key: key for key in keys}
        if "time" in names:
            names["time"] = next(n for n in (f"time{'_' * k}" for k in count(1)) if n not in keys)
        columns: dict[str, list[Any]] = {"time": [event["time"] for event in events]}
        for key, name in names.items():
            cells = [event["data"].get(key) for event in events]
            columns[name] = [np.asarray(c) if isinstance(c, list) else c for c in cells]
        index = pd.Index([event["seq_num"] for event in events], name="seq_num", dtype=int)
        frame = pd.DataFrame(columns, index=index)
        units = {names[key]: unit for key, unit in self.units(stream).items() if key in names}
        frame.attrs = {
            "units": {"time": "s"} | units,
            "run": self.uid,
            "plan_name": str(self.start.get("plan_name", "")),
        }
        return frame

    def units(self, stream: str = "primary") -> dict[str, str]:
        """Give the unit of each data key that tells one; ``1`` for pure numbers."""
        return {
            key: str(told["units"])
            for name, doc in self._documents
            if name == "descriptor" and doc["name"] == stream
            for key, told in doc.get("data_keys", {}).items()
            if told.get("units")
        }

    def hinted(self, stream: str = "primary") -> list[str]:
        """Give the data keys that are worth showing, as the devices say."""
        return [
            key
            for name, doc in self._documents
            if name == "descriptor" and doc["name"] == stream
            for hint in (doc.get("hints") or {}).values()
            for key in hint.get("fields", ())
        ]


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs.

    Attributes
    ----------
    uid : str
    time : float
        Start [s since the epoch].
    plan_name, title, problem, goal : str or None
        Plan, title of the run, title of its problem, and what that wants, such as ``minimise X3``.
    begins : str
        What it goes on from: it ``resumes``, ``changes``, ``rediscovers`` or ``makes`` a run, or
        begins ``from`` old results; empty if from nothing.
    simulated : bool or None
        Whether the rig was emulated; None for a run that does not say, as others' may not.
    events : int
        Events in ``primary``.
    exit_status : str
        success, abort or fail; running or crashed without a stop document.
    reason : str
        Why the run ended.
    last : dict
        Data of its last event, as far as it is at hand: of a campaign what was decided last.
    """

    uid: str
    time: float
    plan_name: str | None
    title: str | None
    problem: str | None
    goal: str | None
    begins: str
    simulated: bool | None
    events: int
    exit_status: str
    reason: str
    last: Document = field(compare=False)

    @classmethod
    def of(
        cls,
        uid: str,
        start: Document,
        stop: Document | None,
        *,
        events: int,
        exit_status: str,
        last: Document,
    ) -> Self:
        """Read the rest from the start and stop document of a run."""
        mark, problem = start.get("simulated"), _table(start, "problem")
        return cls(
            uid=uid,
            time=start["time"],
            plan_name=_text(start, "plan_name"),
            title=_text(start, "title"),
            problem=_text(problem, "title"),
            goal=_goal(problem),
            begins=_begins(start),
            simulated=mark if isinstance(mark, bool) else None,
            events=events,
            exit_status=exit_status,
            reason=_text(stop or {}, "reason") or "",
            last=last,
        )


def _table(start: Document, key: str) -> Document:
    """Give a table of a start document; another laboratory's runs may call anything so."""
    found = start.get(key)
    return dict(found) if isinstance(found, Mapping) else {}


def _text(document: Document, key: str) -> str | None:
    """Give a text of a document; others may have put anything there."""
    return None if (found := document.get(key)) is None else str(found)


def _goal(problem: Document) -> str | None:
    """Say what a problem wants, in its own words."""
    said = []
    for verb in ("minimise", "maximise"):
        stated = problem.get(verb) or []
        goals = stated if isinstance(stated, list | tuple) else [stated]
        names = [g.get("name") or g.get("of") if isinstance(g, dict) else g for g in goals]
        if names:
            said.append(f"{verb} {' and '.join(map(str, names))}")
    return ", ".join(said) or None


def _begins(start: Document) -> str:
    """Say what a run goes on from."""
    listed = _table(start, "known").get("sources")
    sources = listed if isinstance(listed, list) else []
    verb = next((verb for verb in ("resumes", "rediscovers", "makes") if verb in start), "")
    if verb:
        return f"{'changes' if sources else verb} {str(start[verb])[:8]}"
    if len(sources) == 1:
        run = sources[0].get("run") if isinstance(sources[0], Mapping) else None
        return f"from {str(run)[:8] if run else 'a table'}"
    return f"from {len(sources)} sources" if sources else ""
