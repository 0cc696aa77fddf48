"""Compose one batch: exactly n places to try, each with its SNOBFIT class.

Everything here lives in the unit box. Classes and their order: Huyer & Neumaier (2008), section 6.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..geometry import QuadraticBasis, farthest, hit, nearest, neighbours, quadratic_size
from ..table import SLACK, Known
from .boxes import Boxes
from .models import LinearModels, linear_models, minimise_quadratic

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

REPLICATE, MODEL, LOCAL, OTHER, EXPLORE, FILL = range(6)

APART = 0.1
"""Points of classes 2 to 4 of one batch differ by this much in at least one coordinate."""

SHRUNK = -1.5, -0.3
"""Decades by which the further trust boxes of class 1 are smaller than the first."""

RESOLVED = 1e-8
"""Decrease expected of a quadratic model that ends its search, in medians of the value above the
least."""


def compose(
    size: int,
    known: Known,
    p: float,
    resolution: Floats,
    rng: np.random.Generator,
    leads: Floats | None = None,
) -> tuple[Floats, list[int]]:
    """Choose the next places.

    Parameters
    ----------
    size : int
        How many.
    known : Known
        Positions taken, with their values.
    p : float
        Share of class 4 among the places that class 1 leaves.
    resolution : (d,) array
        Smallest distance between two places, in at least one coordinate.
    rng : Generator
    leads : (L, d) array, optional
        Places of class 1, in place of the minima of the quadratic model; or the first batch.

    Returns
    -------
    places : (size, d) array
    kinds : list of int
        The class of each, 1 to 5; 0 for a replicate.
    """
    batch = Batch(size, known, resolution)
    if not len(known.x):
        for y in latin_hypercube(size, resolution.size, rng) if leads is None else leads:
            batch.offer(y, FILL)
    elif np.isfinite(known.value).sum() >= resolution.size + 2:
        _branch_and_fit(batch, p, rng, leads)
    else:  # of too few points there is a model only where more is known from before
        for y in () if leads is None else leads:
            batch.offer(y, MODEL)
    _fill(batch, rng)
    return np.array(batch.places), batch.kinds


class Batch:
    """The places chosen so far, and what keeps them apart."""

    def __init__(self, size: int, known: Known, resolution: Floats) -> None:
        self.size = size
        self.known = known
        self.resolution = resolution
        self.places: list[Floats] = []
        self.kinds: list[int] = []
        pending = ~np.isfinite(known.value) & ~known.failed
        self._asked = known.x[pending]  # pending points count as members of this batch

    @property
    def open(self) -> int:
        """How many places are still to be found."""
        return self.size - len(self.places)

    @property
    def occupied(self) -> Floats:
        """All positions taken: known ones and those of this batch."""
        return np.vstack([self.known.taken, *self.places])

    def offer(self, y: Floats, kind: int, apart: float = 0.0) -> bool:
        """Take a place unless it is too near another or the batch is full; say whether it was."""
        gap = np.maximum(self.resolution * SLACK, apart)
        members = np.vstack([self._asked, *self.places])
        if not self.open or hit(members, y, gap) or hit(self.occupied, y, self.resolution * SLACK):
            return False
        self.add(y, kind)
        return True

    def add(self, y: Floats, kind: int) -> None:
        """Take the place whatever is near."""
        self.places.append(y)
        self.kinds.append(kind)

    def free(self, y: Floats) -> Bools:
        """Say for each row of y (M, d) whether it is outside the resolution of all places taken."""
        if not len(self.occupied):
            return np.ones(len(y), dtype=bool)
        gap = self.resolution * SLACK
        distance = cKDTree(self.occupied / gap).query(y / gap, p=np.inf)[0]
        return np.asarray(distance >= 1.0)

    def sane(self, y: Floats) -> bool:
        """Say whether failures do not forbid y, see `Known.sane`."""
        return bool(self.known.sane(y[None])[0])


def _branch_and_fit(batch: Batch, p: float, rng: np.random.Generator, leads: Floats | None) -> None:
    """Add points of classes 1 to 4."""
    known = batch.known
    for y in () if leads is None else leads:
        batch.offer(y, MODEL)
    if not batch.open:
        return
    boxes = Boxes(known.x, np.where(known.failed, np.inf, known.value))
    measured = np.isfinite(known.value)
    x, f, df = known.x[measured], known.value[measured], known.error[measured]
    half = f.max() / 2 - f.min() / 2
    flat = half == 0.0  # then there is nothing to descend
    if not flat:  # values from 0 to 1, whose squares cannot overflow
        f, df = (f / 2 - f.min() / 2) / half, np.clip(df / 2 / half, 1e-30, 1e30)
    near = neighbours(x, min(x.shape[1] + 5, len(x) - 1), batch.resolution)
    local, promising = f < f[near].min(axis=1), hopeful(x, f, near)
    # a batch of one leaves nothing to share out, so what it is has to be drawn
    if leads is None and not flat and (batch.size > 1 or rng.random() >= p):
        order = np.argsort(f, kind="stable")
        rivals = order[1:][(local & promising)[order[1:]]]
        for centre in (int(order[0]), *rivals):
            reach = np.maximum(np.abs(x[near[centre]] - x[centre]).max(axis=0), batch.resolution)
            rows = nearest(x, centre)[: quadratic_size(x.shape[1])]
            if _minimise_quadratic(batch, x, f, df, rows, reach, rng):
                break  # else the search there is over, and the next basin has its turn
    share = p * batch.open
    explore = int(share) + int(rng.random() < share - int(share))
    if not flat:
        models = linear_models(x, f, df, near, batch.resolution)
        _minimise_linear(batch, explore, models, local & promising, ~local & promising)
    for box in boxes.by_level():
        if not batch.open:
            return
        batch.offer(boxes.inner(box), EXPLORE, APART)


def hopeful(x: Floats, f: Floats, near: Ints) -> Bools:
    """Say around which points f may still fall below the best, (N,).

    Not where it rises by less among the neighbours than it would have to fall: that basin is
    resolved. Neighbours that are far away say nothing about a basin.
    """
    reach = np.abs(x[near] - x[:, None, :]).max(axis=(1, 2))
    rise = f[near].max(axis=1) - f
    return np.asarray((f - rise <= f.min()) | (reach > APART))


def _minimise_quadratic(
    batch: Batch,
    x: Floats,
    f: Floats,
    df: Floats,
    rows: NDArray[np.intp],
    reach: Floats,
    rng: np.random.Generator,
) -> bool:
    """Add points of class 1: minima of the quadratic of some rows in trust boxes around the first.

    The paper has one such point. One more for every four places of the batch, from smaller boxes,
    protects against a poor model: a third fewer evaluations on the standard test set. Where the
    model expects no decrease worth a point there is none, and the answer is False.
    """
    centre = x[rows[0]]
    _, gradient, hessian = QuadraticBasis(x[rows]).fit(f[rows], df[rows])

    def downhill(trust: float) -> Floats:
        low = np.clip(centre - trust * reach, 0.0, 1.0)
        high = np.clip(centre + trust * reach, 0.0, 1.0)
        # a best point told from outside the box starts at the wall
        return minimise_quadratic(gradient, hessian, low - centre, high - centre)

    step = downhill(1.0)
    if -(gradient + hessian @ step / 2) @ step < RESOLVED * (np.median(f) - f.min()):
        return False
    smaller = 10 ** rng.uniform(*SHRUNK, size=batch.size // 4)
    for move in (step, *map(downhill, smaller)):
        y = np.clip(centre + move, 0.0, 1.0)
        for _ in range(3):
            if batch.sane(y):
                batch.offer(y, MODEL)
                break
            y = np.clip(0.5 * (centre + y), 0.0, 1.0)  # back off from a failure
    return True


def _minimise_linear(
    batch: Batch, keep: int, models: LinearModels, local: Bools, other: Bools
) -> None:
    """Add points of class 2, minima of linear models around local best points, then of class 3.

    Class 3 are the minima around other points; ``keep`` places stay open. A local best is
    better than all its neighbours. (The paper asks for a margin, which keeps a minimum that already
    has close neighbours from being refined: Hartman 6 then often ends in its second basin.)
    """
    for kind, mask in ((LOCAL, local), (OTHER, other)):
        rows = np.flatnonzero(mask)
        queue = models.best[rows[np.argsort(models.predicted[rows], kind="stable")]]
        queue = queue[batch.free(queue)]
        while batch.open > keep and len(queue):
            y, queue = queue[0], queue[1:]
            if batch.sane(y) and batch.offer(y, kind, APART):
                queue = queue[np.abs(queue - y).max(axis=1) >= APART]


def latin_hypercube(size: int, dim: int, rng: np.random.Generator, walls: bool = False) -> Floats:
    """Draw a few Latin hypercubes and keep the one whose closest pair is the farthest apart.

    With `walls` the outer layers lie on the walls, from where global models see most.
    """
    strata = np.tile(np.arange(size), (dim, 1))
    # not scipy's: it spawns generators, so that a restored state would draw another design
    designs = [(rng.permuted(strata, axis=1).T + rng.random((size, dim))) / size for _ in range(20)]
    if walls and size > 2:
        designs = [np.floor(size * design) / (size - 1) for design in designs]
    if size == 1:
        return designs[0]
    return max(designs, key=lambda y: float(np.asarray(cKDTree(y).query(y, k=2)[0])[:, 1].min()))


def first_places(size: int, dim: int, rng: np.random.Generator, measured: bool) -> Floats:
    """Choose places where nothing is known: corners, from where global models see most.

    But where goal and properties are modelled themselves, and not what is `measured`, those of a
    corner may be beyond all others, and a nuisance: there the walls are enough.
    """
    if measured:
        return farthest_first(size, dim, rng)
    return latin_hypercube(size, dim, rng, walls=True)


def farthest_first(size: int, dim: int, rng: np.random.Generator) -> Floats:
    """Draw a point, and then again and again the random candidate farthest from all before."""
    y = rng.random((900 + 100 * size, dim))
    return np.asarray(y[farthest(y, np.full(len(y), np.inf), size)])


def _fill(batch: Batch, rng: np.random.Generator) -> None:
    """Add points of class 5: again and again the random candidate farthest from all others."""
    if not batch.open:
        return
    y = rng.random((100 * batch.open + 900, batch.resolution.size))
    y = y[batch.free(y)]
    empty = not len(batch.occupied)
    gap = np.full(len(y), np.inf) if empty else np.asarray(cKDTree(batch.occupied).query(y)[0])
    while batch.open and len(y):
        k = int(gap.argmax())
        if batch.offer(y[k], FILL):
            gap = np.minimum(gap, np.linalg.norm(y - y[k], axis=1))
        y, gap = np.delete(y, k, axis=0), np.delete(gap, k)
    _squeeze(batch, rng)


def _squeeze(batch: Batch, rng: np.random.Generator) -> None:
    """Use the last places at a coarse resolution; when none is found, replicate the best points.

    Whatever free place there is can be slid down each axis until it meets a wall or stands one
    resolution above a point taken. So these corners are all that has to be looked at.
    """
    while batch.open:
        beyond = (batch.occupied + batch.resolution * SLACK**2).T
        axes = [np.unique(np.r_[0.0, c[(c >= 0.0) & (c <= 1.0)]]) for c in beyond]
        if np.prod([float(a.size) for a in axes]) <= 200_000:
            corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        else:  # too many to look at all of them: a sample
            corners = np.stack([rng.choice(a, 200_000) for a in axes], axis=-1)
        corners = corners[batch.free(corners)]
        if not len(corners):
            break
        for y in rng.permutation(corners):
            batch.offer(y, FILL)
    inside = ((batch.known.x >= 0.0) & (batch.known.x <= 1.0)).all(axis=1)
    order = np.argsort(batch.known.value[inside], kind="stable")  # NaN last
    # if all that is known lies outside, the part of the box that it takes up is all there is
    taken = [*batch.known.x[inside][order], *batch.places] or list(np.clip(batch.known.x, 0.0, 1.0))
    for k in range(batch.open):
        batch.add(taken[k % len(taken)], REPLICATE)
