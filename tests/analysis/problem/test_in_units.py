"""Units of expressions: what comes out in the unit stated, and what is no sum."""

import pytest

from reactune.analysis.problem.expression import parse
from reactune.analysis.problem.in_units import with_units
from reactune.analysis.problem.units import UnitError, unit

UNITS = {
    name: unit(text)
    for name, text in {
        "volume": "uL", "a": "uL/min", "b": "mL/min", "T": "degC", "tau": "min", "c": "mM",
        "S": "degC", "F": "degF", "t1": "K", "t2": "K", "w": "", "p": "%", "q": "%",
    }.items()
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "to", "value"),
    [
        ("volume / (a + b)", "min", 900 / (10 + 20)),
        ("volume / (a + b)", "s", 60 * 900 / 30),
        ("volume / (b + a)", "", 900 / 0.03),  # uL / (mL/min)
        ("b / a", "", 2), ("b / a", "%", 200), ("100 * a / b", "mol%", 50), ("a / b", "mol%", 50),
        ("a / b", "equiv", 0.5), ("b / a", "ppm", 2e6), ("1 / tau", "rpm", 0.2),
        ("max(tau, volume / b)", "h", 45 / 60), ("1 / tau", "1/h", 60 / 5),
        ("T", "K", 393.15), ("T + 273.15", "K", 393.15), ("x / tau", "1/s", 3 / 5),
        ("c * a", "umol/h", 0.3), ("60 * x / tau", "mM/min", 36), ("abs(a - b)", "mL/min", 0.01),
        ("(volume / a)^2", "h^2", 1.5**2), ("sqrt(a * b)", "uL/min", 200**0.5),
        ("40 * c + 100 * tau", "", 20 + 500), ("40 * c + 100 * tau", "EUR", 520),
        ("(40 * c + 100 * tau) / x", "EUR", 520 / 3), ("40 * c + tau", "", 25),
        ("max(2 * c, a, b)", "", 20), ("a + 40 * c + b", "", 10 + 20 + 20),
        ("40 * a + 2 * b", "", 400 + 40), ("100 * b / a", "", 200), ("w + p", "", 0.3 + 0.8),
        ("p + 100 * w", "", 80 + 30), ("p + q", "", 80 + 40),
        ("max(t1, t2)", "degC", 116.85), ("min(t2, t1)", "degF", 170.33), ("max(t1, t2)", "K", 390),
        ("w * t1 + (1 - w) * t2", "degC", 88.85), ("abs(t1 - t2)", "degC", 40),
        ("t1 - t2", "degF", 72), ("max(T, S)", "K", 413.15), ("min(S, T)", "degC", 120),
        ("max(t1, T)", "degC", 120), ("max(T, F)", "degF", 248), ("S - T", "K", 20),
        ("max(S, T) - min(S, T)", "K", 20),
    ],
)  # fmt: skip
def test_expressions_come_out_in_the_unit_stated(text, to, value):
    values = {"volume": 900, "a": 10, "b": 0.02, "T": 120, "tau": 5, "c": 0.5, "x": 3}
    values |= {"p": 80, "q": 40}
    values |= {"S": 140, "F": 212, "t1": 390, "t2": 350, "w": 0.3}
    expression, _ = with_units(parse(text), UNITS, to)
    assert expression(values) == pytest.approx(value, rel=1e-12)
    assert expression.text == text


@pytest.mark.parametrize(
    ("text", "to", "reason"),
    [
        ("volume / a", "uL", "'volume / a' is a time, but 'uL' is a volume"),
        ("volume / a", "grams of love", "is a time, but 'grams of love' is no unit that is known"),
        ("60 * volume / a", "s", "leave that number out"),
        ("a + tau", "", r"a flow \[uL/min\] and a time \[min\] cannot be added or compared; if"),
        ("min(a, volume)", "", r"\[uL/min\] and a volume \[uL\] cannot be added or compared"),
        ("a * b + tau", "", r"and a time \[min\] cannot be added or compared"),
        ("40 * a + b + tau", "", r"a flow and a time \[min\] cannot be added"),
        ("t1 + t2", "degC", "is neither a temperature nor a difference of two.* state it in K"),
        ("w * t1", "degC", "is neither a temperature nor a difference of two"),
        ("b + tau + 40 * a", "", r"a flow \[mL/min\] and a time \[min\] cannot be added"),
        ("a + 1000 * b", "", "may be meant to make its units agree; .* leave that number out"),
        ("1000 * b + a", "uL/min", "may be meant to make its units agree"),
        ("c * (a - b / 0.001)", "", "may be meant to make its units agree"),
        ("2 * a + 2000 * b", "", "may be meant to make its units agree"),
        ("1000 * b / a", "", "'1000 .* may be meant to make its units agree"),
        ("w + p + 0.01 * q", "", "a sum of shares has a number in it"),
        ("p + w + 0.01 * q", "", "a sum of shares has a number in it"),
        ("0.01 * q + p + w", "", "a sum of shares has a number in it"),
        ("T - t1", "K", "temperatures in degC and in K are added or subtracted; state both in"),
        ("t1 - T", "", "temperatures in degC and in K are added or subtracted"),
        ("T - F", "", "temperatures in degC and in degF are added or subtracted"),
    ],
)
def test_expressions_of_another_kind_are_refused(text, to, reason):
    with pytest.raises(UnitError, match=reason):
        with_units(parse(text), UNITS, to)
