"""What the emulated rig is made of, and what may be wrong with it: data only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..reactionfile import ReactionFile, ReactionPeak
from ..rigfile import EmulationSpec, RigFile
from .physics import ElutingPeak
from .reaction import Reaction

_UNSEEN = ElutingPeak(1.0, 0.1, 0.1, 1e-3)  # of a chromatogram that nobody looks at
_LAMP = 10.0  # V through pure eluent, where no method says so


@dataclass(frozen=True)
class FeedStream:
    """A reagent line: its stock solution and the syringe that pumps it.

    Attributes
    ----------
    name : str
        As in the rig file. It takes part if the reaction has a reagent of this name; else it only
        dilutes.
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

    name: str
    stock: float
    syringe: float = 10_000.0
    filled: float | None = None

    def __post_init__(self) -> None:
        if self.stock < 0 or not 0 <= (self.filled or 0.0) <= self.syringe:
            raise ValueError(
                f"stream {self.name} needs a stock >= 0 mM and contents from 0 to its syringe's "
                f"volume, not {self.stock} mM and {self.filled} of {self.syringe} uL"
            )


@dataclass(frozen=True)
class Choice:
    """Several liquids for one flow: a pump for each, or a valve before one pump's way to the mixer.

    Attributes
    ----------
    name : str
        As in the rig file.
    flow : str
        The reagent that all of them are, as `FeedStream.name`.
    pumps : dict of int to str
        By index of a stream the liquid that it pumps; "" where the valve selects it.
    positions : dict of int to str
        By position of the valve the liquid behind it.
    line : float
        Volume of the line that they share [uL].
    """

    name: str
    flow: str
    pumps: Mapping[int, str]
    positions: Mapping[int, str]
    line: float


@dataclass(frozen=True)
class Layout:
    """The rig as it is built.

    Attributes
    ----------
    streams : tuple of FeedStream
        In the order of the pumps' addresses.
    heated_volume, total_volume, loop_volume : float
        Heated part of the reactor, mixer to loop, and sampling loop [uL].
    peaks : tuple of ElutingPeak
        Of the reaction's products, in their order.
    front : tuple of ElutingPeak
        Of the solvent that comes with the sample.
    baseline : float
        Photodiode signal without absorption [V].
    choices : tuple of Choice

    Raises
    ------
    ValueError
        If the volumes contradict each other.
    """

    streams: tuple[FeedStream, ...]
    heated_volume: float
    total_volume: float
    loop_volume: float
    peaks: tuple[ElutingPeak, ...]
    front: tuple[ElutingPeak, ...]
    baseline: float
    choices: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.heated_volume <= self.total_volume or self.loop_volume <= 0:
            raise ValueError(
                f"volumes must be 0 < heated <= total and loop > 0, not heated "
                f"{self.heated_volume}, total {self.total_volume}, loop {self.loop_volume} uL"
            )


@dataclass(frozen=True)
class Noise:
    """What makes two equal experiments differ.

    Attributes
    ----------
    extent : float
        SD of ln(extent of reaction), an experiment each.
    fraction, relative : float
        The HPLC's SD of a product's fraction X is ``fraction + relative X``, an injection each.
        Where this would leave less than nothing, nothing absorbs.
    volts : float
        SD of a reading of the photodiode [V]; the median of the published traces.
    drift : float
        Relative change of the lamp during a chromatogram.
    """

    extent: float = 0.03
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
    feed : tuple of float
        Each of the reaction's reagents as it entered, all streams mixed [mM].
    chosen : tuple of (str, str)
        Which of several liquids was among them, by choice.
    """

    filled: float
    residence_time: float
    temperature: float
    feed: tuple[float, ...]
    chosen: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
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
    merged : float
        The answer is held back, and comes with the next one.
    late : float
        The answer comes `delay` late.
    altered : float
        `alter(answer)` comes in place of the answer.
    refused : float
        The instrument does not hear; `refuse(request)` comes in place of its answer.
    delay : float
        Wall time [s].
    flood : bool
        From the next request on bytes come without an end, until it is set back.
    echo : bool
        The line gives back what is sent, whether or not the instrument hears.
    unplug : callable
        Take the port away; the instrument goes on doing what it did.
    plug : callable
        Give it back, on TCP.
    held : bytes
        What is held back.
    """

    silent: float = 0
    lost: float = 0
    garble: float = 0
    split: float = 0
    merged: float = 0
    late: float = 0
    altered: float = 0
    refused: float = 0
    delay: float = 0.05
    flood: bool = False
    echo: bool = False
    alter: Callable[[bytes], bytes] = field(default=lambda answer: answer, repr=False)
    refuse: Callable[[bytes], bytes] = field(default=lambda request: b"", repr=False)
    unplug: Callable[[], None] = field(default=lambda: None, repr=False)
    plug: Callable[[], None] = field(default=lambda: None, repr=False)
    held: bytes = field(default=b"", repr=False)

    def any(self) -> bool:
        """Whether the next answer is to be spoilt."""
        counts = (self.silent, self.lost, self.garble, self.split, self.late)
        return any((*counts, self.merged, self.altered, self.refused, self.held))


def layout_of(rig: RigFile, reaction: Reaction) -> Layout:
    """Build what a rig file describes around a reaction that fits it (`build.obstacles`)."""
    method = rig.chromatogram
    seen = method.peaks if method else ()
    peaks = dict.fromkeys(reaction.products, _UNSEEN)
    peaks |= {
        p.name: ElutingPeak(p.time, p.width, p.tail, area)
        for p, area in zip(seen, method.areas if method else (), strict=True)
    }
    if rig.emulation is not None and isinstance(rig.emulation.reaction, ReactionFile):
        peaks |= {
            name: _truly(own, peaks[name]) for name, own in rig.emulation.reaction.peaks.items()
        }
    front = method.solvent_front if method else ()
    return Layout(
        streams=tuple(
            FeedStream(name, spec.stock or 0.0, spec.syringe_volume)
            for name, spec in rig.streams.items()
        ),
        heated_volume=rig.reactor.heated_volume,
        total_volume=rig.reactor.total_volume,
        loop_volume=rig.reactor.loop_volume,
        peaks=tuple(peaks[name] for name in reaction.products),
        front=tuple(ElutingPeak(f.time, f.width, f.tail, f.area) for f in front),
        baseline=(method.lamp if method else None) or _LAMP,
        choices=tuple(_choice(name, rig) for name in rig.choices),
    )


def _choice(name: str, rig: RigFile) -> Choice:
    """Build a choice of a rig file."""
    spec, streams = rig.choices[name], list(rig.streams)
    carried = {stream: option for option, stream in spec.streams.items()}
    pumps = carried or {spec.stream or "": ""}
    return Choice(
        name,
        spec.stream or name,
        {streams.index(stream): option for stream, option in pumps.items()},
        {position: option for option, position in spec.positions.items()},
        spec.line_volume,
    )


def _truly(own: ReactionPeak, believed: ElutingPeak) -> ElutingPeak:
    """Give a peak as its reaction file has it, where that does, else as the method has it."""
    return ElutingPeak(
        own.time or believed.position,
        own.width or believed.width,
        own.tail or believed.tail,
        own.response or believed.response,
    )


def noise_of(spec: EmulationSpec) -> Noise | None:
    """Build the noise that an ``[emulation]`` table asks for; None for none."""
    if not spec.noise:
        return None
    own = spec.reaction.noise if isinstance(spec.reaction, ReactionFile) else None
    return Noise() if own is None else Noise(own.extent, own.fraction, own.relative)
