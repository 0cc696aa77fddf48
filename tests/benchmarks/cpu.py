"""CPU time of an ask, against SQSnobFit in the same process.

    python -m tests.benchmarks.cpu [--engines snobfit-merit,sqsnobfit] [--known 100,300,1000,3000]

In six variables, without and with two windows: N known points are loaded, with the first ask after
them; then the mean of five more rounds of ask and tell, 12 points each. Of three such measurements,
the engines taking turns, the medians are given. Ratios are to SQSnobFit where it is installed.
"""

import argparse
import math
import time
from collections.abc import Sequence
from itertools import product

import numpy as np

from .campaigns import ENGINES, available
from .tables import markdown
from .tasks import hartman6

DIM = 6
ROUNDS = 5
REPEATS = 3


def seconds(engine: str, known: int, windows: int = 0, seed: int = 0) -> tuple[float, float]:
    """Give CPU seconds to load the known points with the first ask, and of an ask and tell then."""
    stated = [(None, 3.0, 0.3), (0.2, 0.8, 0.1)][:windows]
    optimiser = ENGINES[engine]()([0.0] * DIM, [1.0] * DIM, stated or None, seed=seed)

    def tell(x: np.ndarray) -> None:
        f = [hartman6(row) for row in x]
        F = np.column_stack([x.sum(axis=1), x[:, 0]])[:, :windows]
        optimiser.tell(x, f, F if windows else None)

    x = np.random.default_rng(seed).random((known, DIM))
    start = time.process_time()
    tell(x)
    y = optimiser.ask(DIM + 6)
    loaded = time.process_time() - start
    start = time.process_time()
    for _ in range(ROUNDS):
        tell(y)
        y = optimiser.ask(DIM + 6)
    return loaded, (time.process_time() - start) / ROUNDS


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cpu")
    parser.add_argument("--engines", default="snobfit-composite,snobfit-merit,sqsnobfit")
    parser.add_argument("--known", default="100,300,1000,3000")
    args = parser.parse_args(argv)
    engines = args.engines.split(",")
    if unknown := [name for name in engines if name not in ENGINES]:
        parser.error(f"no such engine: {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    engines = [name for name in engines if available(name) is None]
    for name in engines:
        seconds(name, 30)  # imports and first calls
    rows = []
    for windows, known in product((0, 2), map(int, args.known.split(","))):
        times = [
            [seconds(name, known, windows, seed) for name in engines] for seed in range(REPEATS)
        ]
        found = dict(zip(engines, np.median(times, axis=0).tolist(), strict=True))
        load, ask = found.get("sqsnobfit", (math.nan, math.nan))
        for name, (mine, each) in found.items():
            ratios = [each / ask, mine / load]
            shown = ["" if math.isnan(r) else f"{r:.2f}" for r in ratios]
            row = [str(windows), str(known), name, f"{each:.4f}", shown[0]]
            rows.append([*row, f"{mine:.3f}", shown[1]])
    head = ["windows", "N", "engine", "s an ask", "ratio", "s to load", "ratio"]
    print(markdown(head, rows))


if __name__ == "__main__":
    main()
