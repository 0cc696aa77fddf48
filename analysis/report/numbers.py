"""How numbers are written for people: by what is known of them."""

import math
from collections.abc import Iterable


def uncertain(value: float, sd: float, plus_minus: str = "+/-") -> str:
    """Write a value down to two digits of its standard deviation; without one, four digits.

    Examples
    --------
    >>> uncertain(0.77812, 0.00412)
    '0.7781 +/- 0.0041'
    """
    if not math.isfinite(value):
        return "-"
    if not 0 < sd < math.inf:
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{value:.{decimals}f} {plus_minus} {sd:.{decimals}f}"


def aligned(values: Iterable[float], digits: int) -> list[str]:
    """Write values with the decimals that give the largest of them so many significant digits.

    Examples
    --------
    >>> aligned([51.1814, 9.32], 4)
    ['51.18', '9.32']
    """
    values = list(values)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    decimals = digits - 1 - math.floor(math.log10(largest)) if largest > 0 else 0
    return [f"{v:.{max(decimals, 0)}f}" if math.isfinite(v) else "-" for v in values]


def share(probability: float) -> str:
    """Write a probability in percent, never as certain."""
    if math.isnan(probability):
        return "-"
    return f"{min(max(probability, 0.01), 0.99):.0%}"
