"""What is left in the syringe and the flask of a stream, and what the pump has moved."""

from ..specs import StreamSpec


class LedgerError(RuntimeError):
    """Syringe and flask do not hold what is asked for."""


class Ledger:
    """The book of one stream.

    A pump has counters of its own. What they show is taken over with `infusing`, `withdrawing` or
    `count`, and booked once they are about to be cleared.

    Parameters
    ----------
    name : str
        Of the stream.
    spec : StreamSpec
        What syringe and flask hold at the start.
    """

    def __init__(self, name: str, spec: StreamSpec):
        self._name, self._spec = name, spec
        self._content, self._flask = spec.content, spec.flask_volume
        self._infused_before = 0.0
        self._counted = (0.0, 0.0)  # infused, withdrawn since the counters were cleared

    @property
    def content(self) -> float:
        """Volume in the syringe [uL], as of the last poll."""
        return self._content - self._counted[0] + self._counted[1]

    @property
    def flask(self) -> float:
        """Volume in the flask that it is refilled from [uL], as of the last poll."""
        return max(0.0, self._flask - self._counted[1])

    @property
    def deliverable(self) -> float:
        """Volume the syringe can still deliver [uL]."""
        return self._spec.delivered(self.content)

    @property
    def supply(self) -> float:
        """Volume that syringe and flask together can still deliver [uL]."""
        return self._spec.delivered(self.content, self.flask)

    @property
    def infused(self) -> float:
        """Volume infused since the rig was opened [uL], as of the last poll."""
        return self._infused_before + self._counted[0]

    @property
    def room(self) -> float:
        """Volume that can be drawn into the syringe [uL]."""
        return min(self._spec.syringe_volume - self.content, self.flask)

    def check(self, need: float) -> None:
        """Refuse what syringe and flask cannot deliver.

        Parameters
        ----------
        need : float
            Volume [uL] to deliver without a refill in between.

        Raises
        ------
        LedgerError
            Names stream, need and what is left.
        """
        one_stroke = self._spec.stroke
        if need > one_stroke:
            raise LedgerError(
                f"stream {self._name} needs {need:.0f} uL for one experiment, but a full syringe "
                f"delivers {one_stroke:.0f} uL: use a larger syringe or a smaller flow"
            )
        if need > self.supply:
            stays = self.deliverable + self.flask - self.supply
            of_it = (
                f", of which {stays:.0f} uL stay in the syringe (dead_volume)" if stays >= 1 else ""
            )
            raise LedgerError(
                f"stream {self._name} needs {need:.0f} uL, but the syringe has "
                f"{self.deliverable:.0f} uL and the flask {self.flask:.0f} uL left{of_it}: refill "
                "them and open the rig again"
            )

    def infusing(self, volume: float) -> None:
        """Take over what a pump that infuses has counted [uL]."""
        self._counted = (volume, self._counted[1])

    def withdrawing(self, volume: float) -> None:
        """Take over what a pump that withdraws has counted [uL]."""
        self._counted = (self._counted[0], volume)

    def count(self, infused: float, withdrawn: float) -> None:
        """Take over both counters [uL] of a pump at rest.

        One that has lost power counts from zero again: then the last poll is believed.
        """
        self._counted = max(infused, self._counted[0]), max(withdrawn, self._counted[1])

    def book(self) -> None:
        """Book what has been counted; the counters begin at zero again."""
        self._content, self._flask = self.content, self.flask
        self._infused_before = self.infused
        self._counted = (0.0, 0.0)
