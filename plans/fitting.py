"""A problem in the words of a rig: which flows follow from its variables, and what is set."""

from collections.abc import Mapping

from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.tables import RigFacts, Setting, StreamFacts
from reactune.analysis.problem.units import converted
from reactune.devices.rig.setpoints import chosen_of, limits
from reactune.devices.rigfile import RigFile


def fitted(problem: Problem, rig: RigFile) -> Problem:
    """Return the problem with what of the rig decides which flows follow from its variables.

    Raises
    ------
    ProblemError
        If none do, or more than one would; the message names the variables.
    """
    return problem if problem.rig is not None else problem.on_rig(facts_of(problem, rig))


def facts_of(problem: Problem, rig: RigFile) -> RigFacts:
    """Give what of a rig decides which flows follow from the variables of a problem."""
    streams = {
        name: StreamFacts(
            limits=rig.flow_limits(name), stock=next(iter(stocks_of(name, problem, rig).values()))
        )
        for name in rig.flows
    }
    return RigFacts(volume=rig.reactor.heated_volume, streams=streams)


def stocks_of(flow: str, problem: Problem, rig: RigFile) -> dict[str, float]:
    """Give the stock [mM] of each choice of a problem that a flow delivers, or of the flow."""
    choice, variable = rig.choices.get(flow), problem.variables.get(flow)
    if choice is None or not choice.streams:
        return {flow: rig.stocks(flow)[0]}
    options = (variable.choices if variable else None) or (choice.default or choice.options[0],)
    return {option: rig.streams[choice.streams[option]].stock or 0.0 for option in options}


def settings(conditions: Mapping[str, Setting], problem: Problem, rig: RigFile) -> dict[str, float]:
    """Return what the rig is set to but choices: temperature [degC] and flows [uL/min].

    Parameters
    ----------
    conditions : mapping of str to float
        The problem's variables.
    problem : Problem
        One that is `fitted`; what it holds fixed on this rig is in it.
    rig : RigFile
    """
    values = {**problem.fixed, **problem.settings(problem.numbers(conditions))}
    heat = problem.variables.get("temperature")
    if heat is not None:
        values["temperature"] = converted(values["temperature"], heat.unit, "degC")
    return {name: values[name] for name in limits(rig)}


def chosen(conditions: Mapping[str, Setting], rig: RigFile) -> dict[str, str]:
    """Return what the rig chooses: of the conditions, or what its file says where they do not."""
    return chosen_of({n: v for n, v in conditions.items() if n in rig.choices}, rig)


def bounds(name: str, problem: Problem, rig: RigFile) -> tuple[float, float]:
    """Return between which values one of the rig's setpoints stays, in the rig's unit."""
    low, high, unit = limits(rig)[name]
    if name in problem.variables:
        variable = problem.variables[name]
        least, most = (converted(value, variable.unit, unit) for value in variable.range)
        return max(low, least), min(high, most)
    return low, high
