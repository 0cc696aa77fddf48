"""What to do next, from a table of what was done: the same table and seed, the same asks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..analytics import Told
from ..campaign.agent import Agent
from ..campaign.suggestion import Suggestion
from ..problem.model import Problem, ProblemError
from ..problem.space import Space
from ..problem.tables import Setting
from .dial import dialled, step_of
from .results import Results

ROUNDS = 4
"""How often further points are asked for in place of those that rounding makes the same."""


class Asking:
    """An agent that knows what a table holds.

    Parameters
    ----------
    problem : Problem
    results : Results
    seed : int

    Attributes
    ----------
    problem : Problem
    results : Results
    agent : Agent
        Its experiments have the numbers of their rows.
    lost : dict of int to str
        Rows that the optimiser cannot be told of, and why: at another value than the problem has
        under ``[fixed]``, with choices that there are not, or outside today's limits, where tied
        streams have no place.
    """

    def __init__(self, problem: Problem, results: Results, seed: int = 0) -> None:
        self.problem, self.results = problem, results
        entries = [(Suggestion(e.row, e.conditions, "given"), e) for e in results.entries]
        # another stream of chance for each length of the table, or random places come again
        (own,) = np.random.SeedSequence((seed, len(entries))).generate_state(1)
        self.agent = Agent(_apart(problem), Told(problem.measured), seed=int(own))
        known = [(s, e.measurement) for s, e in entries if not e.apart]
        lost = self.agent.know([(s, found) for s, found in known if found])
        self.lost = {
            e.row: e.apart or problem.outside_limits(e.conditions) or "outside today's limits"
            for e in results.entries
            if e.row in lost or e.apart
        }
        self.agent.expect([s for s, found in known if found is None])

    @property
    def left(self) -> int:
        """How many experiments the budget has left; what is outstanding counts as made."""
        return self.problem.budget - (len(self.results.entries) - len(self.lost))

    def ask(self, n: int) -> list[Suggestion]:
        """Choose n experiments that can be dialled, and add them to the table.

        Fewer where variables have few values, and fewer points are left that were never tried; of
        none left the best are repeated, and `why` says so.

        Raises
        ------
        SheetError
            If the table cannot be written.
        """
        taken = {_key(entry.conditions) for entry in self.results.entries}
        # less where less is left to try; where nothing is, repeats
        n = int(min(n, self.agent.untried() or n))
        chosen: list[Suggestion] = []  # their numbers are those of their rows in the end
        for _ in range(ROUNDS):
            left = n - len(chosen)
            for asked in self.agent.draw(left):
                point = dialled(self.problem, asked.conditions)
                again = asked.why.startswith("replicate")
                if _key(point) not in taken or again:
                    chosen.append(replace(asked, conditions=point))
                    taken.add(_key(point))
            if len(chosen) == n:
                break
        rows = self.results.extend([asked.conditions for asked in chosen])
        return [replace(asked, number=row) for asked, row in zip(chosen, rows, strict=True)]


def _key(conditions: Mapping[str, Setting]) -> tuple[Setting, ...]:
    return tuple(conditions.values())


def _apart(problem: Problem) -> Problem:
    """Give the problem with the steps in which each variable is set as its resolution.

    As it is where limits leave none of these.
    """
    stated = problem.to_dict()
    for name, variable in problem.variables.items():
        if variable.grid is None:
            stated["variables"][name]["resolution"] = step_of(problem, name)
    stepped = Problem.load(stated)
    try:
        Space.of(stepped)
    except ProblemError:
        return problem
    return stepped
