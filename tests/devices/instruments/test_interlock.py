"""Who holds the interlock, of several at once."""

import pytest

from reactune.devices.instruments.interlock import Interlock, RigFaultError


def test_blocks_that_overlap_hold_it_until_the_last_is_over():
    interlock = Interlock()
    first, second = interlock.holding("made safe"), interlock.holding("made safe again")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert interlock.held == "made safe again"
    with pytest.raises(RigFaultError, match="made safe again"):
        interlock.check()
    second.__exit__(None, None, None)
    assert not interlock.held
    interlock.check()


def test_a_plan_that_is_to_end_while_the_rig_is_made_safe_moves_nothing_afterwards():
    interlock = Interlock()
    with interlock.holding("made safe"):
        interlock.hold("the plan ends")
    with pytest.raises(RigFaultError, match="the plan ends"):
        interlock.check()
    interlock.release()
    interlock.check()


def test_release_leaves_it_held_by_who_makes_the_rig_safe():
    interlock = Interlock()
    with interlock.holding("made safe"):
        interlock.release()
        with pytest.raises(RigFaultError, match="made safe"):
            interlock.check()
