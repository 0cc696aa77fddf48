"""Somebody is asked, and the rig does not wait as it is for longer than it may."""

import threading
from types import SimpleNamespace

import pytest

from reactune.plans.asking import answered


def a_rig() -> SimpleNamespace:
    """One whose instruments do not confirm that they are safe."""
    return SimpleNamespace(
        clock=SimpleNamespace(now=lambda: 0.0),
        config=SimpleNamespace(pause_limit=0.2),
        feed=SimpleNamespace(since=None),
        interlock=SimpleNamespace(at_rest=False, held=""),
        tried=[],
    )


def asked(rig, ask):
    """Run the plan; give what it returns."""
    plan = answered(ask, rig, "the flask waits")
    try:
        while True:
            next(plan)
            threading.Event().wait(0.05)
    except StopIteration as end:
        return end.value


def test_what_does_not_confirm_is_not_tried_again_with_every_glance(caplog):
    rig = a_rig()
    rig.safe = lambda: rig.tried.append("safe")
    assert asked(rig, lambda: threading.Event().wait(1.0) or "yes") == "yes"
    assert rig.tried == ["safe"]
    assert caplog.messages == ["the flask waits: the rig goes to its safe state"]


def test_what_asking_raises_is_raised_in_the_plan():
    def gone():
        raise OSError("the page is gone")

    with pytest.raises(OSError, match="the page is gone"):
        asked(a_rig(), gone)
