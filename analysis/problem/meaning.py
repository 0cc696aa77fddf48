"""What results cannot be, by what a problem says of them."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from .bounds import Window
from .expression import Expression
from .grammar import Name
from .tables import Kind

WHOLE = 1.5
"""Above, what should be a fraction is a percentage that does not say so."""


def divides_by(
    expression: Expression, values: Mapping[str, float], measured: Collection[str], kind: Kind
) -> str:
    """Say by what an expression divides that is below 0, where nothing measured can be; "" if not.

    Beyond 0 a goal per product would be best where hardly anything is made.

    Parameters
    ----------
    expression : Expression
    values : mapping of str to float
        Measured and all others.
    measured : collection of str
    kind : {"fractions", "positive", "real"}
    """
    if kind == "real":
        return ""
    most = 1.0 if kind == "fractions" else math.inf
    for divisor in _never_negative(expression, values, measured, most):
        if (value := divisor(values)) < 0:
            return f"{expression.text} divides by {divisor.text}, which is {value:.4g}"
    return ""


def divides_by_measured(expressions: Iterable[Expression], measured: Collection[str]) -> bool:
    """Whether anything is divided by what is measured, which then has one sign."""
    return any(
        next(_never_negative(each, dict.fromkeys(each.names, 1.0), measured, math.inf), None)
        for each in expressions
    )


def _never_negative(
    expression: Expression, values: Mapping[str, float], measured: Collection[str], most: float
) -> Iterator[Expression]:
    """Give the divisors that are from 0 up while what is measured is."""
    for divisor in expression.divisors:
        if not set(divisor.names).isdisjoint(measured):
            ranges = {
                name: (0.0, most) if name in measured else (values[name], values[name])
                for name in divisor.names
            }
            if divisor.bounds(ranges)[0] >= 0:
                yield divisor


def bounded(windows: Iterable[Window], measured: Collection[str]) -> dict[str, Window]:
    """Give the measured quantities that windows are about as they are, each with its window."""
    return {
        window.expression.tree.name: window
        for window in windows
        if isinstance(window.expression.tree, Name)
        if window.expression.tree.name in measured
    }


def shares(windows: Iterable[Window], measured: Collection[str]) -> set[str]:
    """Give the quantities that windows in percent are about: fractions of 1, if others are none."""
    return {name for name, window in bounded(windows, measured).items() if window.percent}


def no_share(windows: Iterable[Window], values: Mapping[str, float]) -> tuple[str, str] | None:
    """Give the first measured quantity that should be a fraction of 1 and is none; and say why."""
    for name, window in bounded(windows, values).items():
        if window.percent and values[name] > WHOLE:
            return name, (
                f"{name} is {values[name]:.6g}, and its window is in percent: {window.text} is "
                "about a fraction of 1"
            )
    return None
