"""``reactune redesign``: which windows can be reached, and the problem to ask next."""

import argparse
import json
import math
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue, whole

if TYPE_CHECKING:
    from reactune.analysis.learning.reach import Limit

    from ..questions.redesigning import Redesign

HELP = "from a run that nothing fits to windows that can be met, and the next problem file"
EXAMPLES = ("reactune redesign 5f0c2a7e -o next.toml",)
_WIDTH = 80
_KNOWN = 0.95  # share of the functions that says an edge can be met
_VAGUE = 0.5  # an interval so many tolerances wide says little


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    parser.add_argument("uid", metavar="UID", help="the stored run, or last")
    parser.add_argument(
        "--keep",
        type=whole,
        action="append",
        default=[],
        metavar="N",
        help="keep window N, counted from 1, before the others [in the order they are stated]",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the next problem file"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.report.numbers import jsonable

    from ..errors import UserError, told
    from ..questions.redesigning import as_toml, redesign
    from ..service import open_catalogue

    if a.output is not None and a.output.exists():
        raise UserError(f"{a.output} is there already; name another file")
    with open_catalogue(a.catalogue) as catalogue:
        found = redesign(catalogue, a.uid, a.keep)
    if a.output is not None and found.next is not None:
        comment = f"from run {found.uid[:8]} ({found.mark.lower()}): {'; '.join(_moved(found))}"
        with told(OSError, file=a.output):
            a.output.write_text(as_toml(found.next, comment), encoding="utf-8")
    if a.json:
        say(json.dumps(jsonable(_data(found))))
        return EXIT_DONE
    for line in _text(found):
        say(line)
    if a.output is not None:
        written = "nothing is to be changed, so it is not written"
        say(f"{a.output}: {'the next problem' if found.next else written}")
    return EXIT_DONE


def _text(found: "Redesign") -> Iterator[str]:
    """Say everything at 80 columns."""
    from reactune.analysis.report.numbers import headed

    yield from headed(found.problem.title or found.problem.goal_words, found.mark, _WIDTH)
    yield from textwrap.wrap("; ".join(w.text for w in found.problem.windows), _WIDTH)
    yield f"{found.n} experiments, {found.n_feasible} measured inside every window"
    yield "=" * _WIDTH
    levels = list(dict.fromkeys(limit.level for limit in found.limits))
    yield f"{'TIGHTEST EDGE':<14}" + "".join(f"{_level(v):>22}" for v in levels)
    for edge in _shown(found):
        name = _name(found, edge[0])
        if len(name) > 13:
            yield name
            name = ""
        yield f"{name:<14}" + "".join(f"{_value(limit):>22}" for limit in edge)
    yield from textwrap.wrap(
        "Others: how much wider the other windows are than stated, in their tolerances. "
        "In brackets the 90 % interval by functions that agree with the experiments.",
        _WIDTH,
    )
    yield "-" * _WIDTH
    if found.next is None:
        yield "All windows can likely be met together: go on with the run instead."
    for sentence in _moved(found):
        yield from textwrap.wrap(f"Loosen    {sentence}", _WIDTH, subsequent_indent=" " * 10)
    for sentence in _unknown(found):
        yield from textwrap.wrap(f"Unknown   {sentence}", _WIDTH, subsequent_indent=" " * 10)


def _shown(found: "Redesign") -> list[list["Limit"]]:
    """Give the edges that stand in the way, at all levels; if none does, all."""
    edges: dict[tuple[int, str], list[Limit]] = {}
    for limit in found.limits:
        edges.setdefault((limit.window, limit.side), []).append(limit)

    def stands(edge: list["Limit"]) -> bool:
        known = [limit for limit in edge if math.isfinite(limit.value)]
        return bool(known) and known[0].met < _KNOWN

    return [edge for edge in edges.values() if stands(edge)] or list(edges.values())


def _level(level: float) -> str:
    return "others as stated" if level == 0 else f"others +{level:g}"


def _name(found: "Redesign", limit: "Limit") -> str:
    relation = ">=" if limit.side == "lower" else "<="
    unit = _unit(found, limit)
    return f"{found.problem.windows[limit.window].of} {f'[{unit}] ' if unit else ''}{relation}"


def _unit(found: "Redesign", limit: "Limit") -> str:
    from reactune.analysis.report.labels import edge_unit

    return edge_unit(found.problem, limit.window, found.units)


def _value(limit: "Limit") -> str:
    if math.isnan(limit.value):
        return "cannot be met"
    return f"{limit.value:.3g} [{limit.low:.3g}, {limit.high:.3g}]"


def _moved(found: "Redesign") -> list[str]:
    """Say which edges are loosened."""
    from reactune.analysis.written import exact

    said = []
    for limit in found.moved:
        window = found.problem.windows[limit.window]
        stated = window.lower if limit.side == "lower" else window.upper
        said.append(
            f"{_name(found, limit)} {exact(stated)} to {exact(limit.value)}: the limit is between "
            f"{limit.low:.4g} and {limit.high:.4g} (90 %) with the windows kept before it"
        )
    return said


def _unknown(found: "Redesign") -> Iterator[str]:
    """Say what the experiments cannot tell."""
    for edge in _shown(found):
        outside = found.problem.windows[edge[0].window].allowed
        allowed = outside[0 if edge[0].side == "lower" else 1]
        for limit in edge:
            if limit.high - limit.low > _VAGUE * allowed:
                yield (
                    f"{_name(found, limit)} with {_level(limit.level)} is known no better than "
                    f"from {limit.low:.3g} to {limit.high:.3g}: nothing was measured near there"
                )
    goals = " or ".join(aim.text for aim in found.problem.aims)
    yield (
        "all this holds within the ranges and limits that were searched, and says nothing of "
        f"{goals} in the new windows: ask reactune rescore, or run it"
    )


def _data(found: "Redesign") -> dict[str, object]:
    """Give everything as plain data."""

    def named(limit: "Limit") -> dict[str, object]:
        window = {"window": found.problem.windows[limit.window].text}
        return asdict(limit) | window | {"edge_unit": _unit(found, limit)}

    return {
        "uid": found.uid,
        "mark": found.mark,
        "n": found.n,
        "n_feasible": found.n_feasible,
        "limits": [named(limit) for limit in found.limits],
        "loosen": [named(limit) for limit in found.moved],
        "unknown": list(_unknown(found)),
        "next": found.next and found.next.to_dict(),
    }
