"""A stored campaign on paper: one PNG page, or one HTML file that needs nothing else."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.axes import Axes

from ..campaign.keys import goal_keys, measured_key
from ..problem.in_words import in_words
from ..sheets.sheet import title_of
from ..written import printable
from . import figures
from .candidate import edges_of
from .labels import outcome_units
from .numbers import ANYWHERE, aligned, dialled
from .style import STYLE
from .summary import summarise
from .table import NOT_EVALUATED, Campaign, StoredRun

__all__ = ["write_html", "write_png"]


def write_png(run: StoredRun | Campaign, path: str | Path) -> None:
    """Write the one-page overview of a campaign.

    Parameters
    ----------
    run : StoredRun or Campaign
    path : path
        Of the PNG file; an existing one is replaced.

    Raises
    ------
    ValueError
        If the run is not a campaign.
    """
    with _any_letters():
        figures.overview(run).savefig(path, dpi=150, format="png")


def write_html(run: StoredRun | Campaign, path: str | Path) -> None:
    """Write the report of a campaign: the answer first, then figures, all experiments, provenance.

    The file asks nothing of the network and holds no script; it can be mailed, printed and read on
    a phone.

    Parameters
    ----------
    run : StoredRun or Campaign
    path : path
        Of the HTML file; an existing one is replaced.

    Raises
    ------
    ValueError
        If the run is not a campaign.
    """
    campaign = Campaign.of(run)
    summary = summarise(campaign)
    page = _TEMPLATES.get_template("report.html.j2").render(
        summary=summary,
        mark=summary.mark,
        cautions=_signed(summary.cautions()),
        remarks=_signed(summary.remarks()),
        comparison=summary.rows("\u00b1"),
        front=summary.front_columns("\u00b1"),
        figures=_figures(campaign),
        problem=in_words(campaign.problem),
        columns=[title for title, _ in _columns(campaign)],
        experiments=_experiments(campaign),
        why="remarks" if _given(campaign) else "why this point",
        provenance=list(_provenance(campaign)),
    )
    Path(path).write_text(page, encoding="utf-8")


def _signed(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write plus-minus as one letter, which a terminal may lack."""
    return [(word, text.replace("+/-", "\u00b1")) for word, text in said]


def _harmless(value: Any) -> Any:
    """Write out control characters in what users, instruments and documents say."""
    return printable(value) if type(value) is str else value  # our markup is a Markup


_TEMPLATES = Environment(
    loader=PackageLoader("reactune.analysis.report"),
    autoescape=True,  # what users wrote never becomes markup
    finalize=_harmless,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


@contextmanager
def _any_letters() -> Iterator[None]:
    """Draw letters that our fonts lack as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+")
        yield


def _figures(run: Campaign) -> list[tuple[Markup, str, str]]:
    """Draw the figures: markup, class and caption of each."""
    course = figures.best_so_far, "Best feasible goal and best merit against experiments", "figure"
    captions = {figures.best_so_far: figures.MAY_GET_WORSE}
    if len(run.problem.aims) > 1:
        course = figures.trade_off, "The two goals against each other, and the front", "figure"
    drawn = [(figures.products, "What was measured in every experiment", "figure whole"), course]
    if figures.has_traces(run):
        drawn.append((figures.traces, "Traces of the bests", "figure"))
    return [
        (_svg(draw(run), name, f"fig{i}"), class_, captions.get(draw, ""))
        for i, (draw, name, class_) in enumerate(drawn, start=1)
    ]


def _svg(ax: Axes, name: str, key: str) -> Markup:
    """Return a figure as an element that scales with the page; its ids are its own by `key`."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # it was drawn on one just now
    file = io.StringIO()
    with _any_letters(), matplotlib.rc_context({**STYLE, "svg.hashsalt": key}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{key}-", svg)
    head = re.sub(r' (?:width|height)="[^"]*pt"', "", svg[: svg.index(">")])
    return Markup(f'{head} role="img" aria-label="{escape(name)}"{svg[svg.index(">") :]}')


def _columns(run: Campaign) -> list[tuple[str, list[str]]]:
    """Give the numbers of the table of all experiments as text, column by column."""
    problem, table = run.problem, run.table
    columns = [("no.", [str(number) for number in table.index])]
    for name, variable in problem.variables.items():
        columns.append((title_of(name, variable.unit), dialled(table[f"asked_{name}"])))
    edges, units = edges_of(problem), outcome_units(problem, run.analytics.units)

    def column(text: str, key: str) -> tuple[str, list[str]]:
        return title_of(text, units[text]), aligned(table[key], 3, edges.get(text, ANYWHERE))

    columns += [column(name, measured_key(name)) for name in problem.measured]
    for key, aim in zip(goal_keys(problem), problem.aims, strict=True):
        if aim.text not in problem.measured:
            columns.append(column(aim.text, key))
    for k, window in enumerate(problem.windows, start=1):
        if window.of not in problem.measured:  # that column is there already
            columns.append(column(window.of, f"F_{k}"))
    columns.append(("merit, as measured", aligned(table["f_soft"], 3)))
    return columns


def _given(run: Campaign) -> bool:
    """Whether nobody knows why any point was chosen, as of the rows of a table."""
    return bool(run.table["why"].isin(("given", "")).all())


def _experiments(run: Campaign) -> list[dict[str, Any]]:
    """Give the rows of the table of all experiments."""
    table, names = run.table, {number: name for name, number in run.bests}
    asked, unjudged = not _given(run), run.unjudged
    names |= dict.fromkeys(run.front, "front")
    cells = zip(*(column for _, column in _columns(run)), strict=True)
    words = zip(table.index, table["feasibility"], table["why"], table["reason"], strict=True)
    return [
        {
            "cells": row,
            "feasibility": feasibility,
            "best": names.get(number),
            "why": "; ".join(
                [why] * (asked and why != "")
                + [f"{NOT_EVALUATED if number in unjudged else 'failed'}: {reason}"] * bool(reason)
            ),
        }
        for row, (number, feasibility, why, reason) in zip(cells, words, strict=True)
    ]


def _provenance(run: Campaign) -> Iterator[tuple[str, str]]:
    """Say where the numbers come from."""
    start, stop = run.run.start, run.run.stop
    yield "run", run.run.uid
    yield "plan", str(start.get("plan_name", "unknown"))
    yield "rig", f"{start['rig'].get('title', 'untitled')}{', simulated' * run.simulated}"
    for source in (start.get("known") or {}).get("sources", ()):
        yield "known before", f"{source['experiments']} of {source.get('run') or source['table']}"
    for source in (start.get("before") or {}).get("sources", ()):
        yield "earlier", f"{source['experiments']} of {source.get('run') or source['table']}"
    yield "seed", str(start.get("seed", "not stored"))
    yield "started", _time(start["time"])
    yield "ended", "no stop document" if stop is None else _time(stop["time"])
    for name, version in start.get("versions", {}).items():
        yield name, str(version)
    digests = run.table["digest"]
    for digest in digests[digests != ""].tail(1):
        yield "optimiser's state", str(digest)


def _time(seconds: float) -> str:
    """Write a document's time stamp [s since 1970]."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
