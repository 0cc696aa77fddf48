"""The known optima are optima, and every way asks for what can be set."""

import pytest

from tests.benchmarks.mixed import WAYS, optimum
from tests.benchmarks.mixed_tasks import PROBLEMS, TASKS

BEST = {
    "ligand": ("XPhos", 80),
    "solvent": ("DMSO", 3.3215, 67.578),
    "snar": ("K2CO3", 0.5, 5, 100),
    "suzuki": ("P2-L2", 74.153, 10, 1.25),
    "amination": ("L6", "K3PO4", 2, 60, 1),
    "stepped": (5, 2, 80, 0, 1, 1),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_best_is_the_best_and_nothing_better_is_found(name: str) -> None:
    task = TASKS[name]
    conditions = dict(zip(task.variables, BEST[name], strict=True))
    goal, inside = task.truth(conditions)
    assert inside
    assert task.best == pytest.approx(goal, rel=1e-4)
    assert task.solved(conditions)
    assert optimum(name, count=300)[0] <= task.best * (1 + 1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_asks_for_what_can_be_set_and_is_told(way: str) -> None:
    task, problem = TASKS["snar"], PROBLEMS["snar"]
    grids = {name: v.grid for name, v in problem.variables.items() if v.values or v.step}
    asking = WAYS[way](task, 1)
    for n in (7, 4, 4):
        asked = asking.ask(n)
        assert len(asked) == n
        for point in asked:
            assert problem.outside_limits(point) is None
            assert all(grid is None or grid.holds(point[name]) for name, grid in grids.items())
        asking.tell(asked, [task.measure(point) for point in asked])
