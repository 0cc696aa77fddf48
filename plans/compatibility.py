"""Where a problem meets a rig: does it fit, and how is a trace read."""

import json
import math
import re
from collections.abc import Iterator

from reactune.analysis.analytics import Analytics
from reactune.analysis.analytics.hplc import Hplc
from reactune.analysis.analytics.hplc.tracefile import TraceFile
from reactune.analysis.analytics.resulttable import Quantity, ResultTable
from reactune.analysis.problem.choices import told
from reactune.analysis.problem.meaning import bounded
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.units import UnitError, converted
from reactune.analysis.problem.variables import Variable
from reactune.analysis.written import exact
from reactune.devices.instruments.resultfile import unreadable
from reactune.devices.opening import obstacles
from reactune.devices.rig.setpoints import limits
from reactune.devices.rigfile import RigFile

from .costs import thirst
from .fitting import facts_of, fitted, stocks_of
from .hplc_method import method_of, unrecorded
from .resolution import unsettable


def analytics_of(rig: RigFile) -> Analytics:
    """Turn what a rig file says of its analysis into the analytics that reads its events."""
    method, software = rig.chromatogram, rig.analytics
    if software is None:
        assert method is not None  # the rig file has seen to it
        assert rig.detector is not None
        return Hplc(method_of(method, rig.detector.full_scale))
    if method is not None:
        return TraceFile(method_of(method), method.unit, software.channel)
    places = software.quantities.items()
    quantities = tuple(Quantity(name, **place.model_dump()) for name, place in places)
    return ResultTable(quantities, software.decimal)


def incompatibilities(
    problem: Problem, rig: RigFile, done: int = 0, *, stored: bool = False
) -> list[str]:
    """Say what keeps a problem from this rig.

    Parameters
    ----------
    problem : Problem
    rig : RigFile
    done : int
        How many experiments of the budget need no reagent any more.
    stored : bool
        Whether it is that of a stored run: whatever of it cannot be set was rounded then, and is.

    Returns
    -------
    list of str
        One sentence each: what keeps the rig from being emulated, a variable that it does not have
        or cannot take so far, a property it does not measure, syringes too small for an experiment,
        reagents that cannot last for the budget.
    """
    analytics = analytics_of(rig)
    measured = analytics.names
    wrong = [*obstacles(rig), *problem.resolved(analytics.kind).out_of_reach()]
    what = "no peak of the rig's HPLC method, which has"
    if rig.analytics is not None:
        if rig.emulation is None and (missing := unreadable(rig.analytics.path)):
            wrong.append(missing)
        if rig.analytics.kind == "table":
            what = "not among the rig's analytics.quantities, which are"
    wrong += [
        f"measured: {name!r} is {what} {', '.join(measured)}"
        for name in problem.measured
        if name not in measured
    ]
    wrong += [
        f"constraints: {window.text} is in percent, about a fraction of 1, and the rig measures "
        f"{name} in {unit}; write the window's numbers in {unit}, without %"
        for name, window in bounded(problem.windows, measured).items()
        if window.percent and (unit := analytics.units[name]) not in ("", "1")
    ]
    if beyond := _settable(problem, rig):
        wrong += beyond
    elif not stored:
        wrong += unsettable(problem, rig)
    if rig.chromatogram is not None:
        wrong += unrecorded(rig.chromatogram, rig.chromatogram.duration)
    volume = problem.fixed.get("volume", rig.reactor.heated_volume)
    if not math.isclose(volume, rig.reactor.heated_volume, rel_tol=1e-3):
        wrong.append(
            f"fixed.volume: {exact(volume)} uL, but the rig's heated volume is "
            f"{exact(rig.reactor.heated_volume)} uL (reactor.heated_volume); residence times "
            "follow from it, so make them agree"
        )
    left = problem.model_copy(update={"budget": max(problem.budget - done, 1)})
    return wrong or list(thirst(fitted(left, rig), rig))


def _other_pumps(problem: Problem, rig: RigFile) -> Iterator[str]:
    """Say which pumps are not those that a problem's variables were fitted to."""
    if (known := problem.rig) is None:
        return
    streams = facts_of(problem, rig).streams
    for name in sorted({*known.streams, *streams}):
        was, now = known.streams.get(name), streams.get(name)
        if was is None or now is None:
            yield f"streams.{name}: not both in the campaign so far and on this rig"
        elif was.limits != now.limits:
            before, after = (", ".join(map(exact, s.limits)) for s in (was, now))
            yield (
                f"streams.{name}.limits: [{after}] uL/min, but the campaign so far was with "
                f"[{before}]: make them agree, or begin a new campaign"
            )


def _settable(problem: Problem, rig: RigFile) -> list[str]:
    """Say which variables the rig cannot set."""
    if wrong := list(_choices(problem, rig)) or list(_unsayable(problem, rig)):
        return wrong
    allowed = limits(rig)
    try:
        follows = fitted(problem, rig).rig is not None
    except ProblemError as error:
        return error.problems
    wrong = list(_other_pumps(problem, rig))
    for name, variable in problem.variables.items():
        if name in allowed:
            wrong += _beyond(name, variable, *allowed[name])
        elif not (follows or variable.choices):
            wrong.append(
                f"variables.{name}: the rig has no such variable; it has {', '.join(allowed)}, "
                f"residence_time and total_flow. Say what {name} is in these: {name} = "
                '{ range = ..., of = "..." }'
            )
    for name, (low, high, unit) in allowed.items():
        if name in problem.fixed and not low <= problem.fixed[name] <= high:
            wrong.append(
                f"fixed.{name}: {exact(problem.fixed[name])} is beyond what the rig allows, "
                f"[{exact(low)}, {exact(high)}] {unit}"
            )
        elif name in problem.variables or name in problem.fixed:
            continue
        elif name == "temperature" or not follows:
            wrong.append(
                f"variables: the rig also needs {name}; give it a range, or a value under [fixed]"
            )
    return wrong


def _choices(problem: Problem, rig: RigFile) -> Iterator[str]:
    """Say which choices the rig cannot make, and which it leaves open."""
    for name, variable in problem.variables.items():
        choice = rig.choices.get(name)
        if variable.choices and choice is None:
            yield (
                f"variables.{name}: the rig does not carry {told(variable.choices)}; say under "
                f"[choices.{name}] of the rig file which stream or valve position each is, or do "
                "the experiments by hand (reactune ask)"
            )
        elif variable.choices and choice is not None:
            if missing := [option for option in variable.choices if option not in choice.options]:
                yield (
                    f"variables.{name}: the rig does not carry {', '.join(missing)}; its "
                    f"choices.{name} are {', '.join(choice.options)}"
                )
        elif choice is not None:
            yield (
                f"variables.{name}: the rig chooses {told(choice.options)}, and sets no number: "
                f"name it otherwise, or give choices"
            )
    for name, choice in rig.choices.items():
        if name not in problem.variables and choice.default is None:
            yield (
                f"variables: the rig also needs {name}; give it choices, or choices.{name}.default "
                "in the rig file"
            )


def _unsayable(problem: Problem, rig: RigFile) -> Iterator[str]:
    """Say which names of a problem mean nothing on the rig, or no one number."""
    said = json.dumps(problem.to_dict() | {"title": "", "rig": None})
    for name in rig.washes:
        if re.search(rf"\b(flow|stock)_{name}\b", said):
            yield (
                f"stream {name} only washes (wash = true in the rig file), and no experiment sets "
                "it: leave it out of the problem, or give it a stock in place of wash"
            )
    for name in rig.choices.keys() & rig.flows.keys():
        stocks = stocks_of(name, problem, rig)
        if len({*stocks.values()}) > 1 and re.search(rf"\bstock_{name}\b", said):
            each = ", ".join(f"{exact(stock)} mM of {option}" for option, stock in stocks.items())
            yield (
                f"stock_{name} is no one number: the rig has {each}; make these stocks agree, "
                f"choose among those that do, or say it in flows, without stock_{name}"
            )


def ways(problem: Problem, rig: RigFile) -> list[str]:
    """Say how the rig makes each choice of a problem that fits it, in lines."""
    lines = []
    for name, choice in rig.choices.items():
        variable = problem.variables.get(name)
        flow = f"flow_{choice.stream or name}"
        for option in (variable.choices if variable else None) or (choice.default or "",):
            how = (
                f"position {choice.positions[option]} of its valve, and {flow} through it"
                if choice.valve
                else f"{flow} by stream {choice.streams[option]}, the others stand still"
            )
            lines.append(f"{name} = {option}: {how}")
        if choice.line_volume:
            lines.append(f"after a change {exact(choice.line_volume)} uL of {flow} rinse the line")
    return lines


def _beyond(name: str, variable: Variable, low: float, high: float, unit: str) -> Iterator[str]:
    """Say where a variable that is a setpoint has another kind of unit, or goes too far."""
    try:
        least, most = (converted(value, variable.unit, unit) for value in variable.range)
    except UnitError as error:
        yield f"variables.{name}.unit: {error}"
        return
    slack = 1e-9 * max(abs(low), abs(high))  # of converting
    if low - slack <= least and most <= high + slack:
        return
    if variable.unit in ("", unit):
        stated = ", ".join(map(exact, variable.range))
        yield (
            f"variables.{name}.range: [{stated}] goes beyond what the rig allows, "
            f"[{exact(low)}, {exact(high)}] {unit}"
        )
        return
    value, here = next(
        (value, here)
        for value, here in zip(variable.range, (least, most), strict=True)
        if not low - slack <= here <= high + slack
    )
    yield (
        f"variables.{name}.range: {exact(value)} {variable.unit} is {here:.3g} {unit}, outside "
        f"what the rig allows, {exact(low)} to {exact(high)} {unit}"
    )
