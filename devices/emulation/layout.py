"""What the emulated rig is made of, and what may be wrong with it: data only."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .physics import ElutingPeak


@dataclass(frozen=True)
class FeedStream:
    """A reagent line: its stock solution and the syringe that pumps it.

    Attributes
    ----------
    species : str
        ``"c60"``, ``"sultine"``, or anything else for an inert diluent.
    stock : float
        Concentration of the stock [mM].
    syringe : float
        Volume of the syringe [uL].
    filled : float, optional
        What is in it at the start [uL]; without, it is full.

    Raises
    ------
    ValueError
        If the stock is negative or the contents do not fit.
    """

    species: str
    stock: float
    syringe: float = 10_000.0
    filled: float | None = None

    def __post_init__(self) -> None:
        if self.stock < 0 or not 0 <= (self.filled or 0.0) <= self.syringe:
            raise ValueError(
                f"stream {self.species} needs a stock >= 0 mM and contents from 0 to its syringe's "
                f"volume, not {self.stock} mM and {self.filled} of {self.syringe} uL"
            )


@dataclass(frozen=True)
class Layout:
    """The rig as it is built; the defaults are those of Walker et al. 2017.

    Positions of the peaks are the paper's; their widths, tails and responses are chosen such that
    the traces resemble the published ones (some mAU on 10.5 V, responses within their scatter).

    Attributes
    ----------
    streams : tuple of FeedStream
        In the order of the pumps' addresses.
    heated_volume, total_volume, loop_volume : float
        Heated part of the reactor, mixer to loop, and sampling loop [uL].
    peaks : tuple of ElutingPeak
        Of X0, X1, X2, X3.
    front : tuple of ElutingPeak
        Of the solvent that comes with the sample.
    baseline : float
        Photodiode signal without absorption [V].

    Raises
    ------
    ValueError
        If the volumes contradict each other or there is not one peak per mole fraction.
    """

    streams: tuple[FeedStream, ...] = (FeedStream("c60", 2.775), FeedStream("sultine", 8.323))
    heated_volume: float = 931.0
    total_volume: float = 1587.0
    loop_volume: float = 5.0
    peaks: tuple[ElutingPeak, ...] = (
        ElutingPeak(11.40, 0.17, 0.08, 0.0023),
        ElutingPeak(7.50, 0.11, 0.05, 0.0012),
        ElutingPeak(5.40, 0.11, 0.14, 0.0025),
        ElutingPeak(4.40, 0.16, 0.05, 0.0021),
    )
    front: tuple[ElutingPeak, ...] = (
        ElutingPeak(2.81, 0.03, 0.03, 0.00015),
        ElutingPeak(2.99, 0.03, 0.10, 0.00080),
    )
    baseline: float = 10.48

    def __post_init__(self) -> None:
        if not 0 < self.heated_volume <= self.total_volume or self.loop_volume <= 0:
            raise ValueError(
                f"volumes must be 0 < heated <= total and loop > 0, not heated "
                f"{self.heated_volume}, total {self.total_volume}, loop {self.loop_volume} uL"
            )
        if len(self.peaks) != 4 or not self.streams:
            raise ValueError(
                f"a layout needs 4 peaks (X0 to X3) and a stream, "
                f"not {len(self.peaks)} peaks and {len(self.streams)} streams"
            )


@dataclass(frozen=True)
class Noise:
    """What makes two equal experiments differ.

    Attributes
    ----------
    theta : float
        SD of ln(extent of reaction), an experiment each.
    fraction, relative : float
        The HPLC's SD of a mole fraction X is ``fraction + relative X``, an injection each. Where
        this would leave less than nothing, nothing absorbs.
    volts : float
        SD of a reading of the photodiode [V]; the median of the published traces.
    drift : float
        Relative change of the lamp during a chromatogram.
    """

    theta: float = 0.03
    fraction: float = 0.001
    relative: float = 0.005
    volts: float = 1.3e-4
    drift: float = 1e-3


@dataclass(frozen=True)
class Sample:
    """What the loop holds.

    Attributes
    ----------
    filled : float
        Share of the loop that is reactor effluent; the rest is eluent.
    residence_time : float
        Time that the middle of it has spent in the heated volume [min].
    temperature : float
        Average over that time [degC].
    c60 : float
        All C60 species in the effluent [mM].
    sultine_per_c60 : float
        Molar ratio of the feed; 0 without C60.
    """

    filled: float
    residence_time: float
    temperature: float
    c60: float
    sultine_per_c60: float


@dataclass
class LinkFaults:
    """Faults of an instrument's line; each count says how many of the next requests it hits.

    Attributes
    ----------
    silent : float
        The instrument neither hears nor answers (``math.inf``: until set to 0 again).
    lost : float
        It hears and acts, but the answer is lost.
    garble : float
        One byte of the answer is wrong.
    split : float
        The answer comes in two pieces, `delay` apart.
    late : float
        The answer comes `delay` late.
    delay : float
        Wall time [s].
    unplug : callable
        Close the port for good; the instrument goes on doing what it did.
    """

    silent: float = 0
    lost: float = 0
    garble: float = 0
    split: float = 0
    late: float = 0
    delay: float = 0.05
    unplug: Callable[[], None] = field(default=lambda: None, repr=False)
