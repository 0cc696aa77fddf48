"""Figures of a stored campaign: one function each, ``f(run, ax=None) -> Axes``.

They use matplotlib's objects only, never pyplot: no global state, no display, and a figure that is
not kept is freed. Every distinction is made in colour *and* in shape or line style.
"""

import itertools
import math
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..analytics.measurement import Trace
from ..campaign.keys import measured_key
from ..written import printable
from .curve import trade_off
from .drawing import axes_of, legend, number_axis, styled, title, wrapped
from .style import BEST, FEASIBLE, MARK, MARKS, SPECIES
from .summary import summarise
from .table import NOT_EVALUATED, Campaign

MAY_GET_WORSE = (
    "As was expected after each experiment, by all until then. It may get worse: a point that "
    "turns out to have been lucky gives way to another."
)
"""What has to be said of `best_so_far`."""

__all__ = ["best_so_far", "merit", "overview", "products", "traces", "trade_off"]


@styled
def products(run: Campaign, ax: Axes | None = None) -> Axes:
    """Draw what was measured in every experiment: fractions as stacked bars, others as points.

    A row of marks above them says how each experiment stands to the windows. A fraction that was
    measured slightly below zero is drawn as none.

    Parameters
    ----------
    run : StoredRun
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
    """
    ax = axes_of(ax, (9.5, 3.6))
    table = run.table
    stacked = run.problem.kind == "fractions"
    floor = np.zeros(len(table))
    for name, colour in zip(run.problem.measured, itertools.cycle(SPECIES), strict=False):
        values = table[measured_key(name)].to_numpy(float)
        if stacked:
            values = values.clip(min=0.0)
            top = floor + values
            _bars(ax, table.index.to_numpy(float), floor, top, color=colour, label=name)
            floor = floor + np.nan_to_num(values)
        else:
            label = f"{name} [{run.analytics.units.get(name, '1')}]".removesuffix(" [1]")
            ax.plot(table.index, values, "o", color=colour, ms=4, label=label)
    # where the marks stand: above the bars, or in the uppermost part of the axes
    place, top = (ax.transData, 1.0) if stacked else (ax.get_xaxis_transform(), 1.18)
    handles: list[Artist] = list(ax.get_legend_handles_labels()[0])
    for word, style in MARKS.items():
        numbers = table.index[table["feasibility"] == word]
        if len(numbers) and not (word == "feasible" and not run.problem.windows):
            mark = style | {"ls": "", "label": word, "transform": place}
            handles += ax.plot(numbers, np.full(len(numbers), 1.05 / top), **mark)
    for i, (number, name, colour, marker) in enumerate(sorted(_marked(run))):
        mark = {"ls": "", "color": colour, "ms": 7, "label": name, "transform": place}
        handles += ax.plot(number, 1.13 / top, marker, **mark)
        ax.annotate(
            f"{number}", (number, 1.13 / top), (-7 if i == 0 else 7, 0), place, "offset points",
            ha="right" if i == 0 else "left", va="center", color=colour, weight="bold",
        )  # fmt: skip
    ax.set_ylabel(run.analytics.label)
    low, high = (0.0, 1.0) if stacked else ax.get_ylim()
    room = 0.18 if stacked else 0.3
    # the axis ends below the marks, which have no value
    ax.set(ylim=(low, high + room * (high - low)))
    ax.set_yticks([y for y in ax.get_yticks() if low <= y <= high])
    ax.spines["left"].set_bounds(low, high)
    number_axis(ax, run)
    legend(ax, handles, 10)
    title(ax, run, "Products of each experiment")
    return ax


def _bars(ax: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, **how: Any) -> None:
    """Draw bars from `low` to `high` as one artist: hundreds of them take seconds."""
    left, right = x - 0.42, x + 0.42
    corners = np.stack([left, low, left, high, right, high, right, low], axis=1)
    ax.add_collection(PolyCollection([*corners.reshape(-1, 4, 2)], lw=0, **how))


@styled
def best_so_far(run: Campaign, ax: Axes | None = None) -> Axes:
    """Draw the goal of the best feasible point and the best merit against the experiments done.

    Best as decided after each experiment, and as was then expected of a repeat: a point found to be
    lucky gives way to a worse one, so a line may go up. The goal belongs to the left axis, the
    merit to the right one; without windows it says nothing more and is left out.

    Parameters
    ----------
    run : StoredRun
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        That of the goal.
    """
    ax = axes_of(ax, (6.2, 3.9))
    table, goal = run.table, run.problem.goal.text
    table = table[table["feasibility"] != NOT_EVALUATED]  # nothing was decided there
    number_axis(ax, run)
    title(ax, run, "Best so far")
    if not run.problem.windows:
        _record(ax, *_held(table, "best", "goal"), BEST, "-")
        ax.set_ylabel(_called(goal, "best", 40))
        return ax
    _record(ax, *_held(table, "best_feasible", "goal"), FEASIBLE, "-", half=0)
    ax.set_ylabel(_called(goal, "best feasible", 24), color=FEASIBLE, y=0.25)
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    _record(right, *_held(table, "best", "merit", "f_soft"), BEST, "--", half=1)
    right.set_ylabel("merit, best", color=BEST, y=0.75)
    ax.plot([0, 1], [0.5, 0.5], transform=ax.transAxes, color="#999999", lw=0.8)
    return ax


@styled
def traces(run: Campaign, ax: Axes | None = None) -> Axes:
    """Overlay the traces of the best feasible and of the best experiment.

    Each as its analytics shows it, the names of the quantities where it puts them.

    Parameters
    ----------
    run : StoredRun
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
    """
    ax = axes_of(ax, (6.2, 3.7))
    lines: list[Line2D] = []
    marks: dict[str, tuple[float, float]] = {}
    for number, word, colour, trace in _traced(run):
        lines += ax.plot(
            trace.x, trace.y, "--" if lines else "-",
            color=colour, lw=1.4, label=f"{word} (experiment {number})",
        )  # fmt: skip
        ax.set(xlabel=trace.x_label, ylabel=trace.y_label)
        for name, (x, height) in trace.marks.items():
            marks[name] = x, max(height, marks.get(name, (x, 0.0))[1])
    for name, place in marks.items():
        ax.annotate(
            name, place, (0, 4), textcoords="offset points", ha="center", weight="bold",
        )  # fmt: skip
    if not lines:
        ax.text(0.5, 0.5, "no trace to show", transform=ax.transAxes, ha="center")
        ax.set(xticks=[], yticks=[])
    ax.margins(x=0.01, y=0.12)
    legend(ax, lines, 2)
    title(ax, run, "Traces of the bests")
    return ax


def has_traces(run: Campaign) -> bool:
    """Say whether `traces` has any to show: a table's rows came without them."""
    return any(_traced(run))


def _traced(run: Campaign) -> Iterator[tuple[int, str, str, Trace]]:
    """Give number, name and colour of the bests that have a trace, and it."""
    for number, word, colour, _ in _marked(run):
        if number in run.lost or number <= run.known:  # what was known came without its signal
            continue
        trace = run.analytics.trace(dict(run.table.loc[number]))
        if trace is not None:
            yield number, word, colour, trace


@styled
def merit(run: Campaign, ax: Axes | None = None) -> Axes:
    """Draw the merit ``f_soft`` of every experiment and its parts ``p`` and ``f_star``.

    All by the final ``f0`` and ``Delta`` (Walker et al. 2017, eqn 1); failed experiments, whose
    merit is 3 by definition, are crosses at 3.

    Parameters
    ----------
    run : StoredRun
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
    """
    ax = axes_of(ax, (6.2, 3.7))
    table = run.table
    good = table[table["f_star"].notna()]
    handles: list[Artist] = []
    parts: list[tuple[str, str, dict[str, Any]]] = [
        ("p", "p (windows)", {"marker": "^", "mfc": "none", "color": "#cc79a7", "ms": 4}),
        ("f_star", "f* (goal)", {"marker": "_", "color": "#777777", "ms": 6}),
        ("f_soft", "merit = f* + p", {"marker": "o", "color": "#222222", "ms": 4}),
    ]
    for name, label, style in parts:
        handles += ax.plot(good.index, good[name], ls="", label=label, **style)
    failed = table["f_soft"][table["feasibility"] == "failed"]
    if len(failed):
        handles += ax.plot(failed.index, failed, "x", color="#777777", ms=5, label="failed")
    for number, word, colour, marker in _marked(run):
        handles += ax.plot(
            [number], table.loc[[number], "f_soft"], ls="", marker=marker,
            ms=9, mfc="none", mew=1.8, color=colour, label=word,
        )  # fmt: skip
    ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
    ax.set_ylabel("merit (lower is better)")
    number_axis(ax, run)
    legend(ax, handles, 3)
    title(ax, run, "Merit of each experiment")
    return ax


@styled
def overview(run: Campaign) -> Figure:
    """Draw a campaign on one page: the answer in words, then the three figures that show it.

    Parameters
    ----------
    run : StoredRun

    Returns
    -------
    Figure
        A4 landscape.
    """
    width, height, left = 11.69, 8.27, 0.03
    lines = _heading(run)
    top = 1 - (0.88 + 0.21 * len(lines)) / height
    layout = ConstrainedLayoutEngine(rect=(left, 0.015, 1 - 2 * left, top - 0.015))
    figure = Figure((width, height), layout=layout)
    figure.text(
        left, 0.965, textwrap.shorten(run.title, 78, placeholder=" ..."),
        size=16, weight="bold", va="top",
    )  # fmt: skip
    figure.text(
        1 - left, 0.962, run.mark, size=11, weight="bold",
        va="top", ha="right", color="white",
        bbox={"facecolor": MARK if run.simulated else "#222222", "lw": 0, "boxstyle": "round"},
    )  # fmt: skip
    for i, (colour, weight, line) in enumerate(lines):
        y = 1 - (0.72 + 0.21 * i) / height
        figure.text(left, y, line, color=colour, weight=weight, size=10.5, va="top")
    below = [trade_off if len(run.problem.aims) > 1 else best_so_far]
    below += [traces] if has_traces(run) else []
    grid = figure.add_gridspec(2, len(below))
    places = [(products, grid[0, :]), *((draw, grid[1, i]) for i, draw in enumerate(below))]
    for draw, place in places:
        ax = draw(run, figure.add_subplot(place))
        ax.set_title("", loc="right")  # the heading says SIMULATED
    return figure


def _heading(run: Campaign) -> list[tuple[str, str, str]]:
    """Return colour, weight and text of the lines that tell the outcome."""
    summary = summarise(run)
    black = "#222222"
    given = summary.best_feasible or summary.front
    none = "Best feasible: none" if summary.windows else "Best: none"
    lines = [] if given else [(FEASIBLE, "bold", none)]
    told = {c.number: c for c in (summary.best, summary.best_feasible, *summary.front) if c}
    for i, (number, name, colour, _) in enumerate(_marked(run)):
        candidate = told[number]
        weight = "normal" if i else "bold"
        name = name[0].upper() + name[1:]
        lines.append((colour, weight, f"{name}: {summary.sentence(candidate)}"))
    counts = f"{summary.n} experiments, {summary.n_failed} failed"
    if math.isfinite(summary.lab_hours):
        counts += f", {summary.lab_hours:.1f} lab hours"
    lines.append((black, "normal", f"Stopped: {summary.stop_reason} \u00b7 {counts}"))
    if summary.asked:
        lines.append((black, "normal", f"Asked: {summary.asked}"))
    return [
        (colour, weight, part)
        for colour, weight, line in lines
        for part in textwrap.wrap(printable(line), 128, subsequent_indent="      ")
    ]


def _marked(run: Campaign) -> list[tuple[int, str, str, str]]:
    """Return number, name, colour and marker of the best feasible and the best."""
    return [
        (number, name, *((BEST, "D") if i or name == "best" else (FEASIBLE, "v")))
        for i, (name, number) in enumerate(run.bests)
    ]


def _called(goal: str, word: str, width: int) -> str:
    """Say what of the goal an axis shows, in lines that the axis has room for."""
    told = f"{goal}, {word}"
    return told if len(told) <= width else f"{wrapped(goal, width, 2)},\n{word}"


def _held(
    table: pd.DataFrame, role: str, key: str, measured: str = "goal"
) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Give who was best after each experiment, and what was then expected of it, else measured."""
    holders = table[role].where(table[role].isin(table.index))  # others are lost
    return holders, table[f"{role}_{key}"].fillna(holders.map(table[measured]))


def _record(
    ax: Axes,
    holders: "pd.Series[float]",
    values: "pd.Series[float]",
    colour: str,
    ls: str,
    half: int | None = None,
) -> None:
    """Draw the value of the experiment that holds a record as steps, the last one in words.

    With `half`, only the lower (0) or upper (1) half of the axes is used: two records of different
    units then never seem to cross.
    """
    if (first := holders.first_valid_index()) is None:
        middle = 0.5 if half is None else 0.25 + 0.5 * half
        ax.set_yticks([])
        ax.text(0.5, middle, "none yet", transform=ax.transAxes, ha="center", color=colour)
        return
    holders = holders.loc[first:]
    held, values = holders.notna(), values.loc[first:].where(holders.notna())
    changed = values[held & (holders != holders.shift())]
    ax.plot(values.index, values, ls, drawstyle="steps-post", color=colour, lw=1.7)
    ax.plot(changed.index, changed, "o", color=colour, ms=4.5)
    number, value = changed.index[-1], values.dropna().iloc[-1]
    end = "" if held.iloc[-1] else ", then none"
    right = number > 0.55 * ax.get_xlim()[1]
    low, high = values.min(), values.max()
    digits = max(3, len(f"{abs(value):.0f}"))  # 2008 is not 2.01e+03
    ax.annotate(  # below all of the line, which may go on in any direction
        f"{value:.{digits}g} (experiment {holders[number]:.0f}){end}".replace("-", "\u2212"),
        (number, low), (0, -13), color=colour,
        textcoords="offset points", ha="right" if right else "left",
    )  # fmt: skip
    span = (high - low) or 0.1 * abs(low) or 1.0
    low, high = low - 0.35 * span, high + 0.2 * span
    ticks = MaxNLocator(4 if half is not None else 6).tick_values(low, high)
    ax.set_yticks([tick for tick in ticks if low <= tick <= high])
    height = high - low
    ax.set_ylim(low - height * (half == 1), high + height * (half == 0))
