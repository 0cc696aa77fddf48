"""Kill campaigns, fail calls of the system, cut the power: is anything recorded lost?

    python -m tests.crash [--all] [--kills N] [--faults] [--cuts N] [--seed N] [--show]

Three kinds of trial, of a campaign of six experiments on the emulated rig:

killed
    ``kill -9`` at random moments of ``reactune optimise``, several times for some, and resumed.
    Every fifth campaign stores in Tiled, the others in journals alone.
faults
    The Nth write, fsync, rename, open or mkdir of the storage layer fails with ENOSPC, EIO or
    EROFS, once or at home for good, for every N with journals alone and every tenth with Tiled; and
    some whole campaigns.
cuts
    The power is cut at random moments: bytes that were not synced are dropped, torn or zeros.

Passed is a trial after which nothing recorded is lost or doubled, and every ask is that of the
undisturbed campaign.
"""

import argparse
import collections
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from . import dropping, faults, killing
from .campaigns import BrokenPromiseError, campaign, facts, surroundings

Trial = tuple[str, str, Callable[[], object]]


def main(argv: list[str] | None = None) -> int:
    """Try, and count."""
    a = _parser().parse_args(argv)
    if a.all or not (a.kills or a.faults or a.cuts):
        a.kills, a.faults, a.cuts = a.kills or 50, True, a.cuts or 1000
    logging.getLogger("reactune.analysis.storage").setLevel(logging.CRITICAL)
    counts: dict[str, collections.Counter[bool]] = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory(prefix="reactune-crash-") as made:
        folder = Path(made)
        for kind, which, trial in _trials(a, folder, np.random.default_rng(a.seed)):
            try:
                trial()
                passed = True
            except BrokenPromiseError as failure:
                passed = False
                print(f"FAILED {kind}, {which}: {failure}", file=sys.stderr, flush=True)
            counts[kind][passed] += 1
            if a.show:
                print(f"{'passed' if passed else 'FAILED'} {kind}, {which}", flush=True)
    for kind, count in counts.items():
        print(f"{kind:<32} {count.total():>5} tried  {count[True]:>5} passed")
    return int(any(count[False] for count in counts.values()))


def _parser() -> argparse.ArgumentParser:
    head, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description=head,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", action="store_true", help="50 kills, every fault, 1000 cuts")
    parser.add_argument("--kills", type=int, default=0, metavar="N")
    parser.add_argument("--faults", action="store_true", help="every call, every error")
    parser.add_argument("--cuts", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="name every trial")
    return parser


def _trials(a: argparse.Namespace, folder: Path, rng: np.random.Generator) -> Iterator[Trial]:
    """Give what is tried, one by one."""
    if a.cuts or a.faults:
        with surroundings(folder, "journal"):
            _, pairs = campaign(folder / "undisturbed", a.seed)
    if a.cuts:
        taken = dropping.moments(folder / "moments", pairs)
        for n in range(a.cuts):
            moment = taken[rng.integers(len(taken))]
            yield (
                "power cut",
                f"number {n}",
                lambda n=n, moment=moment: dropping.cut(folder / f"cut {n}", moment, pairs, rng),
            )
    if a.faults:
        yield from _faults(a, folder, pairs, rng)
    if a.kills:
        yield from _kills(a, folder, rng)


def _faults(a: argparse.Namespace, folder: Path, pairs: list, rng) -> Iterator[Trial]:
    """Give the faults of every call, then whole campaigns with some."""
    for store, step in (("journal", 1), ("tiled", 10)):
        sound = faults.Disk(folder / f"sound {store}")
        faults.recorded(folder / f"sound {store}", store, pairs, sound)
        for number in range(1, sound.calls + 1, step):
            for error in faults.ERRORS:
                for for_good in (False, True):
                    name = f"{store} {number} {error} {for_good}"
                    disk = faults.Disk(folder / name, number, error, for_good)
                    yield (
                        f"fault, {store}",
                        f"call {number}, error {error}{', for good' if for_good else ''}",
                        lambda name=name, store=store, disk=disk: faults.recorded(
                            folder / name, store, pairs, disk
                        ),
                    )
    expected = facts(_primary(pairs))
    for error in faults.ERRORS:
        for for_good in (False, True, True):
            number = int(rng.integers(12, sound.calls))
            name = f"whole {error} {for_good} {number}"
            disk = faults.Disk(folder / name, number, error, for_good)
            yield (
                "fault, whole campaign",
                f"call {number}, error {error}",
                lambda name=name, disk=disk: faults.whole(folder / name, a.seed, disk, expected),
            )


def _primary(pairs: list) -> list:
    stream = next(
        doc["uid"] for name, doc in pairs if name == "descriptor" and doc["name"] == "primary"
    )
    return [doc["data"] for name, doc in pairs if name == "event" and doc["descriptor"] == stream]


def _kills(a: argparse.Namespace, folder: Path, rng) -> Iterator[Trial]:
    """Give campaigns to kill, until there are enough of kills that came in time."""
    expected = killing.undisturbed(folder / "kills", a.seed)
    done, n = 0, 0
    while done < a.kills:
        kills = min(int(rng.integers(1, 4)), a.kills - done)
        store = "tiled" if n % 5 == 4 else "journal"

        def trial(n: int = n, kills: int = kills, store: str = store) -> None:
            nonlocal done
            done += kills
            late = killing.killed(folder / f"killed {n}", a.seed, kills, store, rng, expected)
            done -= late  # kills that came when it was over

        yield f"killed, {store}", f"campaign {n}, {kills} times", trial
        n += 1


if __name__ == "__main__":
    sys.exit(main())
