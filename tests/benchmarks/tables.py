"""Tables and figures of what `tests.benchmarks.optimisers` measured.

    python -m tests.benchmarks.tables results.csv [--figures docs/benchmarks]

Prints markdown. A cell is the median number of experiments over all seeds, an unsolved one counting
as infinite, with the number solved and the number of seeds.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from .campaigns import ENGINES, RUNS, Row
from .optimisers import read
from .tasks import SETS

ORIGINAL = {
    "branin": "77 (10/10)",
    "camel": "89 (10/10)",
    "goldstein-price": "177 (10/10)",
    "shubert": "225 (10/10)",
    "rosenbrock": "477 (6/6)",
    "hartman3": "118 (10/10)",
    "hartman6": "313 (6/6)",
    "shekel5": "546 (3/4)",
    "shekel7": "556 (4/4)",
    "shekel10": "711 (3/4)",
    "HS30": "37",
    "HS36": "136",
    "HS37": "199",
    "HS41": "(1/3)",
    **dict.fromkeys(
        ["HS18", "HS19", "HS23", "HS31", "HS34", "HS53", "HS60", "HS65", "HS66", "HS71"], "none"
    ),
}
"""What the authors' version 2.1 needed (MATLAB code, run once; seeds in parentheses)."""

GROUPS = {"twin": [f"twin-{run}" for run in RUNS]} | {
    name: [task.name for task in tasks] for name, tasks in SETS.items()
}


def number(value: float) -> str:
    """Write a count, and a dash for none."""
    return "-" if not math.isfinite(value) else f"{value:.4g}"


def cell(counts: Sequence[float]) -> str:
    """Write the median count with the successes."""
    if not counts:
        return ""
    solved = sum(map(math.isfinite, counts))
    middle = sorted(counts)[(len(counts) - 1) // 2 : len(counts) // 2 + 1]
    return f"{number(sum(middle) / len(middle))} ({solved}/{len(counts)})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_engine(rows: Sequence[Row]) -> list[str]:
    """Give the engines that were run, in their own order."""
    return [name for name in ENGINES if any(row.engine == name for row in rows)]


def counts(rows: Sequence[Row], problems: Sequence[str], column: str) -> str:
    """Tabulate experiments to a column's event, problem by engine."""
    engines = by_engine(rows)
    original = any(name in ORIGINAL for name in problems)
    table = []
    for problem in problems:
        cells = [
            cell([getattr(r, column) for r in rows if (r.problem, r.engine) == (problem, e)])
            for e in engines
        ]
        if any(cells):
            table.append([problem, *cells, *([ORIGINAL.get(problem, "")] if original else [])])
    return markdown(["problem", *engines, *(["SNOBFIT v2.1"] if original else [])], table)


def handed_over(rows: Sequence[Row]) -> str:
    """Tabulate what was handed over on the twin: goal, truth of its feasibility, verdicts."""
    table = []
    for problem in GROUPS["twin"]:
        for engine in by_engine(rows):
            mine = [r for r in rows if (r.problem, r.engine) == (problem, engine)]
            if not mine:
                continue
            feasible = sum(r.violation <= 1.0 for r in mine)
            table.append(
                [
                    problem,
                    engine,
                    f"{np.median([r.f for r in mine]):.4g}",
                    f"{max(r.violation for r in mine):.2g}",
                    "" if problem == "twin-IV" else f"{feasible}/{len(mine)}",
                    verdicts(mine),
                    f"{1000 * np.median([r.cpu for r in mine]):.0f}",
                ]
            )
    head = ["run", "engine", "median f", "worst violation [SD]", "within one SD", "verdicts"]
    return markdown([*head, "ms an experiment"], table)


def verdicts(rows: Sequence[Row]) -> str:
    """Say which verdicts were given, when, and how often the point handed over was good by then."""
    kinds = Counter(kind for row in rows if row.verdict for kind in row.verdict.split(", "))
    if not kinds:
        return "none"
    said = [row for row in rows if row.verdict]
    when = cell([row.at for row in said]).split()[0]
    good = sum(row.handed <= row.at for row in said)
    counted = ", ".join(f"{kind} {n}x" for kind, n in kinds.items())
    return f"{counted}; median N {when}, good by then in {good}"


def by(rows: Sequence[Row], column: str, marks: Sequence[int] = (25, 40, 45, 60)) -> str:
    """Tabulate how many campaigns had reached a column's event after so many experiments."""
    table = []
    for problem in GROUPS["twin"]:
        for engine in by_engine(rows):
            reached = [
                getattr(r, column) for r in rows if (r.problem, r.engine) == (problem, engine)
            ]
            if reached:
                shares = [str(sum(n <= mark for n in reached)) for mark in marks]
                table.append([problem, engine, *shares, str(len(reached))])
    return markdown(["run", "engine", *(f"by {mark}" for mark in marks), "seeds"], table)


def report(rows: Sequence[Row]) -> str:
    """Give all tables for which there are rows."""
    parts = []
    for name, problems in GROUPS.items():
        mine = [row for row in rows if row.problem in problems]
        if not mine:
            continue
        parts.append(f"### {name}: experiments until a visited point solves the problem")
        parts.append(counts(mine, problems, "solved"))
        parts.append(f"### {name}: experiments until what is handed over solves it")
        parts.append(counts(mine, problems, "handed"))
        if name == "twin" or name.endswith("-noisy"):
            parts.append(f"### {name}: experiments until it does so for good")
            parts.append(counts(mine, problems, "lasting"))
        if name == "twin":
            parts.append("### twin: lab time until what is handed over solves it [h]")
            parts.append(counts(mine, problems, "hours"))
            parts.append("### twin: lab time until it does so for good [h]")
            parts.append(counts(mine, problems, "hours_lasting"))
            parts.append("### twin: campaigns in which what is handed over solves it")
            parts.append(by(mine, "handed"))
            parts.append("### twin: what is handed over after 105 experiments")
            parts.append(handed_over(mine))
    return "\n\n".join(parts)


def figures(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw, for each set, the share solved, and for each run of the twin the gap, against N."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    written = []

    def draw(name: str, y: str, curve: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> None:
        figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
        for engine in by_engine(rows):
            x, values = curve(engine)
            if len(x):
                axes.step(x, values, where="post", label=engine)
        axes.set_xlabel("experiments")
        axes.set_ylabel(y)
        axes.set_title(name)
        figure.legend(fontsize="small", loc="outside right upper")
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=120, metadata={"Software": None})
        plt.close(figure)
        written.append(path)

    for name, problems in GROUPS.items():
        mine = [row for row in rows if row.problem in problems]
        if mine:
            draw(name, "share of campaigns solved", lambda e, mine=mine: _profile(mine, e))
    for problem in GROUPS["twin"]:
        mine = [row for row in rows if row.problem == problem]
        if mine:
            text = "median gap of the point handed over"
            draw(problem, text, lambda e, mine=mine: _gap(mine, e))
    return written


def _profile(rows: Sequence[Row], engine: str) -> tuple[np.ndarray, np.ndarray]:
    """Share of an engine's campaigns solved after so many experiments."""
    solved = np.array([row.solved for row in rows if row.engine == engine])
    if not len(solved):
        return np.zeros(0), np.zeros(0)
    x = np.r_[0.0, np.sort(solved[np.isfinite(solved)])]
    last = max((row.done for row in rows), default=0)
    return np.r_[x, last], np.r_[np.arange(len(x)), len(x) - 1] / len(solved)


def _gap(rows: Sequence[Row], engine: str) -> tuple[np.ndarray, np.ndarray]:
    """Median gap after each batch; a point that violates counts as infinitely bad."""
    curves = [
        {int(n): float(gap) for n, gap in (item.split(":") for item in row.curve.split())}
        for row in rows
        if row.engine == engine
    ]
    if not curves:
        return np.zeros(0), np.zeros(0)
    x = np.arange(7, max(row.done for row in rows) + 1, 7)
    gaps = np.array([[curve.get(n, math.inf) for n in x] for curve in curves])
    middle = np.sort(gaps, axis=0)[len(gaps) // 2]
    return x[np.isfinite(middle)], middle[np.isfinite(middle)]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables and draw the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tables")
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--figures", type=Path, help="folder to draw into")
    args = parser.parse_args(argv)
    for path in args.results:
        if not path.exists():
            parser.error(f"there is no {path}; run python -m tests.benchmarks.optimisers first")
    rows = [row for path in args.results for row in read(path)]
    print(report(rows))
    if args.figures:
        figures(rows, args.figures)


if __name__ == "__main__":
    main()
