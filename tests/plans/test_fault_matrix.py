"""A part of the fault matrix; ``python -m tests.faults --all`` tries the whole."""

import pytest

from tests.faults import cells, chosen, run, undisturbed


@pytest.fixture(scope="module")
def right():
    return undisturbed()


@pytest.mark.parametrize("cell", chosen(40), ids=str)
def test_cell(cell, right):
    assert run(cell, right) == []


def test_each_instrument_fault_and_moment_has_its_cells():
    every = cells()
    assert len(set(every)) == len(every) > 600
    for part in ("role", "kind", "moment", "times"):
        tried = {getattr(cell, part) for cell in chosen(40)}
        assert tried == {getattr(cell, part) for cell in every}
