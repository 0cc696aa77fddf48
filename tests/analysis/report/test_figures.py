import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reactune.analysis.report import figures
from reactune.analysis.report.summary import summarise
from tests.analysis.report.fake_run import LUCK, METHOD, FakeRun, cases, fake_run

CASES = cases()
FIGURES = [figures.products, figures.best_so_far, figures.traces, figures.merit]


@pytest.fixture(params=CASES, ids=str)
def run(request: pytest.FixtureRequest) -> FakeRun:
    return CASES[request.param]


def painted(ax: Axes) -> Axes:
    FigureCanvasAgg(ax.figure).draw()
    return ax


def line(ax: Axes, label: str) -> matplotlib.lines.Line2D:
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


@pytest.mark.parametrize("draw", FIGURES)
def test_every_run_can_be_drawn_with_its_legend_off_the_data(draw, run: FakeRun) -> None:
    ax = painted(draw(run))
    assert ax.get_title("right") == "SIMULATED"
    assert (ax.get_xlabel() and ax.get_ylabel()) or ax.texts[0].get_text() == "no trace to show"
    legend = ax.get_legend()
    if legend is not None:
        box, page = legend.get_window_extent(), ax.figure.bbox
        assert box.y1 < ax.bbox.y0
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert box.y0 >= page.y0


@pytest.mark.parametrize("draw", FIGURES)
def test_draws_where_it_is_told(draw) -> None:
    figure = Figure()
    ax = figure.add_subplot()
    assert draw(CASES["one experiment"], ax) is ax
    assert ax.get_title("left")


def test_real_hardware_is_not_marked_simulated() -> None:
    run = fake_run(3)
    run.start["simulated"] = False
    assert figures.products(run).get_title("right") == ""


def test_bars_are_the_fractions_and_marks_the_standing() -> None:
    run = CASES["full"]
    decision = run.table("decision")
    ax = figures.products(run)
    bars = {
        c.get_label(): np.array([np.ptp(bar.vertices[:, 1]) for bar in c.get_paths()])
        for c in ax.collections
    }
    assert list(bars) == ["X0", "X1", "X2", "X3"]
    for name, heights in bars.items():
        np.testing.assert_allclose(heights, decision[name].clip(lower=0), atol=1e-15)
    for word in ("feasible", "semi-feasible", "infeasible", "failed"):
        numbers = decision.number[decision.feasibility == word]
        assert line(ax, word).get_xdata().tolist() == numbers.tolist()
    shapes = {(line.get_marker(), line.get_markerfacecolor()) for line in ax.lines[:4]}
    assert len(shapes) == 4
    summary = summarise(run)
    assert line(ax, "best feasible").get_xdata() == [summary.best_feasible.number]
    assert line(ax, "best").get_xdata() == [summary.best.number]


def test_the_marks_of_standing_are_above_the_axis_of_values() -> None:
    ax = painted(figures.products(fake_run(9, kind="real")))
    end = ax.spines["left"].get_bounds()[1]
    assert max(ax.get_yticks()) <= end < ax.get_ylim()[1]
    marks = line(ax, "feasible")
    _, height = marks.get_transform().transform((1, marks.get_ydata()[0]))
    assert height > ax.transData.transform((1, end))[1] + 5


@pytest.mark.parametrize("windows", [["X1 + X2 in [0.9, 1.0] +/- 0.3"], []])
@pytest.mark.parametrize("draw", [figures.best_so_far, figures.products, figures.traces])
def test_long_names_of_goals_are_not_cut_off(draw, windows: list[str]) -> None:
    name = "what it costs to make one gram of the two adducts together, solvents included"
    run = fake_run(6, minimise={"of": "X3", "name": name}, constraints=windows)
    ax = painted(draw(run))
    page = ax.figure.bbox
    legend = ax.get_legend()
    for text in (ax.yaxis.label, ax.xaxis.label, *(legend.texts if legend else ())):
        box = text.get_window_extent()
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    if draw is figures.best_so_far:
        assert " ".join(ax.get_ylabel().split()).startswith("what it costs to make one gram")
        assert ax.get_ylabel().endswith("best feasible" if windows else "best")


def test_records_end_at_the_two_bests() -> None:
    run = CASES["full"]
    summary = summarise(run)
    ax = figures.best_so_far(run)
    right = next(other for other in ax.figure.axes if other is not ax)
    goal, merit = ax.lines[0].get_ydata(), right.lines[0].get_ydata()
    assert goal[-1] == summary.best_feasible.expected["X3"] == summary.best_feasible.goal + LUCK
    assert merit[-1] == summary.best.merit
    assert np.all(np.diff(goal) <= 0)
    assert np.all(np.diff(merit) <= 0)
    assert ax.lines[0].get_drawstyle() == "steps-post"
    assert str(summary.best.number) in right.texts[0].get_text()


def test_a_record_that_was_lost_ends() -> None:
    """The only feasible experiment turned out to be lucky: the figure names no best feasible."""
    run = fake_run(12)
    decision = run.tables["decision"].copy()
    gone = [key for key in decision if key.startswith("best_feasible")]
    decision.loc[decision.number > 9, gone] = np.nan
    run.tables["decision"] = decision
    assert summarise(run).best_feasible is None
    ax = figures.best_so_far(run)
    numbers, goals = ax.lines[0].get_data()
    assert numbers[np.isfinite(goals)].max() == 9
    assert ax.texts[0].get_text().endswith(", then none")


def test_what_a_record_came_to_is_written_below_all_of_its_line() -> None:
    run = fake_run(12)
    decision = run.tables["decision"]
    decision.loc[8, "best_feasible_goal"] = 0.0  # a lucky one, which gives way to a worse one
    ax = figures.best_so_far(run)
    assert ax.texts[0].xy[1] == ax.lines[0].get_ydata().min() == 0.0
    assert ax.texts[0].get_text().startswith(f"{decision.best_feasible_goal.iloc[-1]:.3g} ")


def test_a_record_of_thousands_is_written_with_all_its_digits() -> None:
    run = fake_run(12)
    run.tables["decision"]["best_feasible_goal"] *= 2008.3 / 0.0337
    value = run.tables["decision"].best_feasible_goal.iloc[-1]
    told = figures.best_so_far(run).texts[0].get_text()
    assert value > 1000
    assert told.startswith(f"{value:.0f} ")


def test_record_of_a_maximised_goal_rises() -> None:
    run = CASES["no windows"]
    ax = figures.best_so_far(run)
    goal = ax.lines[0].get_ydata()
    assert goal[-1] == summarise(run).best.expected["X1 - 2 * X3"]
    assert goal[-1] > goal[0]
    assert ax.figure.axes == [ax]


def test_traces_show_absorbance_with_the_peaks_named() -> None:
    run = CASES["full"]
    summary = summarise(run)
    ax = figures.traces(run)
    labels = [line.get_label() for line in ax.lines]
    assert labels == [
        f"best feasible (experiment {summary.best_feasible.number})",
        f"best (experiment {summary.best.number})",
    ]
    assert {line.get_linestyle() for line in ax.lines} == {"-", "--"}
    assert {text.get_text(): text.xy[0] for text in ax.texts} == {
        peak["name"]: peak["time"] for peak in METHOD["peaks"]
    }
    time, signal = ax.lines[0].get_data()
    assert time[0] >= METHOD["solvent_front"][1]
    top = time[np.argmax(signal)]
    assert top == pytest.approx(7.5, abs=1 / 60)  # X1, by far the most
    assert np.trapezoid(signal[abs(time - 7.5) < 0.6], time[abs(time - 7.5) < 0.6]) == (
        pytest.approx(
            1000 * 0.004 * np.sqrt(2 * np.pi) * summary.best_feasible.measured["X1"], rel=0.05
        )
    )


def test_merit_is_the_sum_of_its_parts() -> None:
    ax = figures.merit(CASES["full"])
    parts = {name: line(ax, name).get_ydata() for name in ("p (windows)", "f* (goal)")}
    np.testing.assert_allclose(line(ax, "merit = f* + p").get_ydata(), sum(parts.values()))
    assert line(ax, "failed").get_xydata().tolist() == [[17, 3], [54, 3]]


def test_overview_of_every_run(run: FakeRun) -> None:
    figure = figures.overview(run)
    FigureCanvasAgg(figure).draw()
    words = [text.get_text() for text in figure.texts]
    assert "SIMULATED" in words
    assert any(text.startswith("Stopped: ") for text in words)
    summary = summarise(run)
    if summary.best_feasible is None:
        assert "Best feasible: none" in words
    else:
        assert any(f"experiment {summary.best_feasible.number}: " in text for text in words)
    heading = min(text.get_window_extent().y0 for text in figure.texts)
    assert heading > max(ax.title.get_window_extent().y1 for ax in figure.axes)


def test_dollar_signs_are_no_formula() -> None:
    figure = figures.overview(fake_run(3, title="5 $\\frac{$ more"))
    FigureCanvasAgg(figure).draw()


def test_nothing_global_is_touched() -> None:
    before = dict(matplotlib.rcParams)
    figures.overview(CASES["one experiment"])
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
