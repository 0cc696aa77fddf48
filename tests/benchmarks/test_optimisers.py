"""The benchmark measures what it says, can be stopped and resumed, and its tables add up."""

import math

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from tests.benchmarks import ablation, cpu, optimisers, tables
from tests.benchmarks.campaigns import Row, Watch, box, judge, twin
from tests.benchmarks.lab import HPLC, Lab, stated
from tests.benchmarks.optimisers import campaigns, read
from tests.benchmarks.tasks import HOCK, UNCONSTRAINED


def row(**changes) -> Row:
    plain = {
        "problem": "twin-V", "engine": "sobol", "seed": 0, "solved": 40.0, "handed": 49.0,
        "lasting": 56.0, "hours": 20.0, "hours_lasting": 25.0, "done": 105, "f": 0.08,
        "violation": 0.5, "probability": math.nan, "verdict": "", "at": math.nan, "cpu": 0.01,
        "curve": "7:0.1 14:0.02",
    }  # fmt: skip
    return Row(**plain | changes)


def test_a_campaign_in_a_box_ends_when_it_is_solved():
    found = box(UNCONSTRAINED[1], "snobfit-merit", 0)
    assert found.solved < found.handed == found.lasting == found.done < 300
    assert found.f == pytest.approx(-1.0316, abs=2e-4)
    assert found.violation == 0
    assert 0 < found.cpu < 1
    gaps = [float(item.split(":")[1]) for item in found.curve.split()]
    assert gaps == sorted(gaps, reverse=True)  # without noise the best never gets worse


def test_what_is_handed_over_has_to_stay_good():
    watch = Watch()
    for done, solves in [(7, False), (14, True), (21, False), (28, True), (35, True)]:
        watch.see(done, solves)
    assert (watch.first, watch.lasting, watch.checks) == (14, 28, 2)
    watch.see(42, solves=False)
    assert (watch.first, watch.lasting, watch.checks) == (14, math.inf, 0)


def test_a_campaign_that_fails_is_unsolved_and_uses_its_budget():
    found = box(HOCK[13], "sobol", 0)
    assert math.isinf(found.solved)
    assert math.isinf(found.handed)
    assert found.done == 300


def test_with_noise_it_has_to_stay_solved():
    found = box(UNCONSTRAINED[1].noisy(), "snobfit-merit", 0)
    assert found.done >= found.lasting + 16
    assert found.handed <= found.lasting
    assert abs(found.f + 1.0316) <= 0.0104


@pytest.mark.parametrize("engine", ["snobfit-merit", "de"])
def test_a_run_on_the_twin_is_judged_by_the_truth(engine):
    found = twin("V", engine, 0)
    assert found.done == 105
    assert (found.problem, found.engine, found.seed) == ("twin-V", engine, 0)
    assert found.f > 0.066
    assert found.f > 0.0721 or found.violation > 0
    if engine == "de":  # the quicker one
        again = twin("V", engine, 0)
        assert (again.f, again.curve, again.solved) == (found.f, found.curve, found.solved)


def test_run_iv_is_judged_by_its_penalty():
    problem = stated("walker-iv")
    worst = {"temperature": 100.0, "flow_c60": 207.0, "flow_sultine": 103.3}
    (penalty,), (violation,) = judge(problem, "IV", [worst])
    assert 1.9 < penalty < 2.0
    assert violation == 0.0
    (goal,), (violation,) = judge(problem, "V", [worst])
    assert goal < 0.001
    assert violation > 30.0  # X1/X2 = 33


def test_it_is_resumable(tmp_path, capsys):
    out = tmp_path / "r.csv"
    command = ["--problems", "camel,HS18", "--engines", "sobol", "--out", str(out)]
    optimisers.main([*command, "--seeds", "1"])
    first = out.read_text()
    assert [(r.problem, r.seed) for r in read(out)] == [("camel", 0), ("HS18", 0)]
    optimisers.main([*command, "--seeds", "2"])
    assert out.read_text().startswith(first)
    assert len(read(out)) == 4
    capsys.readouterr()
    optimisers.main([*command, "--seeds", "2"])
    assert capsys.readouterr().out == ""


def test_rows_survive_the_file(tmp_path):
    out = tmp_path / "r.csv"
    (written,) = optimisers.measure(campaigns(["HS18"]), ["nelder-mead"], [0], out)
    (back,) = read(out)
    assert repr(back) == repr(written)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--engines", "magic"], "no such engine: magic; there are snobfit-composite, "),
        (["--problems", "HS999"], "no such problem in HS999; the sets are unconstrained, "),
        (["--problems", "twin-IX"], "no such problem in twin-IX"),
    ],
)
def test_wrong_words_are_refused(arguments, text, capsys):
    with pytest.raises(SystemExit):
        optimisers.main(arguments)
    assert text in capsys.readouterr().err


def test_a_file_of_something_else_is_refused(tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit):
        optimisers.main(["--out", str(other)])
    assert "has other columns than problem, engine, seed" in capsys.readouterr().err
    assert other.read_text() == "a,b\n1,2\n"


def test_the_tables_count_as_stated(tmp_path, capsys):
    rows = [
        row(),
        row(seed=1, solved=math.inf, handed=math.inf, violation=3.0, verdict="converged", at=35.0),
        row(seed=2, solved=20.0),
        row(problem="branin", solved=70.0),
        row(problem="branin", seed=1, solved=90.0),
        row(problem="branin", seed=1, engine="de", solved=math.inf),
    ]
    text = tables.report(rows)
    assert "| twin-V | 40 (2/3) |" in text
    assert "| branin | - (0/1) | 80 (2/2) | 77 (10/10) |" in text
    assert (
        "| twin-V | sobol | 0.08 | 3 | 2/3 | converged 1x; median N 35, good by then in 0 | 10 |"
        in text
    )
    assert "| twin-V | 49 (2/3) |" in text
    assert "| twin-V | 20 (3/3) |" in text
    assert "| twin-V | sobol | 0 | 0 | 0 | 2 | 3 |" in text
    paths = tables.figures(rows, tmp_path / "figures")
    assert {p.name for p in paths} == {"twin.png", "unconstrained.png", "twin-V.png"}
    assert all(p.stat().st_size > 5000 for p in paths)


def test_the_profile_and_the_gap_are_those_of_the_rows():
    rows = [row(), row(seed=1, solved=20.0, curve="7:0.3 14:0.01 105:0.005"), row(seed=2, curve="")]
    x, share = tables._profile(rows, "sobol")
    np.testing.assert_array_equal(x, [0, 20, 40, 40, 105])
    np.testing.assert_allclose(share, [0, 1 / 3, 2 / 3, 1, 1])
    n, gap = tables._gap(rows, "sobol")
    np.testing.assert_array_equal(n, [7, 14])
    np.testing.assert_allclose(gap, [0.3, 0.02])


def test_no_results_no_tables(tmp_path, capsys):
    with pytest.raises(SystemExit):
        tables.main([str(tmp_path / "none.csv")])
    assert "run python -m tests.benchmarks.optimisers first" in capsys.readouterr().err


def test_cpu_is_a_table(capsys):
    cpu.main(["--engines", "snobfit-merit,sobol", "--known", "40"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[2].startswith("| 0 | 40 | snobfit-merit | 0.")
    assert lines[5].startswith("| 2 | 40 | sobol | 0.")


def test_the_bayesian_optimiser_keeps_the_contract_and_finds_an_optimum():
    pytest.importorskip("sklearn", reason="the extra benchmark is not installed")
    from tests.benchmarks.bayesian import Bayesian

    o = Bayesian([0, 0], [1, 1], [(0.5, None, 0.1)], seed=1)
    for _ in range(4):
        x = o.ask(3)
        assert x.shape == (3, 2)
        assert ((x >= 0) & (x <= 1)).all()
        twin_ = Bayesian.from_state(o.state())
        o.tell(x, ((x - 0.2) ** 2).sum(axis=1), x[:, :1])
        twin_.tell(x, ((x - 0.2) ** 2).sum(axis=1), x[:, :1])
    np.testing.assert_array_equal(o.ask(2), twin_.ask(2))
    best = o.best(feasible=True)
    assert best is not None
    assert best.f < 0.1  # 0.09 at (0.5, 0.2)


@pytest.mark.parametrize("name", ["measured", "log-ratios", "scales", "chain", "safe", "corners"])
def test_what_is_left_out_is_missed_and_comes_back(name):
    """On the twin every one of these changes what is asked for."""

    def asked() -> list[list[float]]:
        agent = Agent(stated("walker-v"), HPLC, 0)
        lab = Lab(0)
        for _ in range(2):
            agent.ingest(lab.measure(agent.suggest(7)))
        agent.suggest(7)
        return agent.optimiser.state()["asked"]["x"]

    plain = asked()
    with ablation.left_out(name):
        assert asked() != plain
    assert asked() == plain


def test_every_ingredient_can_be_left_out_and_is_tabulated(tmp_path, capsys):
    out = tmp_path / "ablation.csv"
    command = ["--problems", "HS30", "--seeds", "1", "--out", str(out)]
    ablation.main([*command, "--without", "quadratics,aim"])
    first = capsys.readouterr().out
    assert first.count("seed 0") == 3
    assert first.count("| local quadratics | ") == 3
    ablation.main([*command, "--without", "aim"])
    again = capsys.readouterr().out
    assert "seed 0" not in again
    assert again.strip() in first.strip()
    for name in ablation.INGREDIENTS:
        with ablation.left_out(name):
            pass
    with pytest.raises(SystemExit):
        ablation.main([*command, "--without", "salt"])
