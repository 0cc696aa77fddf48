"""The trade-off of two goals as a figure."""

from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import Container

from ..campaign.keys import goal_keys
from .drawing import axes_of, legend, styled, title, wrapped
from .style import FEASIBLE, MARKS
from .table import Campaign

TITLE = 40
"""Characters of a title that leave room for the word SIMULATED."""

AROUND = 0.35
"""How much more than the front the axes show, of its extent; what lies farther out is counted."""


@styled
def trade_off(run: Campaign, ax: Axes | None = None) -> Axes:
    """Draw two goals against each other: what was measured, and the front as expected.

    The bars are one standard deviation of what is expected. The line is what the experiments on the
    front beat together: no experiment is expected below it.

    Parameters
    ----------
    run : StoredRun
        Of a problem with two goals.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
    """
    ax = axes_of(ax, (6.2, 4.4))
    first, second = goal_keys(run.problem)
    names = [f"{aim.text} [{aim.unit}]" if aim.unit else aim.text for aim in run.problem.aims]
    x, y = (f"{n} ({aim.verb}d)" for n, aim in zip(names, run.problem.aims, strict=True))
    ax.set(xlabel=wrapped(x, 60), ylabel=wrapped(y, 36))
    handles: list[Artist | Container] = []
    for word, style in MARKS.items():
        rows = run.table[run.table["feasibility"] == word]
        rows = rows[rows[first].notna() & rows[second].notna()]
        if len(rows):
            mark = {**style, "ls": "", "ms": 4, "alpha": 0.55, "zorder": 2}
            label = word if run.problem.windows else "measured"
            handles += ax.plot(rows[first], rows[second], label=label, **mark)
    if run.front:
        handles.append(_front(run, ax, first, second))
    else:
        ax.text(0.5, 0.94, "no front yet", transform=ax.transAxes, ha="center", color=FEASIBLE)
    legend(ax, handles, 2)
    told = f"{names[0]} against {names[1]}"
    title(ax, run, told if len(told) <= TITLE else "Goal against goal")
    return ax


def _front(run: Campaign, ax: Axes, first: str, second: str) -> Container:
    """Draw the front, and let the axes show what is around it."""
    told = [run.leaders[number].expected for number in run.front]
    x, y = (np.array([expected[key].value for expected in told]) for key in (first, second))
    dx, dy = (np.array([expected[key].sd for expected in told]) for key in (first, second))
    # from one to the next, what is no better than either in either goal
    where: Literal["pre", "post"] = "post" if run.problem.sign > 0 else "pre"
    order = np.argsort(x)
    ax.step(x[order], y[order], where=where, color=FEASIBLE, lw=1.0, alpha=0.7, zorder=3)
    bars = ax.errorbar(
        x, y, dy, dx, "v", color=FEASIBLE, ms=6, elinewidth=1.0, zorder=4,
        label="front, expected \u00b1 sd",
    )  # fmt: skip
    for i in sorted({0, len(x) - 1}):
        ax.annotate(
            f"{run.front[i]}", (x[i], y[i]), (6, 6), textcoords="offset points",
            color=FEASIBLE, weight="bold", zorder=5,
        )  # fmt: skip
    measured = run.table[[first, second]].dropna().to_numpy(float)
    shown = np.ones(len(measured), dtype=bool)
    for axis, values, doubt in ((0, x, dx), (1, y, dy)):
        low, high = float((values - doubt).min()), float((values + doubt).max())
        room = AROUND * ((high - low) or abs(low) or 1.0)
        low, high = low - room, high + room
        shown &= (measured[:, axis] >= low) & (measured[:, axis] <= high)
        (ax.set_xlim if axis == 0 else ax.set_ylim)(low, high)
    if hidden := int((~shown).sum()):
        ax.text(
            0.99, 0.98, f"{hidden} more experiment{'s' * (hidden > 1)} outside", fontsize=8.5,
            transform=ax.transAxes, ha="right", va="top", color="#666666",
        )  # fmt: skip
    return bars
