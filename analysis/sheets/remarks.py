"""What of a table is taken as it stands, though something else may be meant."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from ..analytics.measurement import Measurement, no_fractions
from ..optimisers.surrogate.scales import far_below_zero
from ..problem.model import Problem
from ..problem.tables import Setting
from ..written import exact

Made = Sequence[tuple[int, Mapping[str, Setting], Measurement]]
"""Row, conditions and results of experiments."""

_ABOUT = 0.25
"""Of noise about 0 one half is below it, and no less and no more than this beside it."""

_WIDE = 5.0
"""Noise is no larger, in units of its median size."""

_WHOLE = 0.02
"""Fractions of a whole add up to one within this."""

_FAR = 10.0
"""Ten times the whole is no share, whatever is divided by what."""


def remarks(problem: Problem, made: Made, in_percent: Collection[str]) -> list[str]:
    """Say what may be meant otherwise.

    Parameters
    ----------
    problem : Problem
    made : sequence
        Experiments that have results.
    in_percent : collection of str
        Quantities in percent of which nothing says that they are fractions.
    """
    return [
        *_percent(problem, made, in_percent),
        *_hundredth(problem, made),
        *_windows(problem, made),
        *_negative(problem, made),
    ]


def _percent(problem: Problem, made: Made, in_percent: Collection[str]) -> Iterator[str]:
    """Say which quantities stay numbers of percent only because nobody says what they are."""
    names = [name for name in problem.measured if name in in_percent]
    if problem.kind is None and names and made:
        values = made[0][2].values
        value = values[names[0]]
        whole = not no_fractions({n: v / 100 if n in names else v for n, v in values.items()})
        otherwise = f'; with kind = "fractions" it would be {exact(value / 100)}' if whole else ""
        yield (
            f"{', '.join(names)} in percent: {exact(value)} is taken as {exact(value)}, since the "
            f"problem does not say that it is a fraction{otherwise}."
        )


def _hundredth(problem: Problem, made: Made) -> Iterator[str]:
    """Say that fractions under titles in percent were read as percentages."""
    wholes = [100 * sum(found.values.values()) for _, _, found in made]
    if problem.kind == "fractions" and wholes and max(abs(s - 1) for s in wholes) < _WHOLE:
        yield (
            f"{', '.join(problem.measured)} add up to 1 % in every row: where the cells are "
            "fractions, delete % from the titles."
        )


def _windows(problem: Problem, made: Made) -> Iterator[str]:
    """Say which property is no share by far, though its window is in percent."""
    for i, window in enumerate(problem.windows):
        for row, conditions, found in made if window.percent else ():
            F = problem.properties(found.values, found.sd, conditions).F
            if abs(F[i]) > _FAR:
                yield (
                    f"{window.of} is {F[i]:.4g} in row {row}, and its window is in percent: "
                    f"{window.text} is about a fraction of 1; write results as fractions or with "
                    "%, or the window without."
                )
                break


def _negative(problem: Problem, made: Made) -> Iterator[str]:
    """Say which result is negative where the problem says that none is."""
    if problem.kind != "positive" or not made:
        return
    names = problem.measured
    y = np.array([[found.values[name] for name in names] for _, _, found in made])
    sd = np.array([[found.sd[name] for name in names] for _, _, found in made])
    # noise about 0, of what is not there, goes as far to both sides
    noise = (abs((y < 0).mean(axis=0) - 0.5) <= _ABOUT) & (y > -_WIDE * np.median(abs(y), axis=0))
    for i, j in np.argwhere(far_below_zero(y, sd) & ~noise)[:1]:
        yield (
            f'{names[j]} is {exact(y[i, j])} in row {made[i][0]}, and kind = "positive" says '
            "that nothing measured is below 0: that is not believed; correct it, or write "
            'kind = "real".'
        )
