"""What all figures share: the house's style, the mark of what was simulated, axes and legends."""

import functools
import textwrap
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from ..written import printable
from .style import MARK, STYLE
from .table import Campaign, StoredRun

P = ParamSpec("P")
R = TypeVar("R", Axes, Figure)


def styled(
    draw: Callable[Concatenate[Campaign, P], R],
) -> Callable[Concatenate[StoredRun | Campaign, P], R]:
    """Read the run once and draw in the house's style, whatever style the caller has set."""

    @functools.wraps(draw)
    def styled(run: StoredRun | Campaign, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(Campaign.of(run), *args, **kwargs)

    return styled


def axes_of(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes to draw in: those given, or the only ones of a new figure [inch]."""
    return ax if ax is not None else Figure(size, layout="constrained").add_subplot()


def number_axis(ax: Axes, run: Campaign) -> None:
    """Label the axis of experiment numbers; a short run does not become a few huge bars."""
    ax.set(xlim=(0.3, max([7, *run.table.index]) + 0.7), xlabel="experiment")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def wrapped(text: str, width: int, lines: int = 3) -> str:
    """Break what users wrote into short lines, and shorten it where these do not suffice."""
    return textwrap.fill(
        printable(text), width, max_lines=lines, placeholder=" ...", break_on_hyphens=False
    )


def legend(ax: Axes, handles: Sequence[Artist | Container], columns: int) -> None:
    """Put the legend below the axis, where there are no data."""
    below = ax.transAxes + ScaledTranslation(0, -0.52, ax.figure.dpi_scale_trans)
    if handles:
        labels = [wrapped(str(handle.get_label()), 26, 4) for handle in handles]
        ax.legend(
            handles=list(handles), labels=labels, loc="upper left", ncols=columns,
            bbox_to_anchor=(0, 0), bbox_transform=below,
        )  # fmt: skip


def title(ax: Axes, run: Campaign, text: str, pad: float = 8) -> None:
    """Title the axes, and say so when nothing real was measured."""
    ax.set_title(text, loc="left", pad=pad)
    if run.simulated:
        ax.set_title("SIMULATED", loc="right", pad=pad, color=MARK)
