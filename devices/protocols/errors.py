"""What may go wrong between us and an instrument."""


class TransportError(RuntimeError):
    """The port or what came through it is not to be trusted."""


class NoReplyError(TransportError):
    """Nothing came back in time."""


class GarbledError(TransportError):
    """What came back is not a reply to what was asked."""


class BusyError(TransportError):
    """The instrument asks to be asked again later, as its protocol's manual has it."""


class PortLostError(TransportError):
    """The port cannot be opened, or is gone (unplugged, connection closed)."""


class GaveWayError(TransportError):
    """The exchange was broken off, for somebody has to make the rig safe over the same line."""


class InstrumentError(RuntimeError):
    """The instrument understood and refused, or reports a failure of its own."""
