"""How near the window that run IV's experiments propose is to the true limit.

    python -m tests.benchmarks.redesigns [--seeds 10] [--first 0] [--budget 40]

For each seed a campaign of run IV on the twin, and the ratio X1 / X2 to which it is loosened
(`reactune.analysis.learning.reach`). The true limit is 1.109, with X1 + X2 at least 0.9.
"""

import argparse
from collections.abc import Sequence

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.learning.reach import Limit, proposed

from .lab import HPLC, Lab, stated

LIMIT = 1.109


def ratio(seed: int, budget: int) -> Limit:
    """Give the ratio that is proposed after so many experiments, and its limit."""
    agent = Agent(stated("walker-iv", budget=budget), HPLC, seed)
    Lab([seed, 2017]).campaign(agent, budget)
    (moved,) = proposed(agent.optimiser.book.surrogate())
    assert (moved.window, moved.side) == (1, "upper")
    return moved


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.redesigns")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--budget", type=int, default=40)
    args = parser.parse_args(argv)
    print(f"| seed | proposed | against {LIMIT} | limit, 90 % |\n|---|---|---|---|")
    good = 0
    for seed in range(args.first, args.first + args.seeds):
        found = ratio(seed, args.budget)
        good += LIMIT <= found.value <= 1.15 * LIMIT
        known = f"{found.low:.3f} to {found.high:.3f}"
        print(
            f"| {seed} | {found.value:g} | {found.value / LIMIT - 1:+.1%} | {known} |", flush=True
        )
    print(f"\nCan be met and within 15 %: {good} of {args.seeds}.")


if __name__ == "__main__":
    main()
