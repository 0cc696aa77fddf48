"""A problem in words, as `reactune check` says it."""

import pytest

from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.model import Problem
from tests.analysis.problem.stated import PYTHON_3, sentences

# ---- what is understood --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "of", "within", "span"),
    [
        ((0, 70), "V / F_C60", (1, 2), "is at least 4.29"),
        ((0, 70), "-V / F_C60", (1, 2), "is at most -4.29"),
        ((1, 70), "V", (1, 2), "is 300.0"),
        ((1, 70), "V * F_C60", (0.001, 0.002), "runs from 300.0 to 21000"),
        ((1, 70), "F_C60 / V / 100", (1, 2), "runs from 0.0000333 to 0.00233"),
    ],
)
def test_numbers_in_words(ranges, of, within, span):
    stated = {"variables": {"F_C60": ranges}, "limits": {"x": {"of": of, "within": within}}}
    (text,) = sentences(Problem, **PYTHON_3 | stated)
    assert f"{of} {span}, but you ask for" in text


# ---- in words ------------------------------------------------------------------------------------


def test_in_words(load):
    p = load(("[3, 70]", "[5, 70]"), ("budget = 100", "budget = 100\nstop.goal = 0.005"))
    assert (
        in_words(p, hours=72.34, volumes={"F_C60": 21500, "F_sult": 33210})
        == """\
Run III: rich in the first adduct

Vary:
  T       100 to 150 degC
  F_C60   5 to 70 uL/min
  F_sult  5 to 70 uL/min
Fixed: V = 300
Minimise X3, measuring X0, X1, X2, X3.
Keep, as far as possible (soft constraints):
  X1 + X2 from 0.9 to 1; values down to 0.6 and up to 1.3 are still acceptable
  X1 / X2 at least 4; values down to 3.7 are still acceptable
Never try outside (hard limits):
  flow_ratio: F_sult / F_C60 from 0.5 to 2
  residence_time: V / (F_C60 + F_sult) from 3 to 31 min
  this leaves F_C60 + F_sult from 10.0 to 100.0 uL/min
  this leaves F_sult / (F_C60 + F_sult) from 0.333 to 0.667
Budget: 100 experiments: 6 to begin with, then one by one.
Optimiser: snobfit, model composite, p = 0.5.
Stop at a feasible point with X3 at most 0.005.
Ends early if the windows cannot all be met, or once no improvement beyond the
  noise is to be expected (stop.verdict = false: goes on).
Takes at worst 72.3 h.
Uses at worst: F_C60 21.5 mL, F_sult 33.2 mL."""
    )


def test_what_has_a_name_is_said_with_its_unit(load):
    define = '[define]\nSTY = { of = "60 * X1 / V", unit = "mM/min" }\nall = "X1 + X2"\n'
    text = in_words(load(('minimise = "X3"', 'maximise = "STY"'), ("[fixed]", define + "[fixed]")))
    assert "Where:\n  STY = 60 * X1 / V, in mM/min\n  all = X1 + X2\n" in text
    assert "Maximise STY [mM/min], measuring X0, X1, X2, X3." in text
    goal = 'maximise = { of = "60 * X1 / V", name = "STY", unit = "mM/min" }'
    text = in_words(load(('minimise = "X3"', goal)))
    assert "Where:\n  STY = 60 * X1 / V, in mM/min\nMaximise STY [mM/min], measuring" in text


@pytest.mark.parametrize("name", ["walker-i", "walker-ii", "walker-iv"])
def test_in_words_of_the_paper(name):
    text = in_words(Problem.load(name))
    assert "this leaves flow_c60 + flow_sultine from 30.0 to 310.3 uL/min" in text
    assert "6 to begin with, then one by one." in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("budget", "batch", "text"),
    [
        (14, 7, "batches of 7: 2 x 7."),
        (16, 7, "2 x 7 + 2."),
        (4, 7, "one of 4."),
        (100, 1, "100 experiments: 6 to begin with, then one by one."),
        (4, 1, "4 experiments: 4 to begin with, then one by one."),
    ],
)
def test_budget_in_words(budget, batch, text):
    assert text in in_words(Problem(**PYTHON_3 | {"budget": budget, "batch": batch}))


def test_in_words_refuses_limits_that_leave_nothing():
    p = Problem(**PYTHON_3 | {"limits": {"F_sult / F_C60": (10, 20), "F_C60 + F_sult": (6, 12)}})
    (text,) = sentences(lambda: in_words(p))
    assert text == "limits: nothing can satisfy all of limit_1, limit_2 with the ranges given"


# ---- errors must be fast -------------------------------------------------------------------------


def test_a_value_just_outside_its_window_is_not_written_as_its_edge():
    problem = Problem.load("walker-ii")
    assert problem.violated([0.89996]) == "X1 + X2 = 0.89996 is below 0.9"
    assert problem.violated([1.0000001]) == "X1 + X2 = 1.0000001 is above 1"
    assert problem.violated([0.8654]) == "X1 + X2 = 0.865 is below 0.9"


def test_how_sure_what_is_handed_over_has_to_be_is_said(load):
    asked = ("budget = 100", "budget = 100\noptimiser.confidence = 0.55")
    assert "Hands over what is at least 55% likely inside every" in in_words(load(asked))
    assert "Hands over" not in in_words(load())
