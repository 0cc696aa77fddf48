"""Documents of small campaigns, recorded or put into journals."""

import errno
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from event_model import compose_run

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import journal, names
from reactune.analysis.storage.journals.encoding import dumps

Pair = tuple[str, dict[str, Any]]


def documents(
    events: int = 3,
    *,
    uid: str | None = None,
    time: float | None = None,
    ints: bool = False,
    **metadata: Any,
) -> Iterator[Pair]:
    """A small campaign: a trace and numbers in primary, words in decision, NaN and inf in both."""
    run = compose_run(metadata={"plan_name": "optimise", **metadata}, uid=uid, time=time)
    yield "start", run.start_doc
    number = {"source": "test", "dtype": "number", "shape": []}
    keys = {"x": number, "trace": {"source": "test", "dtype": "array", "shape": [4]}}
    primary = run.compose_descriptor(name="primary", data_keys=keys)
    yield "descriptor", primary.descriptor_doc
    keys = {"merit": number, "why": {"source": "test", "dtype": "string", "shape": []}}
    decision = run.compose_descriptor(name="decision", data_keys=keys)
    yield "descriptor", decision.descriptor_doc
    awkward = itertools.cycle([0.1, math.nan, math.inf])
    for n in range(events):
        x = 1 if ints and n == 0 else 0.1 + n
        data = {"x": x, "trace": np.array([n, np.nan, 1 / 3, -0.0])}
        yield "event", primary.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
        data = {"merit": next(awkward), "why": f"class {n}"}
        yield "event", decision.compose_event(data=data, timestamps=dict.fromkeys(data, 1.0))
    yield "stop", {**run.compose_stop(), "reason": "budget spent"}


def interleaved(one: Iterable[Pair], other: Iterable[Pair]) -> Iterator[Pair]:
    """Documents of two runs that are open at once."""
    for pairs in itertools.zip_longest(one, other):
        yield from filter(None, pairs)


def record(catalogue: Catalogue, pairs: Iterable[Pair]) -> list[Pair]:
    pairs = list(pairs)
    for name, doc in pairs:
        catalogue.record(name, doc)
    return pairs


def write_journal(folder: Path, pairs: Iterable[Pair]) -> Path:
    """Put a run into the journals of a catalogue's folder."""
    pairs = list(pairs)
    (folder / "journal").mkdir(exist_ok=True)
    out = journal.Journal(names.path_of(folder, names.run_name(pairs[0][1])))
    for pair in pairs:
        out.append(dumps(*pair)[0])
    out.close()
    return out.path


def assert_same(documents: Iterable[Pair], expected: Iterable[Pair]) -> None:
    documents, expected = list(documents), list(expected)
    assert [name for name, _ in documents] == [name for name, _ in expected]
    for (_, doc), (_, wanted) in zip(documents, expected, strict=True):
        np.testing.assert_equal(doc, wanted)


def same(a: Any, b: Any) -> bool:
    """Equal in type and value, NaN equal to NaN, -0.0 not to 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype.kind == "O":
            return same(a.ravel().tolist(), b.ravel().tolist())
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fcmM")
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (
            a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    return bool(a == b)


def no_space(fd, data, write=os.write):
    """Stands in for `os.write` on disks that take no more of a journal.

    What another thread writes elsewhere meanwhile, as one that sets up a store does, is written.
    """
    if "journal" in Path(os.readlink(f"/proc/self/fd/{fd}")).parts:
        raise OSError(errno.ENOSPC, "No space left on device")
    return write(fd, data)
