"""The known optima are optima, and every way asks for what can be set."""

import pytest

from tests.benchmarks.mixed import PROBLEMS, TASKS, WAYS, optimum


@pytest.mark.parametrize("name", TASKS)
def test_nothing_better_than_the_best_is_found(name: str) -> None:
    best, conditions = optimum(name, count=800)
    assert best <= TASKS[name].best + 1e-4 * abs(TASKS[name].best)
    assert best >= 0.97 * TASKS[name].best
    assert TASKS[name].solved(conditions)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_asks_for_what_can_be_set_and_is_told(way: str) -> None:
    task, problem = TASKS["snar"], PROBLEMS["snar"]
    asking = WAYS[way](task, 1)
    for n in (7, 4, 4):
        asked = asking.ask(n)
        assert len(asked) == n
        for point in asked:
            assert problem.outside_limits(point) is None
            assert problem.variables["equiv"].grid.holds(point["equiv"])  # type: ignore[union-attr]
            assert problem.variables["temperature"].grid.holds(  # type: ignore[union-attr]
                point["temperature"]
            )
        asking.tell(asked, [task.measure(point) for point in asked])
