"""A problem read back to its author in words."""

import textwrap
from collections.abc import Iterator, Mapping

from ..written import exact, percent
from .bounds import Window
from .choices import told
from .edges import reckoned
from .messages import show
from .model import Problem
from .space import Space
from .tables import Kind
from .variables import Variable

_KINDS: dict[Kind, str] = {
    "fractions": "fractions of a whole",
    "positive": "positive quantities",
    "real": "any numbers",
}


def in_words(
    problem: Problem, hours: float | None = None, volumes: Mapping[str, float] | None = None
) -> str:
    """Write out what a problem asks for, in lines of at most 80 characters.

    Parameters
    ----------
    problem : Problem
    hours : float, optional
        Worst-case duration, as computed from a rig [h].
    volumes : mapping of str to float, optional
        Worst-case use of each stream, as computed from a rig [uL].

    Raises
    ------
    ProblemError
        If the limits together leave nothing, or are of a kind that the space cannot map.
    """
    return "\n".join(
        textwrap.fill(line, 80, subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2))
        for line in _lines(problem, hours, volumes)
    )


def _lines(
    problem: Problem, hours: float | None, volumes: Mapping[str, float] | None
) -> Iterator[str]:
    if problem.title:
        yield problem.title
        yield ""
    yield from _settings(problem)
    yield from _aims(problem)
    yield from _limits(problem)
    if problem.rig is not None:
        yield "So the rig is set to:"
        for name, (lower, upper) in Space.of(problem).spans().items():
            if name.startswith("flow_"):
                yield f"  {name} from {show(lower)} to {show(upper)} uL/min"
    yield _budget_words(problem)
    yield from _optimiser(problem)
    if hours is not None:
        yield f"Takes at worst {hours:.1f} h."
    if volumes:
        used = ", ".join(f"{name} {volume / 1000:.1f} mL" for name, volume in volumes.items())
        yield f"Uses at worst: {used}."


def _settings(problem: Problem) -> Iterator[str]:
    """Say what is varied, and what is held fixed."""
    yield "Vary:"
    width = max(map(len, problem.variables))
    for name, variable in problem.variables.items():
        yield f"  {name:<{width}}  {_values(variable)}" + (
            f" = {variable.of}" if variable.of else ""
        )
    if problem.shared:
        yield f"One value a batch: {', '.join(problem.shared)}."
    if problem.fixed:
        yield "Fixed: " + ", ".join(f"{name} = {exact(v)}" for name, v in problem.fixed.items())


def _aims(problem: Problem) -> Iterator[str]:
    """Say what is measured, and what is wanted of it."""
    where = [(aim.where, aim.unit) for aim in problem.aims if aim.where]
    where += [(f"{name} = {part.of}", part.unit) for name, part in problem.define.items()]
    if where:
        yield "Where:"
        for told, unit in where:
            yield f"  {told}" + (f", in {unit}" if unit else "")
    measured = ", ".join(problem.measured) + (f" ({_KINDS[problem.kind]})" if problem.kind else "")
    goals = " and ".join(
        f"{aim.verb} {aim.text}" + (f" [{aim.unit}]" if aim.unit else "") for aim in problem.aims
    )
    yield f"{goals[0].upper()}{goals[1:]}, measuring {measured}."
    if len(problem.aims) > 1:
        yield (
            "Two goals: what is sought is the curve on which neither gets better but at the "
            "other's cost."
        )
    if problem.windows:
        yield "Keep, as far as possible (soft constraints):"
        for window in problem.windows:
            unit = problem.unit_of(window.of)
            yield "  " + _window_words(window, unit)


def _limits(problem: Problem) -> Iterator[str]:
    """Say what is never tried."""
    if problem.limits:
        yield "Never try outside (hard limits):"
        for name, limit in problem.limits.items():
            title = "" if name == limit.of or name.startswith("limit_") else f"{name}: "
            yield f"  {title}{limit.of} {_within_words(limit.within)} {limit.unit}".rstrip()
        yield from _implied(problem)


def _optimiser(problem: Problem) -> Iterator[str]:
    """Say what chooses the points, and when it ends early."""
    optimiser = problem.optimiser
    yield f"Optimiser: {optimiser.engine}, model {optimiser.model}, p = {exact(optimiser.p)}."
    if optimiser.confidence is not None:
        yield (
            f"Hands over what is at least {percent(optimiser.confidence)} likely inside every "
            "window, if anything is."
        )
    if problem.stop.goal is not None:
        bound = f"at {'most' if problem.sign > 0 else 'least'} {exact(problem.stop.goal)}"
        yield f"Stop at a feasible point with {problem.goal.text} {bound}."
    if problem.stop.patience is not None:
        yield f"Stop after {problem.stop.patience} experiments without improvement."
    if problem.stop.verdict and (optimiser.engine, optimiser.model) == ("snobfit", "composite"):
        unmet = "if the windows cannot all be met, or " if problem.windows else ""
        yield (
            f"Ends early {unmet}once no improvement beyond the noise is to be expected "
            "(stop.verdict = false: goes on)."
        )


def _values(variable: Variable) -> str:
    """Say what a variable can be set to."""
    if variable.choices:
        by = ", ".join(variable.descriptors or {})
        return told(variable.choices) + (f", described by {by}" if by else "")
    lower, upper = map(exact, variable.range)
    span = ", ".join(map(exact, variable.values)) if variable.values else f"{lower} to {upper}"
    span = f"{span} {variable.unit}".rstrip()
    if variable.step:
        return f"{span}, in steps of {exact(variable.step)}"
    multiples = variable.resolution and f", in multiples of {exact(variable.resolution)}"
    return span + (multiples or "")


def _implied(problem: Problem) -> Iterator[str]:
    """Say what the hard limits together leave for totals and shares."""
    space = Space.of(problem)
    for name, unit, *bounds in zip(space.names, space.units, space.lower, space.upper, strict=True):
        if name in problem.variables and tuple(bounds) == problem.variables[name].range:
            continue
        lower, upper = map(show, bounds)
        yield f"  this leaves {name} from {lower} to {upper} {unit}".rstrip()


def _within_words(within: tuple[float | None, float | None]) -> str:
    lower, upper = within
    if lower is None:
        assert upper is not None  # a window bounds something
        return f"at most {exact(upper)}"
    if upper is None:
        return f"at least {exact(lower)}"
    if lower == upper:
        return f"equal to {exact(lower)}"
    return f"from {exact(lower)} to {exact(upper)}"


def _window_words(window: Window, unit: str) -> str:
    (lower, upper), (below, above) = window.within, window.tolerance
    edges = []
    if lower is not None:
        edges.append(f"down to {exact(reckoned(lower - below))}")
    if upper is not None:
        edges.append(f"up to {exact(reckoned(upper + above))}")
    unit = f" {unit}" if unit else ""
    still = f"values {' and '.join(edges)}{unit} are still acceptable"
    if window.widened:
        as_ = "equal" if lower == upper else "inside"
        still += f", those from {exact(window.lower)} to {exact(window.upper)}{unit} count as {as_}"
    return f"{window.of} {_within_words(window.within)}{unit}; {still}"


def _budget_words(problem: Problem) -> str:
    budget, batch = problem.budget, problem.batch
    if batch == 1:
        first = min(problem.first_batch, budget)
        return f"Budget: {budget} experiments: {first} to begin with, then one by one."
    whole, rest = divmod(budget, batch)
    batches = f"{whole} x {batch}" + (f" + {rest}" if rest else "") if whole else f"one of {budget}"
    return f"Budget: {budget} experiments in batches of {batch}: {batches}."
