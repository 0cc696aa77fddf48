"""What is quick of the fault matrix; ``python -m tests.faults --all`` tries the whole."""

import itertools

import pytest

from tests.faults import KINDS, MOMENTS, ROLES, cells, chosen, run, undisturbed


@pytest.fixture(scope="module")
def right():
    return undisturbed()


@pytest.mark.parametrize("cell", [c for c in chosen(40) if c.times == "once"], ids=str)
def test_no_fault_invents_a_value_or_leaves_the_rig_unsafe(cell, right):
    assert run(cell, right) == []


def test_there_is_a_cell_for_every_instrument_fault_and_moment():
    every = cells()
    assert len(set(every)) == len(every) == 896
    assert {(c.role, c.moment) for c in every} == set(itertools.product(ROLES, MOMENTS))
    assert {c.kind for c in every} == {c.kind for c in chosen(40)} == set(KINDS)
    assert {c.moment for c in chosen(40)} == set(MOMENTS)
