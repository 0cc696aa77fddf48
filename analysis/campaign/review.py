"""A person looks at each batch before it is measured: approves, changes, adds or leaves out."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..problem.tables import Setting
from ..written import exact
from .adaptive import Adaptive
from .suggestion import Suggestion

Review = Callable[[list[dict[str, Any]]], Sequence[Mapping[str, Any]]]
"""Is given points, each with its ``_id`` and ``_why``; gives those that are to be measured.

With their ``_id`` if they are as they were or changed, without one if they are new. What is left
out is not measured.
"""

SOMEBODY = "a person"
"""Who has reviewed, where nobody says who."""


class Reviewed(Adaptive):
    """Suggests what a person has looked at."""

    _settled: bool

    @abstractmethod
    def _fill_queue(self, outstanding: int = 0) -> None:
        """Draw a batch, if no more than so many results are outstanding."""

    def suggest(
        self, num_points: int | None = None, review: Review | None = None, by: str = SOMEBODY
    ) -> list[dict[str, Setting]]:
        """Give the next experiments; see `Adaptive.suggest`.

        Parameters
        ----------
        num_points : int, optional
        review : callable, optional
            Looks at the points before they are given; see `Review`.
        by : str
            Who that is.

        Raises
        ------
        ValueError
            If the review gives a point that cannot be set.
        """
        if review is None:
            return super().suggest(num_points)
        lacking = (1 if num_points is None else num_points) - len(self._queue)
        if lacking > 0:
            self._queue.extend(self.draw(lacking))
        chosen = self.settle(review(self.shown(list(self._queue))), by)
        return super().suggest(len(chosen))

    def propose(self) -> list[dict[str, Any]]:
        """Give the batch that nobody has looked at yet, drawn if it has to be; else nothing."""
        if self._queue and self._settled:
            return []
        self._fill_queue()
        return self.shown(list(self._queue))

    def settle(
        self, points: Sequence[Mapping[str, Any]], by: str = SOMEBODY
    ) -> list[dict[str, Any]]:
        """Have these points asked for in place of the batch that waits.

        Parameters
        ----------
        points : sequence of mapping
            What a `Review` gives.
        by : str
            Who has chosen them; why a point is measured says so.

        Returns
        -------
        list of dict
            The points with nothing but their ``_id`` and conditions, as `settle` takes them again.

        Raises
        ------
        ValueError
            If a point cannot be set: it is outside a range or limit or between steps, and never
            moved to where it could be; if its ``_id`` is none of the batch; if there are more than
            the budget has left, or different values of what a batch shares. Nothing is changed.
        """
        chosen, first = self.chosen(points), self._next()
        kept = [
            asked.number for asked, conditions in chosen if asked and asked.conditions == conditions
        ]
        new = [conditions for asked, conditions in chosen if not asked or asked.number not in kept]
        for asked in self._queue:
            if asked.number not in kept:  # as it was it is not measured
                self.optimiser.withdraw(self.space.to_box(asked.conditions))
        if new:
            self.optimiser.expect(np.array([self.space.to_box(conditions) for conditions in new]))
        self._queue.clear()
        self._queue.extend(
            Suggestion(number, conditions, _why(asked, conditions, by))
            for number, (asked, conditions) in enumerate(chosen, first)
        )
        self._settled = True
        return [
            ({"_id": asked.number} if asked else {}) | conditions for asked, conditions in chosen
        ]

    def chosen(
        self, points: Sequence[Mapping[str, Any]]
    ) -> list[tuple[Suggestion | None, dict[str, Setting]]]:
        """Read what a review gives: for each point what had been asked for, and what now is.

        Raises
        ------
        ValueError
            As `settle`.
        """
        left = {asked.number: asked for asked in self._queue}
        read: list[tuple[Suggestion | None, dict[str, Setting]]] = []
        for point in points:
            conditions, number = self.settable(point), point.get("_id")
            asked = left.pop(number, None) if number is not None else None
            if number is not None and asked is None:
                raise ValueError(f"_id {number!r} is no point of this batch, or is there twice")
            read.append((asked, conditions))
        if len(self._asked) + len(read) > self.problem.budget:
            raise ValueError(
                f"{len(read)} points are chosen, and {self.problem.budget - len(self._asked)} are "
                f"left of the budget ({self.problem.budget}); leave some out"
            )
        for name in self.problem.shared:
            if len({conditions[name] for _, conditions in read}) > 1:
                raise ValueError(
                    f"a batch shares one {name}: give all points the same, or drop some"
                )
        return read

    def settable(self, point: Mapping[str, Any]) -> dict[str, Setting]:
        """Read conditions that somebody else chose to have them measured.

        Raises
        ------
        ValueError
            If they are outside a range or limit, or between the steps of a variable.
        """
        conditions = self._chosen(point)
        for name, variable in self.problem.variables.items():
            grid, value = variable.grid, conditions[name]
            if grid is not None and not isinstance(value, str) and not grid.holds(value):
                near = grid.value(grid.below(np.array([value])) + np.array([0, 1]))
                raise ValueError(
                    f"{name} = {exact(value)} lies between what can be set: "
                    f"{' and '.join(exact(float(v)) for v in near)}"
                )
        return conditions

    @staticmethod
    def shown(batch: Sequence[Suggestion]) -> list[dict[str, Any]]:
        """Give points as a `Review` is given them."""
        return [{"_id": s.number, "_why": s.why, **s.conditions} for s in batch]


def _why(asked: Suggestion | None, conditions: Mapping[str, Any], by: str) -> str:
    """Say why a point is measured that somebody has looked at."""
    if asked is None:
        return f"added by {by}"
    was = ", ".join(
        f"{name} was {value if isinstance(value, str) else exact(value)}"
        for name, value in asked.conditions.items()
        if value != conditions[name]
    )
    return f"changed by {by}: {was}" if was else asked.why
