"""The slow baseline of a trace, through the samples between its peaks."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from .damage import COARSE
from .emg import FLOOR, effective_sd

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRIFT = 2.0  # nothing faster counts as drift of the lamp [min]
STRANGE = 8.0  # noise sd by which a sample off the peaks is no baseline
QUIET = 2e-6  # AU, less noise than any detector here has


class Drift(NamedTuple):
    """Slow baseline through the samples off the peaks, and how these scatter around it.

    Attributes
    ----------
    baseline : ndarray, shape (n,)
    noise : float
        Effective: what of it averages like white noise.
    unrest : float
        The same in units of the noise from one sample to the next.
    strange : ndarray of bool, shape (n,)
        Samples that do not belong to it.
    """

    baseline: Floats
    noise: float
    unrest: float
    strange: Mask


class NoBaselineError(ValueError):
    """No baseline can be drawn through what peaks leave of a trace."""


def drift(y: Floats, off: Mask, per_minute: float) -> Drift:
    """Find the slow baseline.

    A penalised second difference (Whittaker; P. H. C. Eilers, Anal. Chem. 75 (2003) 3631),
    reweighted so that an unknown peak or a bubble does not lift it.

    Raises
    ------
    NoBaselineError
    """
    bend = np.diff(np.where(off, y, np.nan), 2)
    bend = np.abs(bend[np.isfinite(bend)])
    # robust, yet not 0 where a coarse converter repeats itself most of the time
    white = FLOOR
    if bend.size:
        white = max(1.4826 * np.median(bend), 0.6 * np.mean(bend), FLOOR) / math.sqrt(6)
    n = len(y)
    bands = np.zeros((3, n))  # upper bands of D'D with D the second difference
    bands[0, 2:] = 1
    for k in (0, 1):
        bands[1, 1 + k : n - 1 + k] -= 2
    for k, c in enumerate((1, 4, 1)):
        bands[2, k : n - 2 + k] += c
    bands *= (DRIFT * per_minute / (2 * math.pi)) ** 4
    weight = off.astype(float)
    for _ in range(4):
        try:
            baseline = solveh_banded(
                bands + [[0.0], [0.0], [1.0]] * weight, weight * np.where(off, y, 0.0)
            )
        except np.linalg.LinAlgError:
            raise NoBaselineError(
                f"no baseline can be drawn: the peaks' windows leave {off.mean():.1%} of the "
                "trace; make them narrower"
            ) from None
        rest = np.where(off, y - baseline, 0.0)
        excess = rest / max(white, 1.4826 * np.median(np.abs(rest[off])))
        weight = off / (1 + (excess / 4) ** 2) ** 2
    strange = off & (np.abs(excess) > STRANGE)
    calm = rest[off & ~strange]
    effective = max(effective_sd(calm, len(calm)), white)
    coarse = bend.size and np.mean(bend < FLOOR) > COARSE  # its noise is that of its steps
    unrest = 1.0 if coarse else effective / max(white, QUIET)
    return Drift(baseline, effective, unrest, strange)
