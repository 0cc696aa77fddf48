import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.report.numbers import (
    aligned,
    as_set,
    dialled,
    jsonable,
    side_by_side,
    uncertain,
)
from reactune.analysis.report.summary import summarise
from reactune.analysis.report.table import Campaign
from reactune.analysis.written import exact
from tests.analysis.report.fake_run import LUCK, FakeRun, cases, crashed, fake_run

CASES = cases()


@pytest.fixture(params=CASES, ids=str)
def run(request: pytest.FixtureRequest) -> FakeRun:
    return CASES[request.param]


class TestWhatItSays:
    def test_best_feasible_has_the_lowest_goal_inside_the_window(self) -> None:
        run = CASES["full"]
        primary, decision = run.table("primary"), run.table("decision")
        inside = decision[(decision.X1 + decision.X2).between(0.9, 1.0)]
        row = inside.loc[inside.X3.idxmin()]
        found = summarise(run).best_feasible
        assert found.number == row.number
        assert found.feasible
        assert found.violated == ""
        assert found.goal == found.measured["X3"] == row.X3
        assert found.measured_sds["X1"] == row.X1_sd
        assert found.measured["X1 + X2"] == row.F_1
        assert list(found.expected) == ["X0", "X1", "X2", "X3", "X1 + X2"]
        assert found.expected.keys() == found.measured.keys() == found.repeat_sd.keys()
        assert found.expected["X1 + X2"] == row.F_1 + LUCK
        assert (found.expected_sd["X3"], found.repeat_sd["X3"]) == (0.001, 0.003)
        asked = primary.set_index("number").loc[row.number]
        assert found.conditions == {
            "temperature": asked.asked_temperature,
            "flow_c60": asked.asked_flow_c60,
            "flow_sultine": asked.asked_flow_sultine,
        }

    @pytest.mark.parametrize(("regret", "told"), [(0.0004, 1), (0.0002, 0), (4e-9, 0)])
    def test_a_doubt_that_the_scatter_hides_is_none(self, regret: float, told: int) -> None:
        summary = summarise(CASES["full"])  # where a repeat scatters by 0.003
        best = replace(summary.best_feasible, regret=regret)
        remarks = replace(summary, best_feasible=best).remarks()
        assert [label for label, _ in remarks].count("In doubt") == told
        certain = replace(best, repeat_sd=dict.fromkeys(best.repeat_sd, 0.0))
        remarks = replace(summary, best_feasible=certain).remarks()
        assert [label for label, _ in remarks].count("In doubt") == (regret > 1e-6)

    def test_a_goal_with_a_name_says_what_it_is(self) -> None:
        stated = {"of": "60 * X3 / (X1 + X2)", "name": "waste", "unit": "g/h"}
        summary = summarise(fake_run(6, minimise=stated))
        told = "where waste = 60 * X3 / (X1 + X2)"
        assert summary.asked.endswith(f"; {told}")
        assert told in " ".join(summary.to_text().split())
        assert summary.to_json()["where"] == ["waste = 60 * X3 / (X1 + X2)"]
        assert "where" not in summarise(CASES["full"]).asked

    def test_both_bests_are_those_of_the_last_decision(self) -> None:
        run = CASES["full"]
        last = run.table("decision").iloc[-1]
        summary = summarise(run)
        assert (summary.best.number, summary.best_feasible.number) == (
            last.best,
            last.best_feasible,
        )

    def test_merits_are_on_one_scale_where_the_stored_ones_are_not(self) -> None:
        run = CASES["full"]
        table, stored = Campaign.of(run).table, run.table("decision").set_index("number")
        summary = summarise(run)
        assert summary.best_feasible.merit == 0.0  # f0 is its goal, and its penalty is 0
        assert summary.best.merit == table.f_soft.min() < 0
        assert stored.f_soft[stored.feasibility == "feasible"].min() == 0.0
        changed = np.abs(table.f_soft - stored.f_soft.set_axis(table.index)) > 1e-6
        assert changed.sum() > 10
        pd.testing.assert_series_equal(  # penalties know no f0
            table.p, stored.p.set_axis(table.index), check_names=False
        )

    def test_counts_volumes_and_hours(self) -> None:
        run = CASES["full"]
        primary = run.table("primary")
        summary = summarise(run)
        assert (summary.n, summary.n_failed, summary.budget) == (100, 2, 100)
        assert summary.n_feasible == (run.table("decision").feasibility == "feasible").sum()
        assert summary.failed == {17: "pump sultine stalled", 54: "pump sultine stalled"}
        assert summary.used == pytest.approx(
            {"c60": primary.used_c60.sum() / 1000, "sultine": primary.used_sultine.sum() / 1000}
        )
        assert summary.used_total == pytest.approx(sum(summary.used.values()))
        span = primary.lab_time.iloc[-1] - run.start["lab_time"]
        assert summary.lab_hours == pytest.approx((span + 780) / 3600)

    def test_maximised_goal_keeps_its_sign(self) -> None:
        run = CASES["no windows"]
        decision = run.table("decision")
        summary = summarise(run)
        assert summary.best == summary.best_feasible
        assert summary.best.goal == pytest.approx((decision.X1 - 2 * decision.X3).max())
        assert summary.goal == summary.title == "maximise X1 - 2 * X3"

    def test_nothing_feasible(self) -> None:
        summary = summarise(CASES["none feasible"])
        assert summary.best_feasible is None
        assert not summary.best.feasible
        assert "X1 + X2 = " in summary.best.violated
        assert ("None", "is likely inside every window") in summary.cautions()

    def test_all_failed(self) -> None:
        summary = summarise(CASES["all failed"])
        assert summary.best is summary.best_feasible is None
        assert (summary.n, summary.n_failed) == (3, 3)

    def test_crashed_run_counts_what_was_not_evaluated(self) -> None:
        summary = summarise(CASES["crashed"])
        assert (summary.n, summary.n_unjudged, summary.n_failed) == (30, 2, 0)
        assert "to go on: reactune optimise --resume 5f0c2a7e" in summary.stop_reason
        whole = summarise(crashed(fake_run(28), 28))
        assert (summary.best, summary.best_feasible) == (whole.best, whole.best_feasible)

    def test_doubts_outlast_an_experiment_that_was_not_judged(self) -> None:
        run = crashed(fake_run(30), 28)
        decision = run.tables["decision"].assign(doubted="")
        decision.loc[27, "doubted"] = '{"4": "X0 is far from what all others tell"}'
        run.tables["decision"] = decision
        assert summarise(run).doubted == {4: "X0 is far from what all others tell"}

    def test_aborted_run_says_who_stopped_it(self) -> None:
        stop = {"exit_status": "abort", "reason": "stopped by the user (Ctrl-C)", "time": 0.0}
        summary = summarise(replace(CASES["full"], stop=stop))
        assert summary.stop_reason == "abort: stopped by the user (Ctrl-C)"

    def test_experiment_recorded_twice_counts_once_and_the_first_counts(self) -> None:
        run = fake_run(10)
        tables = dict(run.tables)
        again = tables["primary"].iloc[[4]].assign(asked_temperature=1.0)
        tables["primary"] = pd.concat([tables["primary"].iloc[:5], again, tables["primary"][5:]])
        table = Campaign.of(replace(run, tables=tables)).table
        assert table.index.tolist() == list(range(1, 11))
        assert table.asked_temperature[5] == run.tables["primary"].asked_temperature[4]

    def test_where_a_result_is_and_why_are_told_by_the_same_edges(self) -> None:
        """Earlier versions judged an equality by the number itself, and stored what they said."""
        run = fake_run(20, constraints=["X1 + X2 = 0.9 +/- 0.3"])
        decision = run.tables["decision"]
        old = [f"X1 + X2 = {value:.3g} is not 0.9" for value in decision["F_1"]]
        decision = decision.assign(violated=old, feasibility="semi-feasible")
        run.tables["decision"] = decision.assign(merit_f0=math.nan, merit_delta=math.nan)
        table = Campaign.of(run).table
        assert (table["feasibility"] == "feasible").any()
        inside = table["violated"] == ""
        assert inside.tolist() == (table["feasibility"] == "feasible").tolist()
        assert table["violated"][~inside].str.contains("is below 0.75|is above 1.05").all()
        # nor were goals counted while nothing was inside
        merits = table["f_soft"][inside]
        assert (merits.idxmin(), merits.min()) == (table["X3"][inside].idxmin(), 0.0)
        assert merits.max() > 0

    def test_why_an_experiment_failed_is_told_as_it_was_said(self) -> None:
        run = crashed(fake_run(30, failed=(29,)), 28)
        assert summarise(run).unjudged[29] == "pump sultine stalled"
        assert summarise(run).unjudged[30] == "the run ended before it was evaluated"

    def test_a_minus_0_that_was_stored_is_0(self) -> None:
        run = fake_run(5)
        decision = run.tables["decision"]
        run.tables["decision"] = decision.assign(goal=-0.0, X3=-0.0)
        table = Campaign.of(run).table
        assert not np.signbit(table[["goal", "X3"]].to_numpy()).any()

    def test_other_plans_are_refused(self) -> None:
        run = FakeRun("0123456789", {"plan_name": "sweep", "simulated": True}, None)
        with pytest.raises(ValueError, match="run 01234567 is not a campaign: its plan is 'sweep'"):
            summarise(run)

    @pytest.mark.parametrize(("sd", "close"), [(0.001, False), (0.01, True)])
    def test_close_call_is_named(self, sd: float, close: bool) -> None:
        run = fake_run(20, constraints=["X1 + X2 >= 0.5 +/- 0.3"])
        decision = run.tables["decision"]
        number = int(decision.best_feasible.iloc[-1])
        decision.loc[19, ["best_feasible_F_1", "best_feasible_F_1_sd"]] = (0.51, sd)
        summary = summarise(run)
        assert summary.best_feasible.number == number
        assert bool(summary.best_feasible.close) is close
        assert ("is within 2 sd of its edge 0.5" in summary.to_text()) is close


class TestJson:
    def test_is_plain_and_holds_the_keys(self, run: FakeRun) -> None:
        data = json.loads(json.dumps(summarise(run).to_json(), allow_nan=False))
        assert {"uid", "n", "stop_reason", "best", "best_feasible"} <= data.keys()
        for key in ("best", "best_feasible"):
            if data[key] is not None:
                assert {"conditions", "measured", "merit", "feasible"} <= data[key].keys()
                assert data[key]["conditions"].keys() == run.start["problem"]["variables"].keys()

    def test_missing_is_null(self) -> None:
        assert summarise(CASES["none feasible"]).to_json()["best_feasible"] is None
        assert summarise(CASES["nothing done"]).to_json()["lab_hours"] is None


class TestText:
    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_fits_and_is_ascii(self, run: FakeRun, width: int) -> None:
        lines = summarise(run).to_text(width).splitlines()
        assert max(map(len, lines)) <= width
        assert all(line == line.rstrip() for line in lines)
        assert "\n".join(lines).isascii()
        assert lines[0].endswith("SIMULATED")

    def test_long_window_text_is_wrapped_not_cut(self) -> None:
        window = "(X1 + 2 * X2 + 3 * X3) / (X0 + X1 + X2 + X3) in [0.5, 1.5] +/- 0.3"
        text = summarise(fake_run(10, constraints=[window])).to_text()
        assert max(map(len, text.splitlines())) <= 80
        for word in window.split(" +/-")[0].split():
            assert word in text

    def test_both_bests_stand_side_by_side_with_the_violated_window(self) -> None:
        summary = summarise(CASES["full"])
        assert summary.best != summary.best_feasible
        text = summary.to_text()
        words = f"experiment {summary.best_feasible.number} experiment {summary.best.number}"
        assert words in " ".join(text.split())
        assert "X1 + X2 = " in summary.best.violated
        assert summary.best.violated in text
        assert text.split("feasibility")[1].split()[:2] == ["feasible", "semi-feasible"]
        assert text.index("Expected of a repeat") < text.index("Measured, once")
        assert text.split("inside every window")[1].split()[:4] == [
            "90%",
            "likely",
            "40%",
            "likely",
        ]
        assert (summary.best_feasible.feasible, summary.best.feasible) == (True, False)
        assert "budget: 100 of 100 experiments done" in text

    def test_without_windows_there_is_one_best(self) -> None:
        summary = summarise(CASES["no windows"])
        assert {len(row) for row in summary.rows()} == {2}
        lines = summary.to_text().splitlines()
        assert lines[lines.index("=" * 80) + 1].split() == ["BEST"]
        assert not any(word in summary.to_text().lower() for word in ("feasible", "merit"))

    def test_what_models_know_nothing_of_has_no_scatter_and_values_never_touch(self) -> None:
        best = summarise(CASES["full"]).best
        sure = replace(best, repeat_sd={name: 1e-9 for name in best.repeat_sd})
        for name, value in best.expected.items():
            assert sure.repeat(name) == f"{value:.4g}"
        cells = "X3", "0.7000000000 +/- 0.0000000046"
        (line,) = side_by_side([(cells[0], cells[1], cells[1])], 80)
        assert line.split("  ", 1)[1].split("  ")[-2:] == [cells[1]] * 2

    def test_a_best_feasible_that_was_measured_outside_is_to_be_repeated(self) -> None:
        summary = summarise(CASES["full"])
        best = replace(summary.best_feasible, close=(), feasibility="semi-feasible")
        said = dict(replace(summary, best_feasible=best).cautions())
        assert said["Close"] == (
            f"experiment {best.number} was measured semi-feasible; repeat it to be sure"
        )

    def test_what_may_not_be_set_today_is_said_wherever_it_is_told(self) -> None:
        summary = summarise(CASES["full"])
        best = summary.best_feasible
        assert not best.outside
        assert "outside" not in summary.sentence(best)
        old = replace(best, outside="time = 60 min is outside its range [2, 30]")
        assert summary.sentence(old).endswith(" (outside today's ranges or limits)")
        said = dict(replace(summary, best_feasible=old).cautions())
        assert said["Outside"] == (f"experiment {old.number} is not to be set today: {old.outside}")

    def test_less_sure_than_wanted_is_said(self) -> None:
        run = fake_run(20, constraints=["X1 + X2 >= 0.5 +/- 0.3"])
        run.tables["decision"].loc[19, "best_feasible_probability"] = 0.7
        plain = summarise(run)
        assert "Unsure" not in dict(plain.cautions())
        assert "Unsure" not in dict(replace(plain, confidence=0.7).cautions())
        assert dict(replace(plain, confidence=0.8).cautions())["Unsure"] == (
            "no experiment is 80% likely inside every window, as optimiser.confidence wants"
        )

    def test_the_lucky_measurement_is_shown_as_such(self) -> None:
        run = fake_run(30)
        decision = run.tables["decision"]
        inside = decision[decision.feasibility == "feasible"].sort_values("goal")
        lucky, other = inside.number.astype(int)[:2]
        decision.loc[29, "best_feasible"] = other
        summary = summarise(run)
        assert (summary.best_feasible.number, summary.best_measured.number) == (other, lucky)
        assert f"lucky or not: experiment {lucky}: X3 = " in " ".join(summary.to_text().split())

    def test_runs_of_before_expectations_were_told_are_shown(self) -> None:
        run = fake_run(30)
        decision, old = run.tables["decision"], ("best", "best_feasible")
        new = [key for key in decision if key.startswith("best") and key not in old]
        run.tables["decision"] = decision.drop(columns=new)
        summary = summarise(run)
        assert summary.best.expected == {}
        assert "Expected" not in summary.to_text()
        assert summary.best.merit == Campaign.of(run).table.f_soft.min()

    def test_real_hardware_is_said(self) -> None:
        run = fake_run(2)
        run.start["simulated"] = False
        assert "REAL HARDWARE" in summarise(run).to_text()
        assert "SIMULATED" not in summarise(run).to_text()


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "sd", "text"),
        [
            (0.77812, 0.00412, "0.7781 +/- 0.0041"),
            (-0.0016, 0.001, "-0.0016 +/- 0.0010"),
            (28.9, 2.03, "28.9 +/- 2.0"),
            (1234.5, 120.0, "1234 +/- 120"),
            (0.5, math.nan, "0.5"),
            (0.123456, 0.0, "0.1235"),
            (math.nan, 0.1, "-"),
            (49014473700386.0, 7026498903463.0, "(4.90 +/- 0.70)e+13"),
            (4.05e-12, 2.4e-13, "(4.05 +/- 0.24)e-12"),
            (12345.0, 1234.0, "(1.23 +/- 0.12)e+04"),
            (3.0, 5e7, "(0.0 +/- 5.0)e+07"),
            (2e-7, 2.4e-4, "0.00000 +/- 0.00024"),
            (1e9, 0.5, "1000000000.00 +/- 0.50"),  # as many digits as are known
            (5e-324, 5e-324, "(4.9 +/- 4.9)e-324"),
            (999999.0, 1500.0, "(1.0000 +/- 0.0015)e+06"),  # the power is that of what is written
            (-0.0, math.nan, "0"),
        ],
    )
    def test_uncertain(self, value: float, sd: float, text: str) -> None:
        assert uncertain(value, sd) == text

    @pytest.mark.parametrize(
        ("value", "sd", "text"),
        [
            (1.0005, math.nan, "1.0005"),
            (1.0005, 0.02, "1.0005 +/- 0.0200"),
            (0.9995, 0.02, "1.000 +/- 0.020"),  # inside, as the edge itself
            (1.2, 0.02, "1.200 +/- 0.020"),
            (1 + 1e-11, math.nan, "1.00000000001"),
            (math.nextafter(1, 2), math.nan, "1"),  # on the edge, but for rounding
            (math.nextafter(1, 2), 0.02, "1.000 +/- 0.020"),
        ],
    )
    def test_what_is_outside_is_not_written_as_its_edge(
        self, value: float, sd: float, text: str
    ) -> None:
        assert uncertain(value, sd, within=(-math.inf, 1.0)) == text

    def test_what_is_inside_is_not_written_as_if_it_were_outside(self) -> None:
        assert uncertain(0.82834, 0.01, within=(0.8283, math.inf)) == "0.8283 +/- 0.0100"
        assert uncertain(-3e-17, 0.01, within=(0.0, math.inf)) == "0.000 +/- 0.010"
        assert aligned([0.82834], 3, (0.8283, math.inf)) == ["0.8283"]

    @given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e2))
    @settings(derandomize=True)
    def test_rounding_hides_less_than_a_tenth_of_the_sd(self, value: float, sd: float) -> None:
        shown = float(uncertain(value, sd).split()[0])
        assert abs(shown - value) <= max(0.05001 * sd, 0.5 * (sd >= 10))

    def test_aligned(self) -> None:
        assert aligned([51.1814, 9.32, math.nan], 4) == ["51.18", "9.32", "-"]
        assert aligned([0.0, math.nan], 3) == ["0", "-"]
        assert aligned([123456.0], 3) == ["123456"]
        assert aligned([4.9e13, 1.0], 3) == ["4.90e+13", "1.00e+00"]
        assert aligned([4e-12], 3) == ["4.00e-12"]
        assert aligned([1.0005, 0.5], 3, (0.0, 1.0)) == ["1.0005", "0.50"]
        assert aligned([99.996], 4) == ["100.0"]

    def test_nothing_is_written_as_minus_0(self) -> None:
        assert (as_set(-0.0), exact(-0.0), dialled([-0.0])) == ("0", "0", ["0"])
        assert json.dumps(jsonable([-0.0, -1.5, math.inf])) == "[0.0, -1.5, null]"


def test_summary_does_not_load_matplotlib() -> None:
    code = "import sys, reactune.analysis.report.summary; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
