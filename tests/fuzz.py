"""Damaged input, by the thousand: is each refused by its own error, and soon?

    python -m tests.fuzz [--examples N] [--only TARGET]

Begins with everything valid that ships (problems, rig, a journal, the exchanges of the drivers'
tests) and damages it: keys dropped, doubled, renamed; values of other types and sizes; texts and
bytes edited, cut, spliced. Only documented errors may come out, and never late. There is no seed:
the same version of hypothesis tries the same. The exit code is 1 if one fails.
"""

import argparse
import logging
import sys
import time
import traceback
import warnings

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzzing.targets import TARGETS, Target


def fuzz(target: Target, examples: int) -> tuple[int, int]:
    """Try a target; the simplest failure is raised.

    Returns
    -------
    tried, taken : int
        Examples, and how many of them were valid all the same.
    """
    tried = taken = 0

    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(target.recipe)
    def example(recipe: tuple) -> None:
        nonlocal tried, taken
        tried += 1
        taken += target.run(*recipe)

    example()
    return tried, taken


def main(argv: list[str] | None = None) -> int:
    """Fuzz and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="of each target [10000]")
    parser.add_argument("--only", action="append", choices=TARGETS, help="this target, again: more")
    a = parser.parse_args(argv)
    warnings.simplefilter("error")  # as in the suite
    logging.disable()
    failed = 0
    print(f"{'target':<20} {'tried':>7} {'taken':>7} {'failed':>7} {'CPU s':>7}")
    for name in a.only or TARGETS:
        start, tried, taken, wrong = time.process_time(), a.examples, 0, 0
        try:
            tried, taken = fuzz(TARGETS[name], a.examples)
        except Exception:  # noqa: BLE001 - whatever is no documented error
            wrong = 1
            traceback.print_exc()
        failed += wrong
        seconds = time.process_time() - start
        print(f"{name:<20} {tried:7} {taken:7} {wrong:7} {seconds:7.0f}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
