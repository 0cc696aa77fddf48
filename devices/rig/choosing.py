"""The choices of a rig: what of each flows, what is left, and what has yet to be rinsed out."""

from collections.abc import Mapping

from ..clock import LabStatus
from ..instruments.ledger import LedgerError
from ..instruments.pump import SyringePump
from ..instruments.valve import SelectorValve
from ..rigfile import RigFile
from .setpoints import Setpoints


class Choice:
    """One choice: the streams or the selector valve that make it, and the line that all share.

    What is in the line is known by what has been pumped since it was changed; at first it is not.

    Parameters
    ----------
    name : str
    config : RigFile
    pumps : mapping of str to SyringePump
        By stream.
    valve : SelectorValve, optional
        None if every choice has a stream of its own.
    """

    def __init__(
        self,
        name: str,
        config: RigFile,
        pumps: Mapping[str, SyringePump],
        valve: SelectorValve | None,
    ):
        self.name, self.spec, self.valve = name, config.choices[name], valve
        self._pumps = pumps
        self._now: str | None = None  # whose liquid enters the line
        self._since = 0.0  # what its pump had infused when it took over [uL]
        self._booked = 0.0  # what of that has been taken off a coil [uL]
        options = self.spec.options if valve else ()
        self._coils = {option: self.spec.content(option) for option in options}

    @property
    def left(self) -> dict[str, float]:
        """What is left in the coil of each choice [uL], as of the last look; none if no valve."""
        coils = dict(self._coils)
        if self._now in coils:
            coils[self._now] -= self._infused(self._now) - self._booked
        return coils

    def check(self, setpoints: Setpoints, volumes: Mapping[str, float]) -> None:
        """Refuse what a coil cannot deliver (`LedgerError`); `volumes` are by stream [uL]."""
        (option, need), left = self.taken(setpoints, volumes), self.left
        if option in left and need > left[option]:
            raise LedgerError(
                f"{self.name} {option} needs {need:.0f} uL, but its coil has {left[option]:.0f} uL "
                "left: fill it, and open the rig again"
            )

    def taken(self, setpoints: Setpoints, volumes: Mapping[str, float]) -> tuple[str, float]:
        """Return what is chosen, and what an experiment takes of it [uL]."""
        option = setpoints.chosen[self.name]
        return option, volumes[self._stream(option)]

    def turn(self, option: str) -> LabStatus | None:
        """Let a choice enter the line from now on, while all pumps rest.

        Returns
        -------
        LabStatus or None
            Finishes when the valve is there; None where nothing has to turn.
        """
        self._coils = self.left
        if option != self._now:
            self._now, self._since = option, self._infused(option)
        self._booked = self._infused(option)
        if self.valve is None:
            return None
        return None if self.valve.poll() == option else self.valve.set(option)

    def rinse(self, setpoints: Setpoints) -> float:
        """Return for how long at these flows the line will hold something else [s]."""
        option = setpoints.chosen[self.name]
        passed = self._infused(option) - self._since if option == self._now else 0.0
        flow = setpoints.pumped[self._stream(option)]
        return 60 * max(self.spec.line_volume - passed, 0.0) / flow

    def look(self) -> None:
        """Refuse a valve that is not where it was turned to (`ValveError`)."""
        if self.valve is not None and self._now is not None:
            self.valve.look(self._now)

    def _stream(self, option: str) -> str:
        return self.spec.stream or self.spec.streams[option]

    def _infused(self, option: str) -> float:
        return self._pumps[self._stream(option)].ledger.infused
