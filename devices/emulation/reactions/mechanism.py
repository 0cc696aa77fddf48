"""The reaction of a reaction file: its mechanism, integrated along an ideal plug-flow reactor.

Every point of a batch is a block of one system of ordinary differential equations, each on its own
scale of time and concentration; the Jacobian is banded, since points know nothing of each other.
LSODA changes between a stiff and a non-stiff method by itself (Petzold, SIAM J. Sci. Stat. Comput.
1983, 4, 136).
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from ...reactionfile import ReactionFile
from ..reaction import Composition

_Array = NDArray[np.float64]

_R = 8.314462618e-3  # gas constant [kJ/(mol K)]
_ZERO_C = 273.15  # 0 degC [K]
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12  # error of a step; the latter as a share of all that is fed
_LITTLE = 1e-8  # likewise: below it an order under 1 becomes 1, since no rate outlasts its species
_MOST = 20_000  # evaluations of the rates; what is stiff as well as slow needs a few thousand


@dataclass(frozen=True)
class Mechanism:
    """A reaction as a reaction file has it; see `reaction.Reaction`.

    The fractions are of all that the detector sees.

    Parameters
    ----------
    file : ReactionFile
    """

    file: ReactionFile

    @property
    def reagents(self) -> tuple[str, ...]:
        """See `reaction.Reaction`."""
        return tuple(name for name, held in self.file.streams.items() if held)

    @property
    def products(self) -> tuple[str, ...]:
        """See `reaction.Reaction`."""
        return tuple(self.file.peaks)

    def composition(
        self,
        feed: ArrayLike,
        residence_time: ArrayLike,
        temperature: ArrayLike,
        extent: ArrayLike = 1.0,
    ) -> Composition:
        """See `reaction.Reaction`."""
        inlet = np.asarray(feed, float) @ self._contents
        made = self.outlet(inlet, residence_time, temperature, extent) @ self._seen
        total = made.sum(-1)
        share = made / np.where(total > 0, total, 1.0)[..., None]
        return Composition(total, share)

    def outlet(
        self,
        inlet: ArrayLike,
        residence_time: ArrayLike,
        temperature: ArrayLike,
        extent: ArrayLike = 1.0,
    ) -> _Array:
        """Integrate the mechanism.

        Parameters
        ----------
        inlet : array_like, shape (..., n)
            Of each species, in the order of the file [mM].
        residence_time, temperature, extent : array_like, shape (...)
            [min], [degC]; and what the time is multiplied by.

        Returns
        -------
        ndarray, shape (..., n)
            [mM]

        Raises
        ------
        ValueError
            If a condition is impossible, or no solution is found.
        """
        inlet = np.asarray(inlet, float)
        conditions = (np.asarray(v, float) for v in (residence_time, temperature, extent))
        one, tau, celsius, factor = np.broadcast_arrays(inlet[..., 0], *conditions)
        n = inlet.shape[-1]
        start = np.broadcast_to(inlet, (*one.shape, n)).reshape(one.size, n)
        tau, celsius = (tau * factor).ravel(), celsius.ravel()
        for name, value, least in (
            ("inlet [mM]", start, 0.0),
            ("residence time [min]", tau, 0.0),
            ("temperature [degC]", celsius, 1.0 - _ZERO_C),
        ):
            bad = ~(np.isfinite(value) & (value >= least))
            if bad.any():
                raise ValueError(
                    f"{name} = {value[bad].flat[0]} is impossible: give a finite number >= "
                    f"{least:g}"
                )
        end = start.copy()
        going = (start.sum(1) > 0) & (tau > 0)
        if going.any():
            end[going] = self._integrated(start[going], tau[going], celsius[going])
        return end.reshape(*one.shape, n)

    def _integrated(self, start: _Array, tau: _Array, celsius: _Array) -> _Array:
        """`outlet` of rows in which something can happen."""
        scale = start.sum(1)
        width = start.shape[1] - 1
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", UserWarning)  # LSODA says in one why it failed
                rates = _Rates(self._ways, list(self.file.species), scale, tau, celsius)
                solution = solve_ivp(
                    rates.slope, (0.0, 1.0), (start / scale[:, None]).ravel(), "LSODA",
                    t_eval=[1.0], jac=rates.banded, lband=width, uband=width,
                    rtol=_RELATIVE, atol=_ABSOLUTE,
                )  # fmt: skip
            if not solution.success:
                raise ArithmeticError(solution.message)
        except ArithmeticError as error:
            raise ValueError(
                f"its mechanism cannot be integrated to {tau.max():g} min at {celsius.max():g} "
                "degC: look at its rate constants, activation energies and their units"
            ) from error
        end: _Array = np.maximum(solution.y[:, -1].reshape(start.shape), 0.0) * scale[:, None]
        return end

    @cached_property
    def _contents(self) -> _Array:
        """How much of each species comes with each reagent's stock, shape (reagents, species)."""
        names = list(self.file.species)
        found = np.zeros((len(self.reagents), len(names)))
        for row, stream in enumerate(self.reagents):
            held = self.file.streams[stream]
            stock = next(iter(held.values()))
            for name, concentration in held.items():
                found[row, names.index(name)] = concentration / stock
        return found

    @cached_property
    def _seen(self) -> _Array:
        """Which species each peak shows, shape (species, peaks)."""
        peaks = self.file.peaks.values()
        return np.array([[float(name in peak.of) for peak in peaks] for name in self.file.species])

    @cached_property
    def _ways(self) -> list["_Way"]:
        """Every direction of every step."""
        found = []
        for step in self.file.steps:
            equation = step.read
            for (rate, consumed), sign in zip(step.ways, (1.0, -1.0), strict=False):
                at = self.file.temperature if rate.at is None else rate.at
                orders = rate.order(consumed)
                found.append(
                    _Way(
                        constant=rate.constant(sum(orders.values())),
                        energy=rate.energy,
                        cold=0.0 if rate.k is None else 1 / (at + _ZERO_C),
                        orders=orders,
                        makes={s: sign * equation.net(s) for s in equation.species},
                    )
                )
        return found


class _Way(NamedTuple):
    """One direction of a step: ``constant exp(-energy (1/T - cold) / R)``, in mM and minutes."""

    constant: float
    energy: float
    cold: float
    orders: Mapping[str, float]
    makes: Mapping[str, float]


class _Rates:
    """The mechanism's differential equations for many points at once, species by species.

    Parameters
    ----------
    ways : list of _Way
        Every direction of every step, d of them.
    names : list of str
        The n species.
    scale, tau, celsius : ndarray, shape (p,)
        Concentration [mM] and time [min] that count as 1 at each point, and its temperature [degC].

    Raises
    ------
    ArithmeticError
        If a rate constant is infinite; later, if there is no end to the work.
    """

    def __init__(
        self, ways: list[_Way], names: list[str], scale: _Array, tau: _Array, celsius: _Array
    ):
        cells = {s: names.index(s) for s in names}
        powers = list(dict.fromkeys(pair for way in ways for pair in way.orders.items()))
        self._species = np.array([cells[name] for name, _ in powers], int)
        self._order = np.array([order for _, order in powers])
        self._bent = np.flatnonzero(self._order != 1)
        used = {name for way in ways for name, number in way.makes.items() if number}
        self._little = [0.0 if n >= 1 else _LITTLE if s in used else 1e-100 for s, n in powers]
        most = max(len(way.orders) for way in ways)
        self._factors = np.full((len(ways), max(most, 1)), len(powers))  # the last of all is 1
        self._makes = np.zeros((len(ways), len(names)))
        kelvin = celsius + _ZERO_C
        self._constants = np.empty((len(scale), len(ways)))
        for d, way in enumerate(ways):
            for f, pair in enumerate(way.orders.items()):
                self._factors[d, f] = powers.index(pair)
            for name, number in way.makes.items():
                self._makes[d, cells[name]] = number
            k = way.constant * np.exp(-way.energy / _R * (1 / kelvin - way.cold))
            self._constants[:, d] = k * tau * scale ** (sum(way.orders.values()) - 1)
        if not np.isfinite(self._constants).all():
            raise ArithmeticError("a rate constant is infinite")
        self._left = _MOST
        i, j = np.indices((len(names), len(names)))
        self._band = (i - j + len(names) - 1, j)

    def slope(self, _: float, y: _Array) -> _Array:
        """Change of every species at every point."""
        self._left -= 1
        if self._left < 0:
            raise ArithmeticError("it takes too many steps")
        rates = self._constants * self._powers(y)[0][:, self._factors].prod(-1)
        change: _Array = (rates @ self._makes).ravel()
        return change

    def banded(self, _: float, y: _Array) -> _Array:
        """Give the Jacobian, packed as LSODA wants it."""
        powers, slopes = self._powers(y)
        factors = powers[:, self._factors]
        points, n = len(powers), self._makes.shape[1]
        by_species = np.zeros((points, *self._makes.shape))
        for f in range(self._factors.shape[1]):
            column = self._factors[:, f]
            others = np.delete(factors, f, axis=2).prod(-1)
            real = np.flatnonzero(column < len(self._species))
            by_species[:, real, self._species[column[real]]] += (
                self._constants * others * slopes[:, column]
            )[:, real]
        blocks = np.einsum("di,pdj->pij", self._makes, by_species)
        packed = np.zeros((points, 2 * n - 1, n))
        packed[:, self._band[0], self._band[1]] = blocks
        return packed.swapaxes(0, 1).reshape(2 * n - 1, n * points)

    def _powers(self, y: _Array) -> tuple[_Array, _Array]:
        """Every concentration to its order and the slope of that; at the end 1 and 0.

        Odd below zero, where roundoff may lead.
        """
        c = y.reshape(len(self._constants), self._makes.shape[1])[:, self._species]
        powers, slopes = np.ones((2, len(c), c.shape[1] + 1))
        powers[:, :-1] = c
        slopes[:, -1] = 0.0
        for k in self._bent:
            order = self._order[k]
            size = np.abs(c[:, k]) + self._little[k]
            bent = size ** (order - 1)
            powers[:, k] *= bent
            slopes[:, k] = bent * (1 + (order - 1) * np.abs(c[:, k]) / np.maximum(size, 1e-300))
        return powers, slopes
