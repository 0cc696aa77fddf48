"""Expressions: what they compute, their bounds and gradients, and what is none."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.analysis.problem.expression import Expression, ExpressionError

properties = settings(derandomize=True, deadline=None, max_examples=200)


# ---- expressions ---------------------------------------------------------------------------------


names = st.sampled_from(["a", "b", "c"])


numbers = st.integers(1, 9).map(str)


texts = st.recursive(
    names | numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=8,
)


points = st.fixed_dictionaries({name: st.floats(0.5, 4) for name in "abc"})


@properties
@given(texts, points)
def test_expressions_compute_what_python_would(text, values):
    try:
        expected = eval(text, {}, dict(values))
    except ZeroDivisionError:
        expected = None
    found = Expression(text)(values)
    if expected is None:
        assert not math.isfinite(found) or abs(found) < 1e-9  # x / (y / 0)
    else:
        assert found == expected
        many = Expression(text)({name: np.full(3, value) for name, value in values.items()})
        assert np.all(many == expected)


@properties
@given(texts, st.data())
def test_interval_bounds_hold_every_value(text, data):
    expression = Expression(text)
    ranges = {
        name: tuple(sorted(data.draw(st.tuples(st.floats(-2, 3), st.floats(-2, 3)))))
        for name in "abc"
    }
    lower, upper = expression.bounds(ranges)
    for u in (0, 0.3, 1):
        value = expression({n: lo + u * (hi - lo) for n, (lo, hi) in ranges.items()})
        if math.isfinite(value):
            slack = 1e-9 * max(1, abs(value))
            assert lower - slack <= value <= upper + slack


def test_interval_bounds_are_exact_when_names_occur_once():
    ranges = {"V": (300, 300), "a": (3, 70), "b": (0, 70), "c": (-2, 3)}
    bounds = {
        "V / (a + b)": (300 / 140, 100),
        "V / b": (300 / 70, math.inf),
        "-V / (0 - b)": (300 / 70, math.inf),
        "a / c": (-math.inf, math.inf),
        "a * c - b": (-210, 210),
        "V / (b * b - 0)": (300 / 4900, math.inf),
    }
    for text, expected in bounds.items():
        assert Expression(text).bounds(ranges) == pytest.approx(expected), text


@properties
@given(texts, points)
def test_gradients_agree_with_differences(text, values):
    expression = Expression(text)
    value, slopes = expression.gradient(values, ["a", "b"])
    if not (math.isfinite(value) and abs(value) < 1e3 and np.all(np.abs(slopes) < 1e3)):
        return
    for name, slope in zip("ab", slopes, strict=True):
        h = 1e-6
        up, down = (expression({**values, name: values[name] + s * h}) for s in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    ["X1 ** 2", "X1 // 2", "X1 if X2 else X3", "X1 < 2", "+X1", "not X1", "[X1]", "X1.real",
     "'X1'", "1j", "True", "None", "1e999", "X1[0]", "lambda: 1", "(X1 := 2)", "f'{X1}'", "..."],
)  # fmt: skip
def test_whitelist(text):
    with pytest.raises(ExpressionError, match="not allowed; only names, numbers and"):
        Expression(text)


@pytest.mark.parametrize("text", ["", "4X1", "X1 +", "((((", "X1; X2", "x\0", "X" * 400, "µ", "X₁"])
def test_not_an_expression(text):
    with pytest.raises(ExpressionError):
        Expression(text)


@pytest.mark.parametrize("name", ["𝐗3", "X３", "ſ", "Х3"])
def test_letters_that_only_look_like_others_are_no_others(name):
    with pytest.raises(ExpressionError, match=f"'{name}' in .*: names are ASCII letters"):
        Expression(f"{name} + X1")


@pytest.mark.parametrize("text", ["1or X3", "X3*1if X1 else 2", "'\\d'", "0x1for x in y"])
def test_what_python_warns_of_is_refused_without_its_warning(text):
    with pytest.raises(ExpressionError, match="which is not allowed"):  # a warning is an error here
        Expression(text)
