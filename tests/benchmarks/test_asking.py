"""A person waits for an ask: three seconds for a table of twenty rows, five for a thousand.

In CPU seconds, which are the wall's on a machine that does nothing else.
"""

import pytest

from tests.benchmarks.asking import seconds


@pytest.mark.parametrize(("rows", "most"), [(20, 3.0), (1000, 5.0)])
def test_an_ask_is_quick(rows, most):
    assert seconds(rows)[1] < most
