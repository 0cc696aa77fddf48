"""The search for the points of class 1 of one batch, among functions drawn from the posterior."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...written import chance
from ..geometry import hit
from ..settable import Settable
from ..table import SANE, SLACK, Known
from .composite import Surrogate
from .expected import certain, doubted
from .judging import LIKELY
from .outcomes import Outcomes, slabs
from .sought import GUIDES, Lowest, Sought, TradeOff

Floats = NDArray[np.float64]

DRAWS = 192
"""Functions drawn from the posterior for one batch."""

SAFE = 0.8
"""Probability to be inside all windows that the safe point of a batch has."""

WIDTHS = 0.3, 0.1, 0.03
"""How far around the leaders further candidates are looked for, step by step, in the cube."""

WAITED = 0.05
"""How near, in the cube, to what is asked for and not told yet no safe point is asked for again."""

NOTHING = 1e-6
"""Expected improvement, in units of the spread of the goal, that is not worth an experiment."""


def propose(
    search: "Search",
    size: int,
    known: Known,
    resolution: Floats,
    to_unit: Callable[[Floats], Floats],
    local: Sequence[Floats] = (),
    confidence: float = LIKELY,
) -> list[tuple[Floats, str]]:
    """Choose the places of class 1 of a batch, each with the reason in words.

    First those of the local models, then the safe one, then by gain, until nothing is to be gained,
    the batch is full or, where goal and properties are modelled, half of what these leave.

    Parameters
    ----------
    search : Search
    size : int
        How many at most.
    known : Known
        Positions taken, in the unit box.
    resolution : (d,) array
        Smallest distance of two places, in the unit box.
    to_unit : callable
        Maps points of the user's box to the unit box.
    local : sequence of (d,) array
        Places that local models propose, in the unit box.
    confidence : float
        How likely a point has to be inside all windows to be handed over. Where that is more than
        usual, every second batch has a safe place though it is of one.
    """
    gap = resolution * SLACK
    places = to_unit(search.surrogate.coordinates.to_box(search.z))
    nearest = cKDTree(known.taken / gap).query(places / gap, p=np.inf)[0]
    works = known.works(places)
    free = (nearest >= 1.0) & (works >= SANE)
    chosen: list[tuple[Floats, str]] = []

    def offer(place: Floats, note: str) -> None:
        nonlocal free
        taken = np.vstack([known.taken, *(y for y, _ in chosen)])
        if not hit(taken, place, gap) and known.sane(place[None])[0] and len(chosen) < size:
            free &= (np.abs(places - place) >= gap).any(axis=1)
            chosen.append((place, note))

    for place in local:
        offer(place, "class 1: minimum of the quadratic models inside the windows")
    due = size > 1 or (confidence > LIKELY and len(known.x) % 2 == 1)
    if due and (z := search.safe(max(SAFE, certain(confidence)), again=size == 1)) is not None:
        place = to_unit(search.surrogate.coordinates.to_box(z[None]))[0]
        how = "safely inside" if len(search.surrogate.windows) else "expected"
        offer(place, f"class 1: {search.describe(z)}, the best that is {how}")
    whole = search.surrogate.composed or search.surrogate.coordinates.settable is not None
    most = size if whole else max((size + len(chosen)) // 2, 1)
    while len(chosen) < most:
        gain = np.where(free, search.gain() * works, 0.0)
        best = int(gain.argmax())
        if gain[best] <= NOTHING:
            break
        search.take(best)
        free &= (np.abs(places - places[best]) >= gap).any(axis=1)
        chosen.append((places[best], f"class 1: {search.describe(search.z[best])}"))
    return chosen


class _Leaders:
    """Where each guiding function has its lowest value so far.

    Parameters
    ----------
    values : (M, GUIDES) array
    places : (M, d) array
    """

    def __init__(self, values: Floats, places: Floats) -> None:
        first = values.argmin(axis=0)
        self._lowest, self.places = (
            np.take_along_axis(values, first[None], axis=0)[0],
            places[first],
        )

    def offer(self, values: Floats, places: Floats) -> None:
        """Let further places lead where they are lower."""
        first = values.argmin(axis=0)
        lowest = np.take_along_axis(values, first[None], axis=0)[0]
        better = lowest < self._lowest
        self._lowest[better], self.places[better] = lowest[better], places[first[better]]


class Search:
    """The search for one batch among functions drawn from the posterior.

    What a further point is worth is what it gains on average over the functions (`sought`); once
    it is chosen (or pending) that is no gain any more. So a batch spreads over what the functions
    disagree on: the noisy expected improvement of Letham et al. (Bayesian Analysis 2019, 14, 495),
    in batches as of Wilson et al. (NeurIPS 2018).

    Parameters
    ----------
    surrogate : Surrogate
    pending : (P, d) array
        Places asked for and not told yet, in the cube.
    rng : Generator
    settable : Settable, optional
        Among which points to search; by default all that can be set.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        pending: Floats,
        rng: np.random.Generator,
        settable: Settable | None = None,
    ) -> None:
        self.surrogate, self._pending, self._rng = surrogate, pending, rng
        self._settable = settable or surrogate.coordinates.settable
        self._outcomes = surrogate.draw(DRAWS, rng)
        known = self._outcomes(surrogate.z)
        lowest = Lowest(known)
        self._sought: Sought = lowest if surrogate.goals == 1 else TradeOff(known, rng)
        self.unit = self._sought.unit
        if len(pending):
            self._sought.take(self._sought.values(self._outcomes(pending)))
        self.gained = 0.0  # by what was taken, all together, in units
        self._top, self._seen = lowest.top, list[tuple[Floats, ...]]()
        self.z = self._candidates(known)
        seen = (np.concatenate(parts) for parts in zip(*self._seen, strict=True))
        self._values, self._mean_goal, self.inside, outside = seen
        self.violation: Floats = np.vstack([outside, known.violation[:, :GUIDES]])

    def gain(self) -> Floats:
        """Give what each candidate gains on average, in units."""
        return self._sought.gain(self._values)

    def take(self, candidate: int) -> None:
        """Count a candidate as chosen."""
        self.gained += float(self._sought.gain(self._values[candidate : candidate + 1])[0])
        self._sought.take(self._values[candidate])

    def safe(self, probability: float, again: bool) -> Floats | None:
        """Give the place of lowest expected goal that is inside with this probability, if any.

        None of two goals, and none where a result is waited for, unless `again`: that tells as
        much.
        """
        allowed = self.inside >= probability
        if not allowed.any() or self.surrogate.goals > 1:
            return None
        start = int(np.where(allowed, self._mean_goal, np.inf).argmin())
        if not again and (np.abs(self._pending - self.z[start]) < WAITED).all(axis=1).any():
            return None
        self.take(start)
        return np.asarray(self.z[start])

    def describe(self, z: Floats) -> str:
        """Say what is expected at a place and which window it probes."""
        name = self._sought.name
        if len(self.surrogate.windows) < self.surrogate.goals:
            return name
        inside = doubted(float(self._outcomes(z[None]).inside[0]))
        text = f"{name}, {chance(inside)} likely inside all windows"
        probed = self.surrogate.probed(z)
        return text + (f", probes window {probed + 1}" if probed is not None else "")

    def _look(self, z: Floats, places: Floats, leaders: _Leaders) -> None:
        """Look at further candidates, and which of these places lead."""
        for rows in slabs(len(z), DRAWS):
            found = self._outcomes(z[rows])
            values = self._sought.values(found)
            goal = np.minimum(found.f, self._top).mean(axis=1)
            self._seen.append((values, goal, found.inside, found.violation[:, :GUIDES]))
            leaders.offer(self._sought.lead(values), places[rows])

    def _candidates(self, known: Outcomes) -> Floats:
        """Look everywhere, then ever closer around the minimum of each guiding function."""
        if self._settable is not None:
            return self._settled(known, self._settable)
        dim = self.surrogate.z.shape[1]
        parts = [self._rng.uniform(-1.0, 1.0, (256 + 128 * dim, dim))]
        leaders = _Leaders(self._lead(known), np.clip(self.surrogate.z, -1.0, 1.0))
        self._look(parts[0], parts[0], leaders)
        for width in WIDTHS:
            around = np.repeat(leaders.places, 4, axis=0)
            steps = width * self._rng.standard_normal(around.shape)
            # not all coordinates at once: a minimum at a wall stays there
            steps *= self._rng.random(around.shape) < 0.7
            parts.append(np.clip(around + steps, -1.0, 1.0))
            self._look(parts[-1], parts[-1], leaders)
        return np.vstack(parts)

    def _settled(self, known: Outcomes, settable: Settable) -> Floats:
        """Do the same among points that can be set; where these are few, look at each."""
        coordinates, rng = self.surrogate.coordinates, self._rng
        x = settable.spread(256 + 128 * coordinates.dim, coordinates, rng)
        parts = [coordinates.to_cube(x)]
        leaders = _Leaders(self._lead(known), coordinates.to_box(self.surrogate.z))
        self._look(parts[0], x, leaders)
        for width in WIDTHS if settable.every is None else ():
            around = np.repeat(leaders.places, 4, axis=0)
            x = settable.near(around, width / 2, coordinates, rng)
            parts.append(coordinates.to_cube(x))
            self._look(parts[-1], x, leaders)
        return np.vstack(parts)

    def _lead(self, outcomes: Outcomes) -> Floats:
        """Give what the guiding functions look for the lowest of."""
        return self._sought.lead(self._sought.values(outcomes))
