"""What a rig file may state, and no rig is.

Refused where a rig is to be used; what was stored before it was known stays readable.
"""

import math
from collections.abc import Iterator, Mapping

from .specs import HeaterSpec, Port, Reactor, StreamSpec
from .written import exact

_COLD = 50.0  # degC, that one may touch, and that solvents are washed with
_ZERO = -273.15  # degC
_NEAR = 5.0  # K; so much changes the rate of a reaction by a third
_LONGEST = 200.0  # mm of a plunger's way; those of syringes are 20 to 120


def implausible(
    heater: HeaterSpec,
    streams: Mapping[str, StreamSpec],
    transports: Mapping[str, Port],
    reactor: Reactor,
    times: float,
) -> list[str]:
    """Say in sentences what of a rig cannot be; it counts as steady after so many residence times.

    Parameters
    ----------
    heater, streams, transports, reactor
        Tables of the rig file.
    times : float
        Its ``stabilisation_residence_times``.
    """
    return [
        *_of_heater(heater),
        *_of_syringes(streams),
        *_of_ports(transports),
        *_of_reactor(reactor, times),
    ]


def _of_heater(heater: HeaterSpec) -> Iterator[str]:
    if heater.safe > _COLD:
        yield (
            f"heater.safe = {exact(heater.safe)} degC is hot, and the rig is left at it with "
            f"nobody there, and washed: lower it to {_COLD:g} or less"
        )
    for key, lowest in (("safe", heater.safe), ("limits", heater.limits[0])):
        if lowest < _ZERO:
            yield f"heater.{key}: {exact(lowest)} degC is below absolute zero: raise it"
    if heater.tolerance > _NEAR:
        yield (
            f"heater.tolerance = {exact(heater.tolerance)} degC counts a temperature as reached "
            f"that is another one: lower it to {_NEAR:g} or less"
        )
    if heater.settle >= heater.timeout:
        yield (
            f"heater.settle = {exact(heater.settle)} s is not over within timeout = "
            f"{exact(heater.timeout)} s, so that no temperature would ever be reached: lower it, "
            "or raise timeout"
        )


def _of_syringes(streams: Mapping[str, StreamSpec]) -> Iterator[str]:
    for name, stream in streams.items():
        length = stream.syringe_volume / (math.pi / 4 * stream.diameter**2)
        if length > _LONGEST:
            yield (
                f"streams.{name}.syringe_volume = {exact(stream.syringe_volume)} uL at diameter = "
                f"{exact(stream.diameter)} mm is a syringe {length / 10:.0f} cm long: correct one "
                "of them, the pump pushes by the diameter"
            )


def _of_reactor(reactor: Reactor, times: float) -> Iterator[str]:
    flows, way = times * reactor.heated_volume, _way(reactor)
    if flows < way:
        yield (
            f"stabilisation_residence_times = {exact(times)} lets {flows:g} uL flow until the rig "
            f"counts as steady, and {way:g} uL lead from the mixer to the sample, which would be "
            f"of the conditions before: raise it to {steady_after(reactor):g} or more"
        )


def steady_after(reactor: Reactor) -> float:
    """Give how many residence times it takes until nothing is left of the conditions before."""
    return math.ceil(10 * _way(reactor) / reactor.heated_volume) / 10


def _way(reactor: Reactor) -> float:
    """Volume [uL] from the mixer to the sample, and of what a short flush leaves in the loop."""
    return reactor.total_volume + max(1 - reactor.flush_loops, 0.0) * reactor.loop_volume


def _of_ports(transports: Mapping[str, Port]) -> Iterator[str]:
    plugged: dict[str, str] = {}
    for name, port in transports.items():
        url = port.url or name  # an emulated one has a port of its own
        if (other := plugged.setdefault(url.lower() if "://" in url else url, name)) != name:
            yield (
                f"transports.{other} and transports.{name} are one port, {url!r}: correct one of "
                "the urls, or let instruments that share a line share the transport"
            )
