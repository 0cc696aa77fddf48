"""Two hundred examples of what `python -m tests.fuzz` tries by the ten thousand."""

import pytest

from tests.fuzz import fuzz
from tests.fuzzing.targets import TARGETS

EXAMPLES = 200


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_gives_documented_errors_alone(name):
    tried, taken = fuzz(TARGETS[name], EXAMPLES)
    assert tried >= EXAMPLES
    assert taken < tried  # the damage reaches what it is meant for
