"""What an emulated rig has to know of the reaction in it: names, and what comes out of the tube.

The emulation mixes the streams, keeps them in the heated volume, and puts what comes out of it
onto the column; a `Reaction` says what happens in between. It knows no rig, no clock and no noise.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_Parameters = TypeVar("_Parameters")


class Composition(NamedTuple):
    """What leaves the heated volume, free of noise; shapes as for `Reaction.composition`.

    Attributes
    ----------
    total : ndarray, shape (...)
        The concentration that the fractions refer to [mM]: of the reagent whose fate is followed,
        or of everything fed.
    fractions : ndarray, shape (..., n)
        Of each of the reaction's n products, in their order [mol/mol]. The concentration of a
        product is ``total * fraction``; the fractions need not add up to 1. The errors of the
        emulated analysis are stated for them (`layout.Noise`), so keep them of the order of 1.
    """

    total: Floats
    fractions: Floats


class Reaction(Protocol):
    """A reaction in the heated volume of a flow reactor.

    Most are a reaction file (`reactionfile.ReactionFile`). What that cannot say is a class with
    these three members; nothing needs to be inherited. What builds it from the ``kinetics`` of a
    rig file gets a row in `reactions.REACTIONS`; ``reaction = "..."`` in the rig file's
    ``[emulation]`` then chooses it. This is all of A + B -> C, first order in each, with equal
    concentrations fed::

        @dataclass(frozen=True)
        class Parameters:
            k: float = 0.1  # [1/(mM min)]

        @dataclass(frozen=True)
        class Addition:
            parameters: Parameters = Parameters()
            reagents: ClassVar = ("a", "b")
            products: ClassVar = ("A", "C")  # B does not absorb

            @classmethod
            def of(cls, kinetics):
                return cls(parameters(Parameters, kinetics))

            def composition(self, feed, residence_time, temperature, extent=1.0):
                a, _ = np.moveaxis(np.asarray(feed, float), -1, 0)
                x = 1 / (1 + self.parameters.k * a * np.multiply(residence_time, extent))
                return Composition(a, np.stack([x, 1 - x], axis=-1))

    Its rig file names the streams ``[streams.a]`` and ``[streams.b]``, and its
    ``chromatogram.peaks`` ``A`` and ``C``.
    """

    @property
    def reagents(self) -> tuple[str, ...]:
        """Names of the streams that it needs, a catalyst's too, in the order of `feed`.

        A stream of the rig file that is not among them only dilutes the others.
        """
        ...

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the peaks that it gives, in the order of `Composition.fractions`.

        Everything that the detector can see of it, what is left of a reagent as well. The rig
        file's chromatogram has a peak for each of them and no other; the order in which they elute
        is the file's alone.
        """
        ...

    def composition(
        self,
        feed: ArrayLike,
        residence_time: ArrayLike,
        temperature: ArrayLike,
        extent: ArrayLike = 1.0,
    ) -> Composition:
        """Tell what comes out of an ideal plug-flow reactor.

        Parameters
        ----------
        feed : array_like, shape (..., number of reagents)
            Concentration of each reagent at the inlet, all streams mixed [mM]. The emulation asks
            only when at least one of them is there; any other may be 0.
        residence_time : array_like, shape (...)
            Time in the heated volume [min].
        temperature : array_like, shape (...)
            Average over that time [degC].
        extent : array_like, shape (...)
            How far today's experiment goes, compared with what the kinetics say: 1 is exactly as
            far. Its scatter is that of a repeated experiment (`layout.Noise`); let it multiply the
            time, or better an extent of reaction.

        Returns
        -------
        Composition
            The shapes ``(...)`` broadcast; without any, `total` has the shape ``()`` and
            `fractions` the shape ``(n,)``.
        """
        ...


def parameters(kind: type[_Parameters], kinetics: Mapping[str, float]) -> _Parameters:
    """Make a reaction's dataclass of parameters from the `kinetics` of a rig file.

    Parameters
    ----------
    kind : type
        A dataclass whose defaults are the reaction's, and which checks its values itself.
    kinetics : mapping of str to float
        What deviates from the defaults.

    Raises
    ------
    ValueError
        If a parameter is not known, or `kind` refuses a value.
    """
    of_a_dataclass: Any = kind
    known = [field.name for field in fields(of_a_dataclass)]
    for name, value in kinetics.items():
        if name not in known:
            raise ValueError(
                f"{name} = {value:g} is no parameter of this reaction: it has {', '.join(known)}"
            )
    return kind(**kinetics)
