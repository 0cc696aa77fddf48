"""Each known optimum is the optimum: found from many starts, and not to be undercut."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import qmc

from tests.benchmarks.tasks import SETS, Task

ALL = [task for name in ("unconstrained", "hock", "others") for task in SETS[name]]


def lowest(task: Task) -> float:
    """The lowest goal within the windows themselves, by SLSQP from the best of many points."""
    lower, upper = np.array(task.lower), np.array(task.upper)
    starts = lower + qmc.Sobol(task.dim, seed=1).random(2048) * (upper - lower)
    f, F = task.truth(starts)
    worst = np.minimum(task.violation(F), 1e6)
    order = np.argsort(np.where(worst == 0, f, 1e9 + worst))[:24]
    equalities, inequalities = [], []
    for k, (low, high, _) in enumerate(task.windows):
        if low == high:
            equalities.append(lambda x, k=k, e=low: task.properties(x)[k] - e)
        else:
            if low is not None:
                inequalities.append(lambda x, k=k, e=low: task.properties(x)[k] - e)
            if high is not None:
                inequalities.append(lambda x, k=k, e=high: e - task.properties(x)[k])
    conditions = [{"type": "eq", "fun": g} for g in equalities]
    conditions += [{"type": "ineq", "fun": g} for g in inequalities]
    best = np.inf
    scale = max(abs(task.best), 1.0)
    for start in starts[order]:
        found = minimize(
            lambda x: task.goal(x) / scale,
            start,
            method="SLSQP",
            bounds=list(zip(lower, upper, strict=True)),
            constraints=conditions,
            options={"maxiter": 500, "ftol": 1e-14},
        )
        x = np.clip(found.x, lower, upper)
        if task.violation(task.truth(x[None, :])[1])[0] <= 1e-4:
            best = min(best, task.goal(x))
    return best


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # exp of a trial step
@pytest.mark.parametrize("task", ALL, ids=lambda t: t.name)
def test_the_optimum_is_known(task):
    found = lowest(task)
    scale = abs(task.best) or 1.0
    assert found == pytest.approx(task.best, abs=2e-5 * scale + 1e-8)


def test_the_sets_are_as_many_as_they_say():
    assert {name: len(tasks) for name, tasks in SETS.items()} == {
        "unconstrained": 10,
        "hock": 14,
        "others": 12,
        "unconstrained-noisy": 10,
        "hock-noisy": 14,
        "others-noisy": 12,
    }
    assert sum(bool(task.windows) for task in SETS["others"]) == 6
    names = [task.name for tasks in SETS.values() for task in tasks]
    assert len(set(names)) == len(names)


def test_solved_needs_goal_and_windows():
    (task,) = [t for t in SETS["hock"] if t.name == "HS30"]
    x = np.array([[1.0, 0, 0], [1.02, 0, 0], [1.0, 0.05, 0.05]])
    f, F = task.truth(x)
    assert task.solved(f, F).tolist() == [True, False, True]
    assert task.solved(f, F - 0.02).tolist() == [False, False, False]
    assert task.violation(F - 0.02)[0] == pytest.approx(2.0)
