"""Damaged traces: is each refused, or right within its own uncertainty?

    python -m tests.damage [--traces N] [--sound N] [--seed N] [--show]

Made-up traces of known mole fractions, and the published ones where they are at hand, are damaged
in every way below, at random depths and places. A damaged trace has to be refused, or its fractions
have to be within three of their own sd of those of the undamaged trace. No undamaged one may be
refused. What looks like a good trace (carry-over, a wrong sample) no analysis can see.
"""

import argparse
import collections
import sys
from collections.abc import Callable

import numpy as np

from reactune.analysis.analytics.hplc.chromatogram import analyse
from reactune.analysis.analytics.hplc.method import Method
from tests.analysis.analytics.hplc import test_published_traces as published
from tests.analysis.analytics.hplc.traces import METHOD, trace
from tests.data import grid, walker2017

Rng = np.random.Generator
LIMIT = 3.0  # sd


def frozen(v, rng):
    v[rng.integers(150, len(v) - 60) :] = v[rng.integers(150, len(v) - 60)]
    return v


def frozen_from_here(v, rng):
    at = rng.integers(150, len(v) - 60)
    v[at:] = v[at]
    return v


def frozen_for_a_while(v, rng):
    at, long = rng.integers(150, len(v) - 200), rng.integers(20, 150)
    v[at : at + long] = v[at]
    return v


def spikes(v, rng):
    at = rng.choice(np.arange(150, len(v)), rng.integers(1, 6), replace=False)
    v[at] += rng.choice([-1, 1], len(at)) * v.max() * 10 ** rng.uniform(-3, -0.7, len(at))
    return v


def broad_spike(v, rng):
    at, long = rng.integers(150, len(v) - 5), rng.integers(2, 4)
    v[at : at + long] += rng.choice([-1, 1]) * v.max() * 10 ** rng.uniform(-3, -0.7)
    return v


def step(v, rng):
    v[rng.integers(150, len(v) - 20) :] += rng.choice([-1, 1]) * v.max() * 10 ** rng.uniform(-3, -1)
    return v


def gain(v, rng):
    v[rng.integers(150, len(v) - 20) :] *= 1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-3, -0.3)
    return v


def dropout(v, rng):
    at, long = rng.integers(150, len(v) - 80), rng.integers(1, 60)
    v[at : at + long] = rng.normal(0, 1e-4, len(v[at : at + long]))
    return v


def hole(v, rng):
    at, long = rng.integers(150, len(v) - 80), rng.integers(1, 120)
    v[at : at + long] = np.nan
    return v


def saturation(v, rng):
    return np.maximum(v, v.min() + rng.uniform(0.1, 0.9) * np.ptp(v[150:]))


def clipping(v, rng):
    return np.minimum(v, np.median(v) + rng.uniform(-1.0, 0.3) * np.ptp(v[150:]) * 0.2)


def shifted(v, rng):
    return np.roll(v, int(rng.choice([-1, 1]) * rng.integers(5, 90)))


def bubble(v, rng):
    at, width = rng.integers(170, len(v) - 30), rng.uniform(2, 30)
    t = np.arange(len(v))
    return v * (1 - 10 ** rng.uniform(-3.5, -0.3) * np.exp(-(((t - at) / width) ** 2)))


def lamp_decays(v, rng):
    t = np.maximum(np.arange(len(v)) - rng.integers(0, len(v) - 60), 0)
    return v * np.exp(-t / (60 * rng.uniform(0.5, 60)))


def other_units(v, rng):
    return v * rng.choice([1e-6, 1e-3, 1e3, 1e6])


DAMAGE: dict[str, Callable] = {
    f.__name__.replace("_", " "): f
    for f in (
        frozen, frozen_from_here, frozen_for_a_while, spikes, broad_spike, step, gain, dropout,
        hole, saturation, clipping, shifted, bubble, lamp_decays, other_units,
    )
}  # fmt: skip


def undamaged(rng: Rng, count: int) -> list[tuple[str, np.ndarray, Method]]:
    """Traces: made up, and the published ones."""
    made = []
    for number in range(count):
        x = rng.dirichlet([1.0, 2.0, 1.5, 0.7])
        made.append(("made up", trace(tuple(x), seed=number), METHOD))
    try:
        rows = grid()
    except FileNotFoundError:
        return made
    names = (walker2017("hplc", f"{int(row['measurement']):03d}.txt") for row in rows)
    return made + [("published", np.loadtxt(n)[:, 1], published.PUBLISHED) for n in names]


def tried(found, good) -> str:
    """What became of a damaged trace: refused, right, or wrong by how much."""
    if not found.valid:
        return "refused"
    pull = max(abs(found.fractions[k] - good.fractions[k]) / found.sd[k] for k in good.fractions)
    return "right" if pull <= LIMIT else "wrong"


def main(argv: list[str] | None = None) -> int:
    """Damage and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=2000)
    parser.add_argument("--sound", type=int, default=164, help="made-up traces to damage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print what is wrong")
    a = parser.parse_args(argv)
    rng = np.random.default_rng(a.seed)
    sound = [(kind, v, method, analyse(v, method)) for kind, v, method in undamaged(rng, a.sound)]
    lost = [kind for kind, _, _, good in sound if not good.valid]
    counts: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in DAMAGE}
    for number in range(a.traces):
        name = list(DAMAGE)[number % len(DAMAGE)]
        kind, v, method, good = sound[rng.integers(len(sound))]
        if not good.valid:
            continue
        found = analyse(DAMAGE[name](v.copy(), rng), method)
        outcome = tried(found, good)
        counts[name][outcome] += 1
        if a.show and outcome == "wrong":
            print(name, kind, found.flags, good.fractions, found.fractions, found.sd)
    for name, count in counts.items():
        told = (f"{what} {count[what]:4} " for what in ("refused", "right", "wrong"))
        print(f"{name:<20}", *told)
    total = sum(map(sum, (c.values() for c in counts.values())))
    wrong = sum(c["wrong"] for c in counts.values())
    print(
        f"{total} damaged traces, {wrong} wrong ({1 - wrong / total:.1%} honest); "
        f"{len(lost)} of {len(sound)} undamaged ones refused"
    )
    return int(bool(wrong > 0.01 * total or lost))


if __name__ == "__main__":
    sys.exit(main())
