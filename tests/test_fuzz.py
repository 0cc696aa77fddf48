"""Two hundred examples of what `python -m tests.fuzz` tries by the ten thousand."""

import logging

import pytest
from hypothesis import strategies as st

from tests import fuzz as command
from tests.fuzzing.targets import TARGETS, Target

EXAMPLES = 200


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_gives_documented_errors_alone(name, caplog):
    caplog.set_level(logging.CRITICAL)
    tried, taken = command.fuzz(TARGETS[name], EXAMPLES)
    assert tried >= EXAMPLES
    assert 0 < taken < tried  # the damage is neither harmless nor all there is


def test_the_command_counts_and_fails_with_its_targets(monkeypatch, capsys):
    numbers = st.tuples(st.integers(0, 100))
    wrong = Target(numbers, lambda n: 1 // (n - 7) > 0)
    for name, target, code in (("sound", Target(numbers, bool), 0), ("wrong", wrong, 1)):
        monkeypatch.setattr(command, "TARGETS", {name: target})
        monkeypatch.setattr(logging, "disable", lambda: None)  # for the tests that follow
        assert command.main(["--examples", "150"]) == code
        out, err = capsys.readouterr()
        assert f"{name:<20}" in out
        assert ("ZeroDivisionError" in err) == bool(code)
