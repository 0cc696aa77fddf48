"""How many experiments does each optimiser need?

    python -m tests.benchmarks.optimisers [--seeds 20] [--first 0] [--out results.csv]
        [--problems unconstrained,hock,HS71,twin-V] [--engines snobfit-merit,sobol,gp]

One campaign a row; rows that the file holds already are not run again, so that it can be stopped
and resumed, and new engines added. `python -m tests.benchmarks.tables results.csv` makes tables and
figures of it; `tests.benchmarks.tasks` documents the problems.

`tests.benchmarks.campaigns` documents the columns.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from .campaigns import BUDGET, ENGINES, RUNS, Row, available, box, twin
from .tasks import SETS


def campaigns(
    problems: Sequence[str], budget: int = BUDGET
) -> dict[str, Callable[[str, int], Row]]:
    """Resolve names of sets and problems to what runs them, in order; on the twin so long.

    Raises
    ------
    KeyError
        With the name that is neither.
    """
    single = {task.name: task for tasks in SETS.values() for task in tasks}
    chosen: dict[str, Callable[[str, int], Row]] = {}
    for name in problems:
        if name == "twin":
            chosen |= {f"twin-{run}": partial(twin, run, budget=budget) for run in RUNS}
        elif name.startswith("twin-"):
            run = next(run for run in RUNS if f"twin-{run}" == name)
            chosen[name] = partial(twin, run, budget=budget)
        elif name in SETS:
            chosen |= {task.name: partial(box, task) for task in SETS[name]}
        else:
            chosen[name] = partial(box, single[name])
    return chosen


def read(path: Path) -> list[Row]:
    """Read what was measured so far; nothing if there is no file.

    Raises
    ------
    ValueError
        If the file has other columns.
    """
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = [field.name for field in fields(Row)]
        if reader.fieldnames != names:
            raise ValueError(f"{path} has other columns than {', '.join(names)}; name another file")
        kinds = {field.name: field.type for field in fields(Row)}
        return [Row(**{k: kinds[k](v) for k, v in line.items()}) for line in reader]  # type: ignore[operator]


def measure(
    chosen: Mapping[str, Callable[[str, int], Row]],
    engines: Sequence[str],
    seeds: Iterable[int],
    path: Path,
) -> Iterator[Row]:
    """Run what the file lacks of `campaigns`, and write each row as soon as it is there."""
    known = {(row.problem, row.engine, row.seed) for row in read(path)}
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        if new:
            writer.writeheader()
        for seed in seeds:
            for problem, run in chosen.items():
                for engine in engines:
                    if (problem, engine, seed) not in known:
                        row = run(engine, seed)
                        writer.writerow(asdict(row))
                        file.flush()
                        yield row


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.optimisers")
    sets = [*SETS, "twin"]
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument(
        "--problems", default="unconstrained,hock,others,twin", help=f"of {', '.join(sets)}, or one"
    )
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--budget", type=int, default=BUDGET, help="experiments on the twin")
    parser.add_argument("--out", type=Path, default=Path("results.csv"))
    args = parser.parse_args(argv)
    engines = args.engines.split(",")
    if unknown := [name for name in engines if name not in ENGINES]:
        parser.error(f"no such engine: {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    problems = args.problems.split(",")
    try:
        chosen = campaigns(problems, args.budget)
        read(args.out)
    except (KeyError, StopIteration):
        parser.error(f"no such problem in {args.problems}; the sets are {', '.join(sets)}")
    except ValueError as error:
        parser.error(str(error))
    missing = {name: why for name in engines if (why := available(name)) is not None}
    for name, why in missing.items():
        print(f"without {name}: {why}", file=sys.stderr)
    seeds = range(args.first, args.first + args.seeds)
    runnable = [name for name in engines if name not in missing]
    for row in measure(chosen, runnable, seeds, args.out):
        print(
            f"{row.problem:18s} {row.engine:18s} seed {row.seed:<3d} solved {row.solved:<6g} "
            f"handed over {row.handed:<6g} of {row.done:<4d} {1000 * row.cpu:.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
