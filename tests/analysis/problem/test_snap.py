"""Variables that take steps or values only: nothing else is asked, and limits hold."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.grid import Grid
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from tests.analysis.problem.stated import PYTHON_3, sentences
from tests.analysis.problem.test_space import corners_and_random, problem

properties = settings(derandomize=True, deadline=None, max_examples=60)


@properties
@given(
    st.integers(1, 400), st.integers(1, 300), st.integers(-50, 50), st.sampled_from([1, 0.1, 0.025])
)
def test_grids_hold_what_lies_whole_steps_from_their_origin(width, step, start, unit):
    lower, step = round(start * unit, 3), round(step * unit, 3)
    grid = Grid.of_step(lower, lower + width * unit, step, lower)
    values = grid.value(np.arange(len(grid)))
    assert len(grid) == width * unit // step + 1 or abs(width * unit % step - step) < 1e-9
    assert values[0] == pytest.approx(lower)
    assert np.diff(values) == pytest.approx(np.full(len(grid) - 1, step))
    assert all(len(repr(float(value)).rstrip("0")) < 9 for value in values)  # as one would write it
    assert all(grid.holds(value) for value in values)
    assert not grid.holds(lower + 0.4 * step)
    x = np.linspace(lower, lower + width * unit, 23)
    below = grid.value(grid.below(x))
    assert np.all((below <= x + 1e-9) & (x < below + step + 1e-9) | (below == values[-1]))


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ({"range": (100, 150), "step": 20}, [100, 120, 140]),
        ({"range": (105, 150), "resolution": 20}, [120, 140]),
        ({"range": (0.04, 0.33), "resolution": 0.1}, [0.1, 0.2, 0.3]),
        ({"values": [150, 100, 120]}, [100, 120, 150]),
        ({"range": (0, 0.3), "step": 0.1}, [0, 0.1, 0.2, 0.3]),
    ],
)
def test_only_such_values_are_asked(variable, values):
    space = Space.of(problem({"T": variable, "a": (0, 1)}))
    asked = space.to_conditions(corners_and_random(space, 200))
    assert sorted({c["T"] for c in asked}) == values


@properties
@given(st.data())
def test_what_is_asked_is_the_nearest_inside_all_limits(data):
    step = st.sampled_from([1, 2.5, 5])
    variables = {
        "a": {"range": (5, 100), "step": data.draw(step)},
        "b": {"range": (5, 100), "resolution": data.draw(step)},
        "T": data.draw(st.sampled_from([{"values": [20, 50, 90]}, {"range": (20, 90)}])),
    }
    p = problem(variables, {"V / (a + b)": (5, 60), "b / a": (0.5, 2)})
    space, free = Space.of(p), Space.of(problem(
        {name: v.range for name, v in p.variables.items()},
        {limit.of: limit.within for limit in p.limits.values()},
    ))  # fmt: skip
    x = corners_and_random(free, 30, data.draw(st.integers(0, 99)))
    grids = [v.grid for v in p.variables.values()]
    for meant, asked in zip(free.to_conditions(x), space.to_conditions(x), strict=True):
        assert p.outside_limits(asked) is None
        for (name, grid), value in zip(
            zip(p.variables, grids, strict=True), asked.values(), strict=True
        ):
            assert grid.holds(value) if grid else value == pytest.approx(meant[name])
        nearer = [
            [g.value(g.below(np.array([meant[name]])) + k)[0] for k in (0, 1)]
            for name, g in zip("ab", grids[:2], strict=True)
        ]
        gap = distance(meant, asked)
        for a, b in itertools.product(*nearer):
            other = asked | {"a": float(a), "b": float(b)}
            if p.outside_limits(other) is None:
                assert gap <= distance(meant, other) + 1e-12


def distance(one, other):
    return sum(((one[name] - other[name]) / 95) ** 2 for name in "ab")


def test_where_limits_leave_no_neighbour_the_nearest_that_is_allowed():
    p = problem({"a": {"range": (10, 100), "step": 30}, "b": (10, 100)}, {"b / a": (0.95, 1.05)})
    space = Space.of(p)
    asked = space.to_conditions(corners_and_random(space, 100))
    assert {c["a"] for c in asked} == {10, 40, 70, 100}
    assert all(p.outside_limits(c) is None for c in asked)


def test_an_agent_asks_is_told_and_goes_on_with_its_values():
    stated = Problem.load("walker-iii").to_dict()
    stated["variables"]["temperature"] = {"values": [100, 120, 150], "unit": "degC"}
    stated["variables"]["flow_c60"]["step"] = 5
    agent = Agent(Problem.load(stated), seed=1)
    for _ in range(3):
        asked = agent.suggest(4)
        for point in asked:
            assert point["temperature"] in (100, 120, 150)
            assert point["flow_c60"] % 5 == 0
            heat = (point["temperature"] - 90) / 100
            point |= {"X0": 1 - heat, "X1": 0.8 * heat, "X2": 0.15 * heat, "X3": 0.05 * heat}
        agent.ingest(asked)
    state = agent.state()
    assert Agent.from_state(state).suggest(2) == agent.suggest(2)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ({"values": [100]}, "variables.T: values must be two numbers or more; put a constant under "
         "[fixed] instead"),
        ({"values": [100, "hot"]}, "variables.T: values must be numbers; 'hot' is text"),
        ({"values": [100, 100]}, "variables.T: values has the same number twice"),
        ({"values": [1, 2], "range": (1, 3)}, "variables.T: give one of range, values and choices"),
        ({"values": [1, 2], "step": 1}, "variables.T: give one of step and values: each says what "
         "can be set"),
        ({"range": (100, 150), "step": 60}, "variables.T: step = 60 leaves one value within "
         "[100, 150]; make it smaller"),
        ({"range": (101, 109), "resolution": 10}, "variables.T: resolution = 10 leaves no value "
         "within [101, 109]; make it smaller"),
        ({"range": (0, 100), "step": 1e-308}, "variables.T: step = 1e-308 is finer than numbers "
         "within [0, 100] can tell apart; make it larger"),
        ({"range": (0, 1), "resolution": 1e-300}, "variables.T: resolution = 1e-300 is finer than "
         "numbers within [0, 1] can tell apart; make it larger"),
        ({"range": (1e99, 1e100), "step": 1}, "variables.T: step = 1 is finer than numbers within "
         "[1e+99, 1e+100] can tell apart; make it larger"),
        ({"range": (0, 1), "resolution": 1e-20}, "variables.T: resolution = 1e-20 is finer than "
         "numbers within [0, 1] can tell apart; make it larger"),
        ({"choices": ["THF"]}, 'variables.T: choices must be two names or more, as in ["THF", '
         '"MeCN"]'),
        ({"choices": ["THF", 2]}, "variables.T: choices must be names in quotes; 2 is none"),
        ({"choices": ["THF", "THF"]}, "variables.T: choices has the same name twice"),
        ({"choices": ["THF", "DMF"], "unit": "K"}, "variables.T: choices are words: give nothing "
         "but descriptors with them"),
        ({"range": (1, 2), "descriptors": "s.csv"}, "variables.T: descriptors describe choices: "
         "give these, too"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense(variable, text):
    stated = {"variables": PYTHON_3["variables"] | {"T": variable}}
    assert sentences(Problem, **PYTHON_3 | stated) == [text]


def test_limits_that_allow_none_of_the_values():
    p = problem({"a": {"values": [10, 90]}, "b": {"values": [20, 80]}}, {"b / a": (1.1, 1.5)})
    assert sentences(Space.of, p) == [
        "limits: they allow none of the values that a, b can be set to"
    ]
