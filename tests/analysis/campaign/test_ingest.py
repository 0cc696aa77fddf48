"""Outcomes as people give them in Python: taken for what they say, or refused in a sentence."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from reactune.analysis import Agent, Problem, minimise
from reactune.analysis.analytics import Measurement
from reactune.analysis.campaign.suggestion import Suggestion

STATED = {
    "maximise": "product",
    "measured": ["product", "sm"],
    "kind": "fractions",
    "variables": {"tau": {"range": (0.5, 10), "unit": "min"}, "equiv": (1, 5)},
    "batch": 3,
}
ROWS = [
    {"tau": 1.0, "equiv": 2.0, "product": 0.3, "sm": 0.7},
    {"tau": 2.0, "equiv": 2.0, "product": 0.5, "sm": 0.5},
]


@pytest.fixture
def agent() -> Agent:
    return Agent(Problem(**STATED), seed=1)


def test_what_was_set_counts_and_not_what_was_asked_for(agent) -> None:
    asked = agent.suggest(3)
    result = {"product": 0.3, "sm": 0.7}
    frame = pd.DataFrame([
        asked[0] | result | {"tau": 5.0},  # set by hand to what the valve has
        asked[1] | result,
        {"_id": 3, "tau": math.nan} | result,  # nobody wrote down what was set
    ])  # fmt: skip
    agent.ingest(frame)
    first, *others = [evaluation.conditions for evaluation in agent.evaluations]
    assert first == {"tau": 5.0, "equiv": asked[0]["equiv"]}
    assert others == [{k: v for k, v in one.items() if k != "_id"} for one in asked[1:]]
    told = agent.space.to_box(first)
    assert np.allclose(agent.optimiser.book.table.x[0], told)
    # what was asked for and is nobody's any more is not waited for
    assert agent.optimiser.state()["asked"]["pending"] == []


def test_what_has_no_place_is_not_waited_for(agent) -> None:
    """A known experiment with a choice that is gone has no outcome here, and will have none."""
    chosen = STATED | {"variables": {**STATED["variables"], "solvent": {"choices": ["A", "B"]}}}
    agent = Agent(Problem(**chosen), seed=1)
    known = Measurement({"product": 0.3, "sm": 0.7}, {"product": 0.01, "sm": 0.01})
    old = [
        Suggestion(i, {"tau": float(i), "equiv": 2.0, "solvent": solvent}, "known")
        for i, solvent in enumerate(["A", "gone", "B"], 1)
    ]
    assert agent.know([(asked, known) for asked in old], before=True) == [2]
    asked = agent.ask()
    assert asked is not None
    assert asked.number == 4  # its own, although one of three is not counted


def test_what_was_set_outside_a_range_changes_nothing(agent) -> None:
    first, second = agent.suggest(2)
    result = {"product": 0.3, "sm": 0.7}
    with pytest.raises(ValueError, match="tau = 12 min is outside its range"):
        agent.ingest([first | result, second | result | {"tau": 12}])
    assert not agent.evaluations


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (pd.DataFrame(ROWS).assign(product=93, sm=7), "product, sm add up to 100, and fractions of "
         "a whole to 1; correct them, and divide percentages by 100"),
        (pd.concat([pd.DataFrame(ROWS), pd.DataFrame({"product": [1, 1]})], axis=1),
         "the frame has two columns product; drop or rename one of them"),
        (pd.DataFrame(ROWS).rename(columns={"tau": "tau [min]"}), "tau is missing, and so is the "
         "_id of a suggestion; give one or the other, under these names (there are tau [min], "),
        (pd.DataFrame(ROWS).assign(product=True), "product = true is no number: give it one"),
        (pd.DataFrame(ROWS).assign(tau="1_0"), "tau = '1_0' is no number"),
        (ROWS[0], "outcomes are a list of dicts, or a DataFrame; dict is neither: put a single "
         "outcome into a list"),
        (pd.Series(ROWS[0]), "Series is neither"),
        ([1, 2], "list is neither"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(agent, points, sentence) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        agent.ingest(points)
    assert not agent.evaluations


@pytest.mark.parametrize("n", [-1, 2.5, "3", True])
def test_a_number_of_points_is_whole(agent, n) -> None:
    with pytest.raises(ValueError, match="ask for a whole number of points, as in 5"):
        agent.suggest(n)


def test_an_agent_takes_whatever_a_problem_is_loaded_from(tmp_path) -> None:
    assert Agent("walker-i", seed=1).problem == Problem.load("walker-i")  # type: ignore[arg-type]
    assert Agent(STATED, seed=1).suggest(2) == Agent(Problem(**STATED), seed=1).suggest(2)


def test_a_function_that_gives_percentages_is_refused() -> None:
    with pytest.raises(ValueError, match="add up to 93, and fractions of a whole to 1"):
        minimise(lambda _: {"product": 90, "sm": 3}, STATED)


@pytest.mark.parametrize("dtypes", [{}, {"dtype_backend": "pyarrow"}])
def test_what_is_missing_in_a_frame_of_any_kind_is_a_failure(agent, dtypes) -> None:
    asked = agent.suggest(2)
    rows = [{"_id": asked[0]["_id"], "product": 0.3, "sm": 0.7}, ROWS[1] | {"product": None}]
    rows.append({"_id": asked[1]["_id"], "product": 0.2, "sm": 0.8, "product_sd": 0.01})
    agent.ingest(pd.DataFrame(rows).convert_dtypes(**dtypes))
    found = agent.evaluations
    assert [evaluation.valid for evaluation in found] == [True, False, True]
    assert [e.conditions["tau"] for e in found] == [asked[0]["tau"], 2.0, asked[1]["tau"]]
    assert math.isnan(found[0].measurement.sd["product"])
    assert found[2].measurement.sd["product"] == 0.01


def test_pandas_own_missing_value_is_a_failure_in_a_list_as_well(agent) -> None:
    asked = agent.suggest(1)[0]
    agent.ingest([{"_id": asked["_id"], "tau": pd.NA, "product": pd.NA, "sm": 0.7}])
    agent.ingest([ROWS[0] | {"sm": pd.NaT}])
    assert [evaluation.valid for evaluation in agent.evaluations] == [False, False]
    with pytest.raises(ValueError, match="product = None is no number: give it one, NaN if it fa"):
        agent.ingest([ROWS[0] | {"product": None}])


def test_what_a_column_failed_says_counts():
    problem = {"minimise": "y", "measured": ["y"], "variables": {"T": (20, 100)}, "budget": 9}
    agent = Agent(problem)
    failed = ["yes", None, "clogged", np.nan]
    frame = {"T": [30, 50, 70, 90], "y": [1, 2, np.nan, 3], "failed": failed}
    agent.ingest(pd.DataFrame(frame))
    assert [(e.valid, e.reason) for e in agent.evaluations] == [
        (False, "failed"), (True, ""), (False, "clogged"), (True, ""),
    ]  # fmt: skip
    assert agent.best_points()[0][0] == 2
    with pytest.raises(ValueError, match=r"failed is 'clogged', and y is there all the same"):
        agent.ingest([{"T": 40, "y": 1.0, "failed": "clogged"}])
