"""The problem a user states: what to vary, what to minimise, and the windows to stay in.

TOML and Python say the same thing through one model, `Problem`.  Its resolved form, `to_dict`, goes
into the start document of every campaign, so that a stored run can be understood on its own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..written import exact
from . import messages
from .bounds import Window
from .choices import beside, told
from .edges import apart, beyond
from .follow import is_plain
from .meaning import divides_by, divides_by_measured
from .messages import ProblemError
from .stated import Stated
from .tables import Kind, RigFacts, Setting
from .units import doubt
from .variables import Variable

__all__ = ["Problem", "ProblemError", "Properties", "Variable", "Window", "built_in"]

FloatArray = NDArray[np.float64]

_BUILT_IN = Path(__file__).parent / "built_in"
_SLACK = 1e-9  # relative; a point computed to lie on the edge of a limit is not outside it


@dataclass(frozen=True)
class Properties:
    """What the fractions of one experiment mean for the problem.

    Attributes
    ----------
    f : float
        The goal, to be minimised: the negative of a quantity to be maximised.
    F : ndarray, shape (m,)
        The constrained properties, in the order of the windows; then a second goal, as minimised.
    f_sd, F_sd : float and ndarray, shape (m,)
        Their standard deviations; nan unless those of the fractions were given.
    failure : str or None
        A sentence naming the properties that are not finite numbers, or divide by what is below 0
        and cannot be, if any.
    """

    f: float
    F: NDArray[np.float64]
    f_sd: float
    F_sd: NDArray[np.float64]
    failure: str | None


class Problem(Stated):
    """What a campaign is to achieve.

    Parameters
    ----------
    minimise, maximise : str, mapping, or list of two
        The goal, an expression in measured quantities, or ``{"of": ..., "name": ..., "unit":
        ...}``. Two goals, in a list or in a list of one under each word, are traded off: the
        campaign then looks for the curve on which neither gets better but at the other's cost.
    measured : list of str
        What each experiment yields, for example mole fractions. What stored runs have under
        another meaning, such as ``p`` or ``time``, they keep as ``p_`` and ``time_``.
    kind : {"fractions", "positive", "real"}, optional
        What the measured quantities are: fractions of a whole, which add up to 1 together; positive
        quantities; or any numbers. Default: what the analytics says that measures them; without one
        nothing is assumed of them ("real"), unless goal or windows divide by them ("positive").
    variables : mapping
        Name to ``(lower, upper)``, or to ``{"range": (lower, upper), "unit": ...}`` and the like:
        see `Variable`.
    fixed : mapping of str to float, optional
        Named constants.
    define : mapping, optional
        Names for expressions, which may use each other: ``{"of": ..., "unit": ...}``.
    constraints : list, optional
        Soft windows: ``"X1 / X2 >= 4 +/- 0.3"``, ``"X1 + X2 in [0.9, 1.0] +/- 0.3"``, or
        ``{"of": ..., "within": (lower, upper), "tolerance": t or (below, above)}``.
    limits : mapping, optional
        Hard bounds: expression to ``(lower, upper)``, or name to ``{"of": ..., "within": ...,
        "unit": ...}``.
    budget : int
        Experiments after which no further batch is begun.
    batch : int
        Points asked for at once. One by one they need the fewest experiments; larger batches are
        for who works by hand. The first is as large as the models need, if that is more.
    optimiser, stop : mapping, optional
        See `Optimiser` and `Stop`.
    shared : list of str, optional
        Variables that have one value for all of a batch, as in one oven.
    rig : mapping, optional
        What of a rig decides which flows follow from the variables; see `on_rig`.
    title : str
        What it is called in lists, on pages and in figures.
    schema : int
        Version of this form: 1.

    Raises
    ------
    ProblemError
        With one sentence for everything that is wrong.

    Examples
    --------
    >>> problem = Problem(
    ...     minimise="X3", measured=["X0", "X1", "X2", "X3"], fixed={"V": 300},
    ...     variables={"T": (100, 150), "F_C60": (3, 70), "F_sult": (3, 70)},
    ...     constraints=["X1 + X2 in [0.9, 1.0] +/- 0.3"],
    ...     limits={"V / (F_C60 + F_sult)": (3, 31)},
    ... )
    >>> problem.budget, problem.batch
    (100, 1)
    """

    @classmethod
    def load(cls, source: "str | Path | Mapping[str, Any] | Problem") -> "Problem":
        """Read a problem from wherever it is.

        Parameters
        ----------
        source : path, str, mapping or Problem
            A TOML file, the name of a built-in problem (``"walker-ii"``), what `to_dict` returned,
            or a problem, which is handed back as it is.

        Raises
        ------
        ProblemError
            If it cannot be read or used.
        """
        if isinstance(source, Problem):
            return source
        if isinstance(source, Mapping):
            return cls(**source)
        path = Path(source)
        if str(source) in built_in():
            path = _BUILT_IN / f"{source}.toml"
        data = beside(path, messages.read_toml(path, built_in()))
        try:
            problem = cls(**data)
        except ProblemError as error:
            raise ProblemError(error.problems, path.name) from None
        # of what is stored already nobody can be asked: it is read as it is
        units = {name: doubt(variable.unit) for name, variable in problem.variables.items()}
        if doubtful := [f"variables.{name}.unit: {told}" for name, told in units.items() if told]:
            raise ProblemError(doubtful, path.name)
        return problem

    @property
    def first_batch(self) -> int:
        """Points asked for first: as many as the models need, or a batch, if that is more.

        They need d + 2 results, and the first point after these is asked for while the last of them
        is under way. Where a batch shares settings it is a batch: one value of them tells little.
        """
        if self.shared:  # which one larger batch could not be
            return self.batch
        return max(self.batch, len(self.variables) + 3)

    def resolved(self, kind: Kind) -> "Problem":
        """Return the problem with the kind of the measured quantities stated.

        Parameters
        ----------
        kind : {"fractions", "positive", "real"}
            What they are if the problem does not say. What it divides by has one sign, at least.
        """
        if self.kind:
            return self
        if kind == "real" and divides_by_measured(self.outcomes, self.measured):
            kind = "positive"
        return self.model_copy(update={"kind": kind})

    def on_rig(self, rig: RigFacts) -> "Problem":
        """Return it with the rig that its setpoints follow on.

        A problem that needs no rig for what it says, since its variables are setpoints already or
        words of no rig, stays as it is.

        Raises
        ------
        ProblemError
            If the variables do not determine the flows, contradict each other, or are unknown.
        """
        if is_plain(self.variables) and not self.unmet:
            return self
        return Problem(**{**self.to_dict(), "rig": rig.model_dump(mode="json")})

    def numbers(self, conditions: Mapping[str, Setting]) -> dict[str, float]:
        """Return the conditions with each choice as its number, counted from 0.

        Raises
        ------
        ValueError
            If a word is none of the choices, or a word stands where a number belongs.
        """
        return {name: self._number(name, value) for name, value in conditions.items()}

    def _number(self, name: str, value: Setting) -> float:
        variable = self.variables.get(name)
        if variable is not None and variable.choices is not None:
            if value not in variable.choices:
                near = messages.did_you_mean(str(value), variable.choices).strip()
                raise ValueError(
                    f"{name} = {value!r} {f'({near}) ' if near else ''}is none of its choices: "
                    f"{told(variable.choices)}"
                )
            return float(variable.choices.index(str(value)))
        if isinstance(value, str) or not hasattr(value, "__float__"):
            raise ValueError(f"{name} = {value!r} is no number")
        return value

    def settings(self, conditions: Mapping[str, float]) -> dict[str, float]:
        """Return the conditions as those of `region`: on a rig the flows that follow.

        Parameters
        ----------
        conditions : mapping of str to float
            A value for every variable; see `numbers`.
        """
        if self._following is None:
            return dict(conditions)
        apart = {n: v for n, v in conditions.items() if n not in self._following.stated}
        return apart | self._following.of_conditions(conditions)

    def in_variables(self, flows: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Return the variables for flows and temperature, those of `region`; both as columns."""
        if self._following is None:
            return dict(flows)
        n = len(next(iter(flows.values())))
        constants = self._following.constants
        values = {**{name: np.asarray(v) for name, v in constants.items()}, **flows}
        own = self._following.stated
        return {
            name: np.broadcast_to(own[name](values), n) if name in own else flows[name]
            for name in self.variables
        }

    def properties(
        self,
        fractions: Mapping[str, float],
        sd: Mapping[str, float] | None = None,
        conditions: Mapping[str, Setting] | None = None,
    ) -> Properties:
        """Compute goal and constrained properties of one experiment.

        Parameters
        ----------
        fractions : mapping of str to float
            The measured quantities.
        sd : mapping of str to float, optional
            Their standard deviations, propagated linearly as independent errors.
        conditions : mapping of str to float or str, optional
            The variables; needed only if goal or constraints mention them.

        Raises
        ------
        ExpressionError
            If a quantity that an expression needs is not given.  A quantity that is given but makes
            a property infinite or undefined is no error: see `Properties.failure`.
        """
        stated = (conditions or {}).items()
        numbers = {name: value for name, value in stated if not isinstance(value, str)}
        values = {**self.fixed, **numbers, **fractions}
        spread = np.array([math.nan if sd is None else sd[name] for name in self.measured])
        results, deviations = [], []
        expressions = self.outcomes
        for expression in expressions:
            value, slopes = expression.gradient(values, self.measured)
            results.append(value)
            # the unknown deviation (nan) of a fraction that is not used does no harm
            parts = np.where(slopes == 0, 0.0, slopes * spread)
            deviations.append(float(np.sqrt(np.sum(parts**2))))
        wrong = [
            divides_by(expression, values, self.measured, self.kind or "real")
            if math.isfinite(value)
            else f"{expression.text} is {value}"
            for expression, value in zip(expressions, results, strict=True)
        ]
        minimised = self.signs * results + 0.0  # of a maximised 0 there is no -0
        return Properties(
            f=float(minimised[0]),
            F=minimised[1:],
            f_sd=deviations[0],
            F_sd=np.array(deviations[1:]),
            failure="; ".join(filter(None, wrong)) or None,
        )

    def compose(
        self,
        measured: NDArray[np.float64],
        conditions: Mapping[str, NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute the goal to minimise and the constrained properties of many experiments.

        Parameters
        ----------
        measured : ndarray, shape (n, q)
            The measured quantities, in the order of `measured`.
        conditions : mapping of str to ndarray, shape (n,)
            The variables.

        Returns
        -------
        f : ndarray, shape (n,)
        F : ndarray, shape (n, m)
            Infinite or nan where an expression divides by 0.
        """
        values: dict[str, NDArray[np.float64]] = {
            **{name: np.asarray(number) for name, number in self.fixed.items()},
            **conditions,
            **dict(zip(self.measured, measured.T, strict=True)),
        }
        n = len(measured)
        found = np.array([np.broadcast_to(outcome(values), n) for outcome in self.outcomes])
        minimised = self.signs * found.T
        return minimised[:, 0], minimised[:, 1:]

    def outside_limits(self, stated: Mapping[str, Setting]) -> str | None:
        """Say why these conditions must not be tried, or None if they may.

        Parameters
        ----------
        stated : mapping of str to float or str
            A value for every variable.
        """
        for name in stated:
            if name not in self.variables:
                return f"{name!r} is not a variable; those are {', '.join(self.variables)}"
        try:
            conditions = self.numbers(stated)
        except ValueError as error:
            return str(error)
        for name, variable in self.variables.items():
            if name not in conditions:
                return f"{name} is missing from the conditions"
            if not _inside(conditions[name], *variable.range):
                lower, upper = variable.range
                value = f"{apart(conditions[name], (lower, upper), 6)} {variable.unit}".rstrip()
                return f"{name} = {value} is outside its range [{exact(lower)}, {exact(upper)}]"
        values = {**self.fixed, **conditions}
        for name, limit in self.limits.items():
            number = limit.expression(values)
            if not _inside(number, limit.lower, limit.upper):
                value = f"{apart(number, (limit.lower, limit.upper), 6)} {limit.unit}".rstrip()
                return (
                    f"{name}: {limit.of} = {value} is outside the limits "
                    f"[{exact(limit.lower)}, {exact(limit.upper)}]"
                )
        return self._following.outside(conditions) if self._following else None

    def allowed(self, columns: Mapping[str, FloatArray]) -> NDArray[np.bool_]:
        """Whether conditions may be tried, as columns (n,) of all variables; see `outside_limits`.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        values = {**{name: np.asarray(v) for name, v in self.fixed.items()}, **columns}
        ok = np.ones(len(next(iter(columns.values()))), dtype=bool)
        for name, variable in self.variables.items():
            ok &= _inside(columns[name], *variable.range)
        for limit in self.limits.values():
            ok &= _inside(limit.expression(values), limit.lower, limit.upper)
        return ok & self._following.allowed(columns) if self._following else ok

    def violated(self, F: Sequence[float] | NDArray[np.float64]) -> str:
        """Name the windows that these properties are outside of; "" if they are in all.

        Parameters
        ----------
        F : sequence of float, shape (m,)
            Constrained properties, in the order of the windows; others after them do not count.
        """
        told = []
        for window, value in zip(self.windows, F[: len(self.windows)], strict=True):
            edges = window.lower, window.upper
            sides = zip(edges, ("below", "above"), (-1, 1), window.allowed, strict=True)
            for edge, word, sign, allowed in sides:
                if math.isfinite(edge) and beyond(sign * (value - edge), edge, allowed):
                    what = f"{apart(value, edges, size=allowed)} is {word} {exact(edge)}"
                    told.append(f"{window.of} = {what} {self.unit_of(window.of)}".rstrip())
        return "; ".join(told)


def built_in() -> list[str]:
    """Names of the problems that come with the package."""
    return sorted(path.stem for path in _BUILT_IN.glob("*.toml"))


def _inside(number: Any, lower: float, upper: float) -> Any:
    """Whether numbers are in a closed interval, but for rounding; nan is outside."""
    slack = _SLACK * max(abs(edge) for edge in (lower, upper, 0.0) if math.isfinite(edge))
    return np.isfinite(number) & (lower - slack <= number) & (number <= upper + slack)
