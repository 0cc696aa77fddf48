"""What is fuzzed, and what has to hold of it: documented errors alone, soon, and nothing lost.

Each target takes one drawn recipe of damage; it returns whether the damaged input was taken.
"""

import json
import tempfile
import time
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import tomli_w
from hypothesis import strategies as st

from reactune.analysis.analytics import from_start, to_start
from reactune.analysis.analytics.hplc.files import TraceError, trace_in
from reactune.analysis.analytics.hplc.method import Method
from reactune.analysis.analytics.resulttable import Quantity, ResultTable
from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import names, reading
from reactune.analysis.storage.journals.encoding import JournalError, seal
from reactune.devices.emulation.reactions.mechanism import Mechanism
from reactune.devices.methodfile import MethodError, load_method
from reactune.devices.opening import obstacles
from reactune.devices.protocols import harvard11
from reactune.devices.protocols.transport import (
    GarbledError,
    InstrumentError,
    NoReplyError,
    TransportError,
)
from reactune.devices.reactionfile import ReactionError, load_reaction
from reactune.devices.rigfile import RigError, load
from reactune.plans.compatibility import analytics_of
from reactune.plans.hplc_method import method_of
from tests.analysis.problem.test_follow import WALKER
from tests.analysis.storage.samples import same
from tests.devices.emulation.bench import Bench
from tests.fuzzing import sources
from tests.fuzzing.strategies import CHANGES, FLIPS, PLACES, changed, flipped, names_of

_EXCHANGES = 7  # of which each may have its damage, again and again
_RUN = f"20270115T080000.000000_{'f' * 36}"  # as `sources.recorded_journal` names it
LONGEST = 5.0  # s of CPU that one example may take, garbage collection of a long run included


class Target(NamedTuple):
    recipe: st.SearchStrategy
    run: Callable[..., bool]


@contextmanager
def soon() -> Iterator[None]:
    start = time.thread_time()
    yield
    assert time.thread_time() - start < LONGEST


def _refused(error: Exception, of_file: type[Exception] = Exception) -> bool:
    """A refusal is told in sentences that somebody can read; a method tells its own."""
    assert isinstance(error, of_file) or str(error).startswith(("method", "peak"))
    assert 5 < len(str(error)) < 20_000
    return False


# ---- files ---------------------------------------------------------------------------------------


def _file(text: str, changes, flips, other: str, folder: str) -> Path:
    """A TOML file, changed as data and then as bytes."""
    data = tomllib.loads(text)
    changed(data, changes, names_of(data))
    path = Path(folder) / "x.toml"
    path.write_bytes(flipped(tomli_w.dumps(data).encode("utf-8", "replace"), flips, other.encode()))
    return path


def problem_file(which: int, changes, flips) -> bool:
    text = sources.PROBLEMS[which % len(sources.PROBLEMS)]
    with tempfile.TemporaryDirectory() as folder, soon():
        path = _file(text, changes, flips, sources.RIG, folder)
        try:
            problem = Problem.load(path)
            in_words(problem)
        except ProblemError as error:
            return _refused(error)
        with suppress(ProblemError):
            in_words(problem.on_rig(WALKER))
    stated = json.loads(json.dumps(problem.to_dict(), allow_nan=False))
    assert Problem.load(stated) == problem
    return True


def rig_file(which: int, changes, flips) -> bool:
    with tempfile.TemporaryDirectory() as folder, soon():
        text = sources.RIGS[which % len(sources.RIGS)]
        path = _file(text, changes, flips, sources.PROBLEM, folder)
        try:
            rig = load(path)
            analytics = analytics_of(rig)
        except ValueError as error:
            return _refused(error, RigError)
        assert from_start(json.loads(json.dumps(to_start(analytics)))) == analytics
        return not obstacles(rig)


def reaction_file(which: int, changes, flips) -> bool:
    text = sources.REACTIONS[which % len(sources.REACTIONS)]
    with tempfile.TemporaryDirectory() as folder, soon():
        path = _file(text, changes, flips, sources.RIG, folder)
        try:
            reaction = load_reaction(path)
            made = Mechanism(reaction)
            made.composition(np.ones(len(made.reagents)), 5.0, 80.0)
        except ReactionError as error:
            return _refused(error)
        except ValueError as error:
            assert "cannot be integrated" in str(error)  # noqa: PT017 - of many tries
    stated = json.loads(json.dumps(reaction.model_dump(mode="json"), allow_nan=False))
    assert type(reaction).model_validate(stated) == reaction
    return True


def method_file(which: int, changes, flips) -> bool:
    with tempfile.TemporaryDirectory() as folder, soon():
        text = sources.METHODS[which % len(sources.METHODS)]
        path = _file(text, changes, flips, sources.RIG, folder)
        try:
            method = method_of(load_method(path))
        except ValueError as error:
            return _refused(error, MethodError)
    assert Method.from_dict(json.loads(json.dumps(method.to_dict()))) == method
    return True


def result_file(which: int, flips) -> bool:
    """No damage gives a number that is none, or one that stands nowhere in the file."""
    name = list(sources.RESULTS)[which % len(sources.RESULTS)]
    raw = flipped(sources.RESULTS[name], flips, sources.RESULTS["r.csv"])
    analytics = KEYED if name == "r.json" else ROWS
    with soon():
        found = analytics.measure({"file": name, "file_content": b64encode(raw).decode()})
    assert found.valid == (found.reason == "")
    assert all(0 <= value <= 1 for value in found.values.values()) == found.valid
    return found.valid or _refused(ValueError(found.reason))


def trace_file(which: int, flips) -> bool:
    name = list(sources.TRACES)[which % len(sources.TRACES)]
    raw = flipped(sources.TRACES[name], flips, sources.TRACES["t.csv"])
    with soon():
        try:
            trace_in(name, raw).in_unit("mAU").even(0.5)
        except TraceError as error:
            return _refused(error)
    return True


ROWS = ResultTable(
    tuple(Quantity(name, column="Area %", row=name, unit="%") for name in ("P", "S")), ","
)
KEYED = ResultTable(tuple(Quantity(name, key=f"peaks.{i}.x") for i, name in enumerate("PS")))
RARE_FLIPS = st.one_of(st.just([]), st.just([]), FLIPS)

FILES = {
    "problem file": Target(st.tuples(PLACES, CHANGES, RARE_FLIPS),
                           problem_file),
    "reaction file": Target(st.tuples(PLACES, CHANGES, RARE_FLIPS), reaction_file),
    "rig file": Target(st.tuples(PLACES, CHANGES, RARE_FLIPS), rig_file),
    "method file": Target(st.tuples(PLACES, CHANGES, RARE_FLIPS), method_file),
    "result file": Target(st.tuples(PLACES, FLIPS), result_file),
    "trace file": Target(st.tuples(PLACES, FLIPS), trace_file),
}  # fmt: skip

# ---- journals ------------------------------------------------------------------------------------


def damaged_journal(moves, place: int, changes, flips) -> bool:
    """Lines dropped, doubled or exchanged, one of them changed as JSON, then bytes damaged."""
    whole = sources.recorded_journal()
    lines = whole.splitlines(keepends=True)
    for kind, one, other in moves:
        i, j = one % len(lines), other % len(lines)
        if kind == "drop" and len(lines) > 1:
            del lines[i]
        elif kind == "double":
            lines.insert(i, lines[i])
        elif kind == "exchange":
            lines[i], lines[j] = lines[j], lines[i]
    if changes:
        at = place % len(lines)
        with suppress(ValueError):  # not every format of a line is JSON alone
            item = json.loads(lines[at])
            changed(item, changes, [*names_of(item), "$array", "$float", "$npy", "$dict", "doc"])
            item.pop("crc", None)  # what is damaged in earnest has a checksum that fits
            lines[at] = seal(json.loads(json.dumps(item, default=str)))
    raw = flipped(b"".join(lines), flips, whole)
    with tempfile.TemporaryDirectory() as folder, soon():
        path = names.path_of(Path(folder), _RUN)
        path.parent.mkdir()
        path.write_bytes(raw)
        _catalogue(folder)
        try:
            reading.read_ends(path)
            read = reading.read(path).documents
        except JournalError as error:
            return _refused(error)
    _undamaged(raw, whole, read)
    return True


def _catalogue(folder: str) -> None:
    with Catalogue(folder, store="journal") as catalogue:
        catalogue.runs()
        with suppress(JournalError):
            catalogue[-1].documents()


def _undamaged(raw: bytes, whole: bytes, read) -> None:
    """Whatever stands in the file as it was written comes out as it was written, in order."""
    there = [line for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{_RUN}.jsonl"
        path.write_bytes(whole)
        written = dict(zip(whole.splitlines(keepends=True)[1:], reading.read(path).documents,
                           strict=False))  # fmt: skip
    wanted = [written[line] for line in there if line in written]
    left = iter(read)
    for document in wanted:
        assert any(same(document, found) for found in left), document


MOVES = st.lists(
    st.tuples(st.sampled_from(["drop", "double", "exchange"]), PLACES, PLACES), max_size=2
)
JOURNAL = {
    "journal": Target(
        st.tuples(MOVES, PLACES, st.one_of(st.just([]), CHANGES), FLIPS), damaged_journal
    )
}

# ---- codecs --------------------------------------------------------------------------------------


class Line:
    """Stands in for a `Transport` whose replies are an emulated instrument's, some damaged."""

    url, emulated, baudrate = "fuzzed", True, 9600

    def __init__(self, instrument, seal, damage, others: list[bytes]):
        self._instrument, self._seal, self._others = instrument, seal, others
        self._damage = {place % _EXCHANGES: (flips, sealed) for place, flips, sealed in damage}
        self._count = 0
        self._hearers = []

    def exchange(self, request, framing, parse, *, repeat):
        reply = self._instrument.receive(request)
        flips, sealed = self._damage.get(self._count % _EXCHANGES, ([], False))
        self._count += 1
        if flips:
            other = self._others[self._count % len(self._others)] if self._others else b""
            reply = flipped(reply, flips, other)
            reply = self._seal(reply) if sealed else reply
            self.hear(reply)  # it may come unasked just as well
        heard = b""
        for byte in reply[:2000]:
            heard += bytes([byte])
            if framing.complete(heard):
                return parse(heard)
        if heard and framing.or_silence:
            return parse(heard)
        raise (GarbledError if heard else NoReplyError)("it broke off")

    def send(self, request):
        self._instrument.receive(request)

    def overhear(self, call):
        self._hearers.append(call)

    def hear(self, unasked):
        for call in self._hearers:
            call(unasked)


def driver_of(name: str) -> Callable[..., bool]:
    codec = sources.CODECS[name]
    others = [received for _, received in sources.exchanges(name) if received]

    def run(variant: int, damage) -> bool:
        emulated = codec.emulated(Bench().world, codec.variants[variant % len(codec.variants)])
        line = Line(emulated, codec.seal, damage, others)
        driver, well = codec.driver(line), True
        with soon(), mock.patch.object(harvard11, "_LOADING", -1.0):
            for call in codec.use(driver):
                try:
                    call()
                except (TransportError, InstrumentError):
                    well = False
        return well

    return run


def emulator_of(name: str) -> Callable[..., bool]:
    codec = sources.CODECS[name]
    requests = _requests(name)

    def run(variant: int, sent) -> bool:
        bench, answered = Bench(), False
        emulated = codec.emulated(bench.world, codec.variants[variant % len(codec.variants)])
        with soon():
            for which, flips, sealed, minutes in sent:
                raw, other = requests[which % len(requests)], requests[which // 7 % len(requests)]
                raw = flipped(raw, flips, other)
                answered |= bool(emulated.receive(codec.seal(raw) if sealed else raw))
                bench.wait(minutes)
        return answered

    return run


def _requests(name: str) -> list[bytes]:
    """What the driver sends on a good day, and what the transcripts have."""
    codec, sent = sources.CODECS[name], []
    emulated = codec.emulated(Bench().world, codec.variants[0])

    class Recording:
        def receive(self, request):
            sent.append(request)
            return emulated.receive(request)

    for call in codec.use(codec.driver(Line(Recording(), codec.seal, [], []))):
        call()
    return list(dict.fromkeys(sent + [request for request, _ in sources.exchanges(name)]))


VARIANT = st.integers(0, 5)
DAMAGED = st.lists(st.tuples(PLACES, FLIPS, st.booleans()), max_size=3)
SENT = st.lists(st.tuples(PLACES, FLIPS, st.booleans(), st.integers(0, 60)), min_size=1, max_size=6)

TARGETS: Mapping[str, Target] = {
    **FILES,
    **JOURNAL,
    **{
        f"{name} driver": Target(st.tuples(VARIANT, DAMAGED), driver_of(name))
        for name in sources.CODECS
    },
    **{
        f"{name} emulator": Target(st.tuples(VARIANT, SENT), emulator_of(name))
        for name in sources.CODECS
    },
}
"""By name: what is drawn, and what is done with it."""
