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
        st.tuples(inner, st.integers(-2, 3)).map(lambda t: f"({t[0]})**({t[1]})"),
        inner.map(lambda t: f"abs({t})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"min({t[0]}, {t[1]})"),
    ),
    max_leaves=8,
)


points = st.fixed_dictionaries({name: st.floats(0.5, 4) for name in "abc"})


@properties
@given(texts, points)
def test_expressions_compute_what_python_would(text, values):
    try:
        expected = eval(text, {}, dict(values))
    except (ZeroDivisionError, OverflowError):
        expected = None
    found = Expression(text)(values)
    if expected is None:
        assert not math.isfinite(found) or abs(found) < 1e-9  # x / (y / 0)
    else:
        assert found == pytest.approx(expected, rel=1e-12)  # of powers the last bit
        many = Expression(text)({name: np.full(3, value) for name, value in values.items()})
        assert np.all(many == found)


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
    # off the places where min and max choose between equals
    values |= {"a": values["a"] + 0.013, "b": values["b"] + 0.029}
    value, slopes = expression.gradient(values, ["a", "b"])
    if not (math.isfinite(value) and abs(value) < 1e3 and np.all(np.abs(slopes) < 1e3)):
        return
    for name, slope in zip("ab", slopes, strict=True):
        h = 1e-6
        up, down = (expression({**values, name: values[name] + s * h}) for s in (1, -1))
        if abs(up - 2 * value + down) > 1e-8:  # a kink of abs, min or max
            continue
        assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(X1 - 0.5)**2", 0.01), ("(X1 - 0.5)^2", 0.01), ("-X1^2", -0.16), ("2^-1", 0.5),
        ("2^3^2", 512), ("log(X1)", math.log(0.4)), ("log10(100)", 2), ("exp(0)", 1),
        ("sqrt(X1)", math.sqrt(0.4)), ("abs(X1 - 0.5)", 0.1), ("min(X1, X2, 3)", 0.2),
        ("max(X1, X2)", 0.4), ("X1 × X2 ÷ 2 − 1", -0.96), ("1e-3 * X1", 4e-4), (".5 * 2.", 1),
        ("log(0 - X1)", math.nan), ("log(0 * X1)", -math.inf), ("(0 - X1)^0.5", math.nan),
        ("yield + lambda * ε₁ / größe", 1 + 2 * 3 / 4),
    ],
)  # fmt: skip
def test_what_is_understood(text, value):
    values = {"X1": 0.4, "X2": 0.2, "yield": 1, "lambda": 2, "ε₁": 3, "größe": 4}
    assert Expression(text)(values) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"), ("4X1", "write '4 [*] X1' to multiply"), ("X1 +", "something is missing"),
        ("((((", "something is missing"), ("(X1", "never closed"), ("X1)", "has no '[(]'"),
        ("X1 // 2", "where a name or a number is wanted"), ("+X1", "where a name or a number"),
        ("X1 if X2 else X3", "an operator is missing"), ("not X1", "an operator is missing"),
        ("X1 < 2", "windows go under constraints"), ("X1 = 2", "windows go under constraints"),
        ("[X1]", "is not understood"), ("X1; X2", "is not understood"), ("x\0", "not understood"),
        ("X1.real", "a point stands only in numbers"), ("...", "a point stands only in numbers"),
        ("'X1'", "text in quotes is no quantity"), ("f'{X1}'", "text in quotes"),
        ("1j", "an operator is missing"), ("1or X3", "an operator is missing"),
        ("0x10", "an operator is missing"), ("1_0", "an operator is missing"),
        ("1e999", "too large"), ("X1[0]", "is not understood"), ("lambda: 1", "not understood"),
        ("(X1 := 2)", "is not understood"), ("30 %", "behind the numbers of a window"),
        ("0,5", "write decimals with a point"), ("max(X1)", "two quantities or more"),
        ("log(X1, 2)", "one quantity"), ("log X1", "as in 'log[(]X1[)]'"),
        ("sin(X1)", "'sin' is no function"), ("X1 (2)", "write 'X1 [*] [(]...[)]' to multiply"),
        ("X1 / 0", "divides by 0"), ("in + 1", "is no name"), ("inf", "is no name"),
        ("-" * 250 + "X1", "nested too deeply"), ("X" * 400, "300 are allowed"),
        ("getattr(X1, X2)", "is no function"), ("eval(X1)", "is no function"),
    ],
)  # fmt: skip
def test_what_is_not_says_so_to_a_chemist(text, reason):
    with pytest.raises(ExpressionError, match=reason) as caught:
        Expression(text)
    assert "syntax" not in str(caught.value)


@pytest.mark.parametrize("name", ["𝐗3", "X３", "ſ", "Х3"])
def test_letters_that_only_look_like_others_are_no_others(name):
    with pytest.raises(ExpressionError, match=f"'{name}' in .* is no name"):
        Expression(f"{name} + X1")


def test_names_are_replaced_by_what_they_stand_for_and_the_text_stays():
    rate = Expression("60 * y / tau").substituted({"tau": Expression("V / (a + b)")})
    assert rate.text == "60 * y / tau"
    assert rate.names == ("y", "V", "a", "b")
    assert rate({"y": 0.5, "V": 10, "a": 1, "b": 1}) == 6
    long = Expression("a * a + a / (a + a)")
    for _ in range(2):
        long = long.substituted({"a": long})
    with pytest.raises(ExpressionError, match="too long"):
        long.substituted({"a": long})
    deep = Expression("+".join(["a"] * 150))
    with pytest.raises(ExpressionError, match="too long"):
        deep.substituted({"a": deep})
