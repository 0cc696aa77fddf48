"""Same seed, same results, same asks, however many threads the caller allows."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from reactune.analysis.one_thread import on_one_thread
from reactune.analysis.optimisers.snobfit import Snobfit


def told(threads):
    rng = np.random.default_rng(3)
    optimiser = Snobfit([0] * 4, [1] * 4, [(0.2, 0.5, 0.1)], seed=1)
    x = rng.random((150, 4))
    with threadpool_limits(threads, "blas"):
        noise = 0.01 * rng.standard_normal(150)
        optimiser.tell(x, np.sum((x - 0.3) ** 2, axis=1) + noise, np.sin(5 * x[:, :1]))
        return optimiser.ask(6)


def test_asks_are_the_same_whatever_the_callers_threads():
    assert np.array_equal(told(1), told(2))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_callers_threads_are_left_as_they_were(threads):
    seen = []

    @on_one_thread
    def look():
        seen.extend(library["num_threads"] for library in threadpool_info())

    with threadpool_limits(threads, "blas"):
        look()
        after = {library["num_threads"] for library in threadpool_info()}
    assert set(seen) == {1}
    assert after == {threads}
