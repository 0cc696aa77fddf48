"""A stored campaign on paper: one PNG page, or one HTML file that needs nothing else."""

import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes

from ..problem.in_words import in_words
from . import figures
from .summary import Summary, aligned, summarise
from .table import Campaign, StoredRun

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
    Path(path).write_text(_page(campaign, summarise(campaign)), encoding="utf-8")


class _Html(str):
    """Text that is markup already; any other text is escaped where it enters a tag."""

    __slots__ = ()


_Part = str | Iterable[str]


def _tag(name: str, *parts: _Part, **attributes: str) -> _Html:
    """Make an element; ``class_`` is the class, and plain strings inside are escaped."""
    flat = [p for part in parts for p in ([part] if isinstance(part, str) else part)]
    inside = "".join(p if isinstance(p, _Html) else escape(p) for p in flat)
    pairs = "".join(f' {key.rstrip("_")}="{escape(v)}"' for key, v in attributes.items())
    return _Html(f"<{name}{pairs}>{inside}</{name}>")


def _page(run: Campaign, summary: Summary) -> str:
    """Put the page together."""
    mark = ("SIMULATED", "mark simulated") if run.simulated else ("REAL HARDWARE", "mark")
    sections = [
        ("What to set, and what it gives", _answer(summary)),
        ("What happened", _list(summary.remarks())),
        ("Figures", _figures(run)),
        ("The problem", _tag("pre", in_words(run.problem))),
        ("All experiments", _tag("div", _experiments(run), class_="wide")),
        ("Provenance", _list(_provenance(run))),
    ]
    body = [
        _tag("header", _tag("h1", summary.title), _tag("p", mark[0], class_=mark[1])),
        _tag("p", summary.asked, class_="asked"),
        *(_tag("section", _tag("h2", title), content) for title, content in sections),
    ]
    head = _Html(
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style>"
    )
    title = _tag("title", f"{summary.title} ({mark[0].lower()})")
    page = _tag("html", _tag("head", head, title), _tag("body", _tag("main", body)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _answer(summary: Summary) -> _Html:
    """Say the answer in a sentence, then set the two bests side by side."""
    (_, *names), (_, *numbers), *rest = summary.rows("\u00b1")
    head = _tag(
        "tr", _tag("td"),
        *(_tag("th", name.capitalize(), _tag("small", number), scope="col")
          for name, number in zip(names, numbers, strict=True)),
    )  # fmt: skip
    lines = [
        _tag("tr", _tag("th", label.strip(), scope="row"), _tag("td", a), _tag("td", b))
        if a or b
        else _tag("tr", _tag("th", label, colspan="3", scope="colgroup"), class_="group")
        for label, a, b in rest
    ]
    table = _tag("table", _tag("thead", head), _tag("tbody", lines), class_="answer")
    lead = []
    if summary.best_feasible is not None:
        lead = [
            _tag("p", f"Best feasible: {summary.sentence(summary.best_feasible)}.", class_="lead")
        ]
    cautions = [(word, text.replace("+/-", "\u00b1")) for word, text in summary.cautions()]
    return _tag("div", lead, _list(cautions, "cautions"), table)


def _list(pairs: Iterable[tuple[str, str]], class_: str = "list") -> _Html:
    """Make a description list."""
    return _tag(
        "dl", *(_Html(_tag("dt", term) + _tag("dd", text)) for term, text in pairs), class_=class_
    )


def _figures(run: Campaign) -> _Html:
    """Draw the three figures."""
    drawn = (
        (figures.fractions, "Mole fractions of every experiment, stacked", "figure whole"),
        (figures.best_so_far, "Best feasible goal and best merit against experiments", "figure"),
        (figures.chromatograms, "Chromatograms of best feasible and best", "figure"),
    )
    return _tag(
        "div",
        *(_tag("div", _svg(draw(run), name, f"fig{i}"), class_=class_)
          for i, (draw, name, class_) in enumerate(drawn, start=1)),
        class_="figures",
    )  # fmt: skip


def _svg(ax: Axes, name: str, key: str) -> _Html:
    """Return a figure as an element that scales with the page; its ids are its own by `key`."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # it was drawn on one just now
    file = io.StringIO()
    with matplotlib.rc_context({**figures.STYLE, "svg.hashsalt": key}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{key}-", svg)
    label = escape(name, quote=True)
    head = re.sub(r' (?:width|height)="[^"]*pt"', "", svg[: svg.index(">")])
    return _Html(f'{head} role="img" aria-label="{label}"{svg[svg.index(">") :]}')


def _experiments(run: Campaign) -> _Html:
    """Make the table of all experiments."""
    problem, table = run.problem, run.table
    columns: list[tuple[str, list[str]]] = [("no.", [str(number) for number in table.index])]
    for name, variable in problem.variables.items():
        unit = f" [{variable.unit}]" if variable.unit else ""
        columns.append((name + unit, aligned(table[f"asked_{name}"], 4)))
    columns += [(name, aligned(table[name], 3)) for name in problem.measured]
    if problem.goal.text not in problem.measured:
        columns.append((problem.goal.text, aligned(table["goal"], 3)))
    for k, window in enumerate(problem.windows, start=1):
        if window.of not in problem.measured:  # that column is there already
            columns.append((window.of, aligned(table[f"F_{k}"], 3)))
    columns.append(("merit", aligned(table["f_soft"], 3)))
    texts = zip(table["feasibility"], table["why"], table["reason"], strict=True)
    words = [(word, f"{why}; failed: {reason}" if reason else why) for word, why, reason in texts]
    head = _tag(
        "tr", *(_tag("th", title, scope="col") for title, _ in columns),
        _tag("th", "standing", scope="col"), _tag("th", "why this point", scope="col"),
    )  # fmt: skip
    names = {number: name for name, number in run.bests}
    rows = []
    for i, number in enumerate(table.index):
        first, *cells = (column[i] for _, column in columns)
        standing, why = words[i]
        best = [_tag("strong", names[number], class_=names[number])] if number in names else []
        rows.append(_tag(
            "tr", _tag("th", first, scope="row"), *(_tag("td", cell) for cell in cells),
            _tag("td", standing, *best, class_="word"), _tag("td", why, class_="word"),
            class_=standing.replace(" ", "-"),
        ))  # fmt: skip
    return _tag("table", _tag("thead", head), _tag("tbody", rows), class_="all")


def _provenance(run: Campaign) -> Iterator[tuple[str, str]]:
    """Say where the numbers come from."""
    start, stop = run.run.start, run.run.stop
    yield "run", run.run.uid
    yield "plan", str(start.get("plan_name", "unknown"))
    yield "rig", f"{start['rig'].get('title', 'untitled')}{', simulated' * run.simulated}"
    yield "seed", str(start.get("seed", "not stored"))
    yield "started", _time(start["time"])
    yield "ended", "no stop document" if stop is None else _time(stop["time"])
    for name, version in start.get("versions", {}).items():
        yield name, str(version)
    for digest in run.table.get("digest", pd.Series(dtype=object)).dropna().tail(1):
        yield "optimiser's state", str(digest)


def _time(seconds: float) -> str:
    """Write a document's time stamp [s since 1970]."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


STYLE = """
:root { color-scheme: light; --ink: #1d1d1f; --soft: #5c5c66; --line: #d9d9de;
  --feasible: #0072b2; --best: #b34a00; --mark: #9c1c6b; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center;
  justify-content: space-between; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 2px solid var(--line); }
.mark { margin: 0; padding: .2rem .7rem; border-radius: .4rem; background: var(--ink);
  color: #fff; font-weight: 700; letter-spacing: .06em; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
.mark.simulated { background: var(--mark); }
.asked { margin: .35rem 0 0; color: var(--soft); }
.lead { font-size: 1.15rem; font-weight: 600; color: var(--feasible); margin: .4rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .7rem; text-align: right; font-weight: 400; }
.answer { width: 100%; max-width: 46rem; }
.answer thead th { font-weight: 700; color: var(--feasible); border-bottom: 2px solid; }
.answer thead th:last-child { color: var(--best); }
.answer small { display: block; font-weight: 400; color: var(--soft); }
.answer tbody th { text-align: left; padding-left: 1.2rem; }
.answer tbody tr { border-bottom: 1px solid #ededf0; }
.answer .group th { font-weight: 700; padding: .8rem 0 .2rem; }
.cautions { border-left: 4px solid var(--best); padding: .3rem 0 .3rem .8rem; margin: 0 0 1rem; }
.cautions:empty { display: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; }
.list { margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; font: .9rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; }
.figures { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; }
.figure { overflow-x: auto; }
.figure svg { display: block; width: 100%; height: auto; }
.whole { grid-column: 1 / -1; }
.wide { overflow-x: auto; }
.all { width: 100%; font-size: .82rem; }
.all th, .all td { padding: .16rem .5rem; white-space: nowrap; border-bottom: 1px solid #ededf0; }
.all thead th { font-weight: 700; border-bottom: 2px solid var(--line); vertical-align: bottom;
  white-space: normal; }
.all .word, .all thead th:nth-last-child(-n+2) { text-align: left; }
.all td:last-child { white-space: normal; min-width: 14rem; }
.all tbody th { color: var(--soft); }
.all .feasible .word:nth-last-child(2) { font-weight: 600; color: var(--feasible); }
.all .failed td, .all .infeasible td { color: var(--soft); }
.all strong { display: block; color: var(--feasible); }
.all .best:not(.feasible) { color: var(--best); }
@media (max-width: 46rem) {
  body { font-size: 15px; }
  main { padding: 1rem .8rem 2rem; }
  .figures { grid-template-columns: 1fr; }
  .whole svg { width: 46rem; }
  .answer th, .answer td { padding: .28rem .3rem; }
  .answer tbody th { padding-left: .5rem; }
  .answer { font-size: .84rem; }
  .answer td { white-space: nowrap; }
}
@media print {
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  tr, pre, dl, .figure, .answer { break-inside: avoid; }
  .wide { overflow: visible; }
  .all { font-size: 7pt; }
  .all th, .all td { padding: .1rem .25rem; }
  .all td:last-child { min-width: 0; }
}
"""
