"""Results that all others contradict: left out of every model, and asked for once more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

BEYOND = 4.5
"""How many times as far as usual a result is from what all others tell, to be doubted."""

FAR, HIDDEN = 3.0, 2 * BEYOND
"""Standard deviations by which a result is off that may hide in the scatter that is from it; and
how far it has to be off for a model that does not know it, to be doubted."""

USUAL = 0.5
"""Least that is usual, in standard deviations: outliers make the estimated noise larger."""

TAIL, TYPICAL = 0.9, 0.41
"""Share of the results within which one of ten, at most, is an outlier; and the median of a normal
distribution in units of this quantile of its sizes."""

ENOUGH, VICINITY = 5, 4
"""Experiments, for each coefficient of a linear model, below which nobody is contradicted; and the
nearest, which tell how wrong the models are thereabouts."""

SHARE = 0.15
"""Share of the experiments that is doubted at most."""


@dataclass(frozen=True)
class Doubt:
    """A result that all others contradict.

    Attributes
    ----------
    row : int
        Of the table of results, from 0.
    quantity : int
        Which of the modelled quantities: a measured one, or the goal (0) and the properties.
    size : float
        How far it is off, as a multiple of how far the others are, each from what all its others
        tell.
    """

    row: int
    quantity: int
    size: float

    def sentence(self, names: tuple[str, ...] | None = None) -> str:
        """Say why, with the names of the quantities; by default their numbers, from 1."""
        name = names[self.quantity] if names else f"quantity {self.quantity + 1}"
        return f"{name} is {self.size:.0f} times as far from what all others tell as these are"


def contradicted(z: Floats, surprise: Floats, off: Floats) -> list[tuple[int, int, float]]:
    """Choose the results that are not to be believed as long as they stand alone.

    Those that are off the farthest go first: what is near them may be off only because of them.

    Parameters
    ----------
    z : (N, d) array
        Where the results are.
    surprise : (N, k) array
        How far each result is from what all others tell, on the scales that are modelled, in
        standard deviations.
    off : (N, q) array
        The same of what was measured, in units of the uncertainties told. (A logarithm goes on to
        fall where what is measured is 0.)

    Returns
    -------
    list of (int, int, float)
        Result, quantity that is off the farthest, and how far, in units of what is usual.
    """
    count = z.shape[1] + 1  # coefficients of a linear model
    if len(off) < ENOUGH * count:
        return []
    near = np.asarray(cKDTree(z).query(z, k=1 + VICINITY * count)[1], dtype=np.intp)[:, 1:]
    surprise = np.abs(surprise)
    # where a surface bends as no model does, these are wrong by far more here and there than mostly
    bent = TYPICAL * np.quantile(surprise, TAIL, axis=0)
    # where nobody went back to, a model is wrong by more than near the optimum
    vicinity = np.median(surprise[near], axis=1)
    usual = np.maximum(np.maximum(np.median(surprise, axis=0), bent), vicinity)
    size = (surprise / np.maximum(1.4826 * usual, USUAL)).max(axis=1)
    size[np.abs(off).max(axis=1) < BEYOND] = 0.0
    limit = max(BEYOND, size.max() / 2)
    found = [int(i) for i in np.argsort(-size) if size[i] >= limit]
    most = max(1, int(SHARE * len(size)))
    return [(i, int(np.abs(off[i]).argmax()), float(size[i])) for i in found[:most]]
