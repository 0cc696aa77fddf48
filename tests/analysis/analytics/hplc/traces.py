"""Made-up traces of known mole fractions, and how far an analysis is from these."""

import numpy as np
from scipy.stats import exponnorm

from reactune.analysis.analytics.hplc.chromatogram import Chromatogram
from reactune.analysis.analytics.hplc.method import Method, Peak

METHOD = Method(
    rate=1.0,
    solvent_front=(2.6, 3.4),
    peaks=(
        Peak("X0", 11.40, (10.5, 12.5), 0.17, 0.08, 0.0023),
        Peak("X1", 7.50, (7.0, 8.3), 0.11, 0.05, 0.0012),
        Peak("X2", 5.40, (4.95, 6.4), 0.11, 0.14, 0.0025),
        Peak("X3", 4.40, (3.75, 4.95), 0.16, 0.05, 0.0021),
    ),
    others=(Peak("solvent", 2.99, (2.9, 3.7), 0.03, 0.10),),
)
NAMES = [p.name for p in METHOD.peaks]
TYPICAL = (0.05, 0.60, 0.30, 0.05)
DEEP = (1e-5, 0.06699, 0.42, 0.513)
SHALLOW = (0.55, 0.43, 0.0197, 0.0003)
MINUTES = np.arange(780) / 60
CONCENTRATION = 1.39  # all C60 species in the loop at equal flows [mM]


def shape(at, sd, tail):
    return exponnorm.pdf(MINUTES, tail / sd, at, sd)


def trace(
    x=TYPICAL, seed=0, noise=1.3e-4, drift=1.0, shift=0.0, width=1.0, tail=1.0, lamp=10.48,
    method=METHOD, front=True, extra=0.0,
):  # fmt: skip
    """Photodiode signal [V] of mole fractions x; `extra` is absorbance on top."""
    rng = np.random.default_rng(seed)
    absorbance = np.zeros_like(MINUTES) + extra
    for p, fraction in zip(method.peaks, x, strict=True):
        area = CONCENTRATION * fraction * p.response
        absorbance += area * shape(p.time + shift, p.sd * width, p.tail * tail)
    if front:
        absorbance += 1.5e-4 * shape(2.81, 0.03, 0.03) + 8e-4 * shape(2.99, 0.03, 0.10)
    phase = rng.uniform(0, 2 * np.pi)
    wave = 0.3e-3 * np.sin(2 * np.pi * MINUTES / 13 + phase)
    volts = lamp * (1 - drift * (1e-3 * MINUTES / 13 + wave)) * 10**-absorbance
    return volts + lamp / 10.48 * noise * rng.normal(size=MINUTES.size)


def errors(found: list[Chromatogram], x):
    """Errors of the fractions, and in units of their stated sd, (n, species)."""
    assert all(c.valid for c in found), [c.reason for c in found]
    wrong = np.array([list(c.fractions.values()) for c in found]) - x
    return wrong, wrong / np.array([list(c.sd.values()) for c in found])


def rms(values, axis=None):
    return np.sqrt(np.mean(np.square(values), axis=axis))


def codes(found: Chromatogram):
    return {flag.split(":")[0] for flag in found.flags}
