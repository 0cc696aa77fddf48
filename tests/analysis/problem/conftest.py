"""A problem file with some of its text replaced."""

import pytest

from reactune.analysis.problem.model import Problem
from tests.analysis.problem.stated import RUN_3


@pytest.fixture
def load(tmp_path):
    """Load a problem from a TOML file run3.toml with some of its text replaced."""

    def load(*changes, text=RUN_3):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "run3.toml"
        path.write_text(text, encoding="utf-8")
        return Problem.load(path)

    return load
