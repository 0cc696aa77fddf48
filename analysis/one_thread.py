"""Linear algebra on one thread, whatever the caller's process allows.

The matrices here are small: more threads cost more than they bring. And they sum in another order,
so that the same seed and results would be asked about other points.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _libraries() -> Any:
    """Find the libraries of this process, once numpy's and scipy's are loaded."""
    import scipy.linalg  # noqa: F401 - has a library of its own
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def on_one_thread(call: Callable[P, R]) -> Callable[P, R]:
    """Have a function do its linear algebra on one thread."""

    @wraps(call)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _libraries().limit(limits=1, user_api="blas"):
            return call(*args, **kwargs)

    return limited
