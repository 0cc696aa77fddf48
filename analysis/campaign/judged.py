"""What a campaign hands over: the best experiment, or of two goals the front."""

import numpy as np

from ..optimisers.recommend import Recommendation, front
from .evaluation import Evaluation
from .leader import Leader
from .review import Reviewed

Found = tuple[int, Recommendation]
"""Index of a point's first valid experiment, and what is known of the point."""


class Judged(Reviewed):
    """Says which experiments are best, as the optimiser judges: not the luckiest noise."""

    def best(self, feasible: bool = False) -> Found | None:
        """Give the best experiment so far.

        Parameters
        ----------
        feasible : bool
            False: the best by merit. True: the best goal among those likely inside all windows,
            which is the one to hand over; of two goals there is none (`front`).

        Returns
        -------
        (int, Recommendation) or None
            None while there is none.
        """
        if feasible and len(self.problem.aims) > 1:
            return None
        best = self.optimiser.best(feasible)
        return None if best is None else (self._made(best), best)

    def front(self) -> list[Found]:
        """Give the experiments that no other is expected to beat in both of two goals.

        Of those likely inside all windows, by the first goal; none of one goal.
        """
        if len(self.problem.aims) == 1:
            return []
        return [(self._made(found), found) for found in front(self.optimiser.book)]

    def _made(self, found: Recommendation) -> int:
        """Give the index of the first valid experiment at a point."""
        span = self.space.upper - self.space.lower
        valid = [i for i, e in enumerate(self.evaluations) if e.valid]
        x = self.optimiser.book.table.x[valid]  # told row by row, as the evaluations were
        return valid[int((np.abs(x - found.x) / span).max(axis=1).argmin())]

    def leaders(self) -> list[Found]:
        """Give what is to be handed over.

        Of one goal the best feasible experiment, or the best by merit while none is feasible; of
        two the front, or what is nearest to the windows.
        """
        if several := self.front():
            return several
        best = self.best(feasible=True) or self.best()
        return [best] if best else []

    def bests(self) -> list[Evaluation]:
        """Give what became of the `leaders`."""
        return [self.evaluations[i] for i, _ in self.leaders()]

    def leader(self) -> Found | None:
        """Give the first of the `leaders`: of two goals the lowest first goal on the front."""
        return next(iter(self.leaders()), None)

    def handed_over(self) -> Evaluation | None:
        """Give what became of the `leader`."""
        return next(iter(self.bests()), None)

    def tell_of(self, index: int, found: Recommendation) -> Leader:
        """Say what is known of an experiment in the words of the problem."""
        return Leader.of(self.evaluations[index].number, found, self.problem)

    def told(self, found: Found | None) -> Leader | None:
        """Say what `best` found in the words of the problem."""
        return found and self.tell_of(*found)

    def doubted(self) -> dict[int, str]:
        """Give the experiments whose results all others contradict, and why, by number."""
        return {
            self.evaluations[doubt.row].number: doubt.sentence(self.problem.measured)
            for doubt in self.optimiser.book.doubted()
        }
