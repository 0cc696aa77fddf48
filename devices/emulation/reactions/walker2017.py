"""C60 and a sultine: a kinetic model, fitted to the measured grid of the paper.

Sultine (S) opens to the o-quinodimethane Q and SO2, reversibly; Q adds to C60 (X0) and to its
adducts, or is lost with SO2:

    S <=> Q + SO2       ks, reverse beta k1      Q + X2 fast -> X3    af k1
    Q + X0 -> X1        k1                       Q + X2 slow -> X3    as k1
    Q + X1 -> X2        a2 k1                    Q + SO2 -> lost      kappa k1

A share w of the second addition gives the fast bis-adduct. Reference: Walker, Bannock, Nightingale
& deMello, React. Chem. Eng. 2017, 2, 785 (the measurements; the model is this project's).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..reaction import Composition, parameters

_Array = NDArray[np.float64]

_R = 8.314462618e-3  # gas constant [kJ/(mol K)]
_ZERO_C = 273.15  # 0 degC [K]
_CHUNK = 2048  # points at a time: bounds the memory of the quadrature to about 50 MB
_PANELS = 24
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
_END = 1e-7  # share of the whole extent left where the logarithmic tail takes over


@dataclass(frozen=True)
class Kinetics:
    """Parameters of the model; ``k = k0 exp(-E (1/T - 1/T0) / R)``.

    A reaction that has drifted is ``dataclasses.replace(Kinetics(), ks=0.9 * Kinetics().ks)``.

    Attributes
    ----------
    ks, Es : float
        Opening of the sultine at `T0` [1/min] and its activation energy [kJ/mol].
    eta : float
        Active share of the sultine.
    beta, kappa : float
        Closing, and loss with SO2, relative to k1.
    a2, E2 : float
        Second addition relative to the first, and its activation energy [kJ/mol].
    a_slow, a_fast, E3 : float
        Third addition to the two bis-adducts relative to the first, and their common
        activation energy [kJ/mol].
    w : float
        Share of the second addition that gives the fast bis-adduct.
    T0 : float
        Reference temperature [degC].

    Raises
    ------
    ValueError
        If a parameter is not finite, a rate is not positive, or a share lies outside its range.
    """

    ks: float = 1.811
    Es: float = 121.75
    eta: float = 0.8193
    beta: float = 1.5665
    kappa: float = 0.05785
    a2: float = 0.10435
    E2: float = 6.92
    a_slow: float = 0.03340
    a_fast: float = 0.92765
    E3: float = 15.10
    w: float = 0.10338
    T0: float = 120.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isfinite(value := getattr(self, field.name)):
                raise ValueError(f"kinetic parameter {field.name} = {value!r} must be finite")
        for name in ("ks", "eta", "kappa", "a2", "a_slow", "a_fast"):
            if (value := getattr(self, name)) <= 0:
                raise ValueError(f"kinetic parameter {name} = {value!r} must be positive")
        if self.beta < 0 or self.eta > 1 or not 0 <= self.w <= 1:
            raise ValueError(
                f"kinetic parameters need beta >= 0, eta <= 1 and w from 0 to 1, "
                f"not beta = {self.beta!r}, eta = {self.eta!r}, w = {self.w!r}"
            )


@dataclass(frozen=True)
class Walker2017:
    """The reaction of the paper, as an emulated rig has it; see `reaction.Reaction`.

    The fractions are of all C60, whatever has been added to it.

    Parameters
    ----------
    kinetics : Kinetics
        The parameters.
    """

    kinetics: Kinetics = Kinetics()

    reagents: ClassVar[tuple[str, ...]] = ("c60", "sultine")
    products: ClassVar[tuple[str, ...]] = ("X0", "X1", "X2", "X3")

    @classmethod
    def of(cls, kinetics: Mapping[str, float]) -> Self:
        """Make it of the `kinetics` of a rig file; raise ValueError if it cannot use them."""
        return cls(parameters(Kinetics, kinetics))

    def composition(
        self,
        feed: ArrayLike,
        residence_time: ArrayLike,
        temperature: ArrayLike,
        extent: ArrayLike = 1.0,
    ) -> Composition:
        """Tell what comes out of the reactor; see `reaction.Reaction`."""
        c60, sultine = np.moveaxis(np.asarray(feed, float), -1, 0)
        ratio = np.divide(sultine, c60, out=np.zeros_like(c60), where=c60 > 0)
        return Composition(
            c60,
            mole_fractions(
                residence_time, ratio, temperature, kinetics=self.kinetics, theta_factor=extent
            ),
        )


def mole_fractions(
    residence_time: ArrayLike,
    sultine_per_c60: ArrayLike,
    temperature: ArrayLike,
    *,
    kinetics: Kinetics = Kinetics(),
    theta_factor: ArrayLike = 1.0,
) -> _Array:
    """Noise-free product of the plug-flow reactor, isothermal, Q in quasi-steady state.

    In the extent ``theta = integral k1 [Q] dt`` the fractions are a Bateman chain, and one
    quadrature, inverted for theta, relates it to time:
    ``ks tau = integral_0^theta (A + (beta + kappa) N) / s dtheta'`` with N = X1 + 2 X2 + 3 X3,
    A = dN/dtheta and s = s0 - N - kappa integral N, the sultine left per C60.

    Parameters
    ----------
    residence_time : array_like
        Time in the heated volume [min].
    sultine_per_c60 : array_like
        Molar ratio of the feed [mol/mol].
    temperature : array_like
        [degC]. The three broadcast to the shape ``(...)``.
    kinetics : Kinetics
        The parameters.
    theta_factor : array_like
        Multiplies the extent; an experiment's irreproducible share (log-normal, SD 0.03 in the
        paper's replicates).

    Returns
    -------
    ndarray, shape (..., 4)
        Mole fractions X0, X1, X2, X3 of all C60; each in [0, 1], their sum is 1.

    Raises
    ------
    ValueError
        If a condition is negative or not finite, or below absolute zero.
    """
    tau, ratio, celsius, factor = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (residence_time, sultine_per_c60, temperature)),
        np.asarray(theta_factor, float),
    )
    for name, value, least in (
        ("residence time [min]", tau, 0.0),
        ("sultine per C60", ratio, 0.0),
        ("temperature [degC]", celsius, -_ZERO_C + 1.0),
        ("theta factor", factor, 0.0),
    ):
        bad = ~(np.isfinite(value) & (value >= least))
        if bad.any():
            raise ValueError(
                f"{name} = {value[bad].flat[0]} is impossible: give a finite number >= {least:g}"
            )
    flat = [np.ravel(v) for v in (tau, ratio, celsius, factor)]
    shape, out = tau.shape, np.empty((tau.size, 4))
    for start in range(0, len(out), _CHUNK):
        part = slice(start, start + _CHUNK)
        tau, ratio, celsius, factor = (v[part] for v in flat)
        out[part] = _fractions(tau, ratio, celsius, factor, kinetics)
    return out.reshape(*shape, 4)


def _fractions(tau: _Array, ratio: _Array, celsius: _Array, factor: _Array, k: Kinetics) -> _Array:
    """`mole_fractions` of flat arrays."""
    x = (1 / (celsius + _ZERO_C) - 1 / (k.T0 + _ZERO_C)) / _R
    chain = _Chain(
        k.a2 * np.exp(-k.E2 * x), k.a_fast * np.exp(-k.E3 * x), k.a_slow * np.exp(-k.E3 * x), k.w
    )
    for rate in (chain.fast, chain.slow):
        close = np.abs(rate - chain.a2) < 1e-5 * chain.a2  # the closed form is singular there
        if close.any():
            raise ValueError(
                f"at {celsius[close][0]} degC the second and third addition have the same rate, "
                f"which the closed form cannot resolve: change a2 or a_fast/a_slow slightly"
            )
    theta = np.zeros_like(tau)
    some = ratio > 1e-14  # less changes no digit of the fractions
    theta[some] = _extent(
        (k.ks * np.exp(-k.Es * x) * tau)[some], (k.eta * ratio)[some], chain.of(some), k
    )
    state = chain.state(theta * factor)
    most = np.maximum(np.stack([state.X0, state.X1, state.X2], axis=-1), 0.0)  # not -1e-17
    return np.column_stack([most, np.maximum(1 - most.sum(-1), 0.0)])


class _State(NamedTuple):
    """The chain at an extent: fractions, additions N per C60, dN/dtheta and integral N."""

    X0: _Array
    X1: _Array
    X2: _Array
    N: _Array
    A: _Array
    IN: _Array


class _Chain:
    """X0 -> X1 -> X2 (fast or slow) -> X3 at one temperature a row, in the extent theta."""

    def __init__(self, a2: _Array, fast: _Array, slow: _Array, w: float):
        self.a2, self.fast, self.slow, self._w = a2, fast, slow, w
        self._to_a2, self._to_fast, self._to_slow = map(_difference, (a2, fast, slow))

    def of(self, rows: NDArray[np.bool_]) -> "_Chain":
        """Take some rows."""
        return _Chain(self.a2[rows], self.fast[rows], self.slow[rows], self._w)

    def columns(self, ndim: int) -> "_Chain":
        """Make rows the first of `ndim` axes."""
        shape = (-1,) + (1,) * (ndim - 1)
        a2, fast, slow = (r.reshape(shape) for r in (self.a2, self.fast, self.slow))
        return _Chain(a2, fast, slow, self._w)

    def state(self, theta: _Array) -> _State:
        """Solve the chain: its solutions are divided differences of exp(-rate theta)."""
        X0, X1 = np.exp(-theta), self._to_a2(theta)
        # The integrals follow from the balances X0' = -X0, X1' = X0 - a2 X1, X2' = a2 X1 - a X2.
        I0 = 1 - X0
        I1 = (I0 - X1) / self.a2
        fast = self._w * self.a2 * (self._to_fast(theta) - X1) / (self.a2 - self.fast)
        slow = (1 - self._w) * self.a2 * (self._to_slow(theta) - X1) / (self.a2 - self.slow)
        I2 = (self._w * self.a2 * I1 - fast) / self.fast
        I2 = I2 + ((1 - self._w) * self.a2 * I1 - slow) / self.slow
        X2 = fast + slow
        A = X0 + self.a2 * X1 + self.fast * fast + self.slow * slow
        return _State(X0, X1, X2, 3 - 3 * X0 - 2 * X1 - X2, A, 3 * theta - 3 * I0 - 2 * I1 - I2)


def _difference(rate: _Array) -> Callable[[_Array], _Array]:
    """Return (exp(-theta) - exp(-rate theta)) / (rate - 1) as a function of theta.

    Formed with expm1 and the slower exponential taken out, it is good at any rate and theta:
    a_fast passes through 1 at 126 degC.
    """
    slower, gap = -np.minimum(rate, 1.0), -np.maximum(np.abs(rate - 1), 1e-12)

    def at(theta: _Array) -> _Array:
        value: _Array = np.exp(slower * theta) * np.expm1(gap * theta) / gap
        return value

    return at


def _extent(ks_tau: _Array, s0: _Array, chain: _Chain, k: Kinetics) -> _Array:
    """Theta reached after the dimensionless time `ks_tau`, by inverting the quadrature."""
    end = _exhaustion(s0, chain, k)
    chains = [chain.columns(ndim) for ndim in (1, 2, 3)]

    def slope(v: _Array) -> tuple[_Array, _Array]:
        """Theta and d(ks tau)/dv at v, rows as points."""
        c = chains[v.ndim - 1]
        full, start = end.reshape(c.a2.shape), s0.reshape(c.a2.shape)
        grown = np.exp(v)
        theta = full * np.expm1(v) / (full + grown)
        state = c.state(theta)
        left = start - state.N - k.kappa * state.IN
        jacobian = (1 + theta) * full / (full + grown)  # dtheta/dv
        return theta, (state.A + (k.beta + k.kappa) * state.N) / left * jacobian

    # v = ln(1 + theta) - ln(1 - theta/end) resolves both the start, where theta counts on a scale
    # of 1, and the logarithmic approach to exhaustion.
    edges = np.log1p((1 + end) * (1 / _END - 1))[:, None] * np.linspace(0, 1, _PANELS + 1)
    width = edges[:, 1]
    panels = slope(edges[:, :-1, None] + width[:, None, None] * _NODES)[1] @ _WEIGHTS
    passed = np.concatenate(
        [np.zeros((len(end), 1)), np.cumsum(panels * width[:, None], axis=1)], axis=1
    )
    index = np.minimum((passed[:, 1:] <= ks_tau[:, None]).sum(1), _PANELS - 1)
    rows = np.arange(len(end))
    low, done, size = edges[rows, index], passed[rows, index], panels[rows, index] * width
    within = np.minimum(ks_tau, passed[:, -1])
    step = width * np.clip((within - done) / size, 0, 1)
    to_here = np.append(_NODES, 1.0)
    for _ in range(20):
        rates = slope(low[:, None] + step[:, None] * to_here)[1]
        change = (done + rates[:, :-1] @ _WEIGHTS * step - within) / rates[:, -1]
        step = np.clip(step - change, 0, width)
        if np.abs(change).max(initial=0) < 1e-8:  # Newton: the next change is its square
            break
    theta = slope(low + step)[0]
    # Behind the last panel the sultine is all but gone: what is left of theta decays exponentially.
    last = chain.state(end)
    rate = (last.A + k.kappa * last.N) / (last.A + (k.beta + k.kappa) * last.N)
    decay = np.exp(-rate * np.maximum(ks_tau - passed[:, -1], 0))
    reached: _Array = end - (end - theta) * decay
    return reached


def _exhaustion(s0: _Array, chain: _Chain, k: Kinetics) -> _Array:
    """Theta at which the sultine is used up, s(theta) = 0: Newton's method in a bracket."""

    def left(theta: _Array) -> tuple[_Array, _Array]:
        state = chain.state(theta)
        return s0 - state.N - k.kappa * state.IN, -(state.A + k.kappa * state.N)

    low, high, theta = np.zeros_like(s0), np.full_like(s0, np.inf), s0
    for _ in range(200):
        value, slope = left(theta)
        low, high = np.where(value > 0, theta, low), np.where(value > 0, high, theta)
        step = theta - value / slope
        inside = (step >= low) & (step <= high)  # always so while `high` is infinite: s falls
        if not inside.all():
            step = np.where(inside, step, (low + high) / 2)
        close = np.abs(step - theta) <= 1e-8 * theta  # Newton: the next change is its square
        theta = step
        if close.all():
            break
    return theta
