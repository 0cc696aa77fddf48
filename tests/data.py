"""The published measurements that some tests compare with, where they are at hand.

``REACTUNE_DATA`` names their folder. It may be unset or empty (``make`` exports it empty where
it finds none): then the tests marked with `needs_data` are skipped.
"""

import csv
import os
from pathlib import Path

import pytest

_FOLDER = os.environ.get("REACTUNE_DATA", "")


def needs_data(test):
    """Skip a test or a test class where the measurements are not at hand; ``-m data`` selects."""
    skip = pytest.mark.skipif(
        not _FOLDER, reason="REACTUNE_DATA is not set: the published measurements are not here"
    )
    return pytest.mark.data(skip(test))


def walker2017(*parts: str) -> Path:
    """Path of what belongs to Walker et al., React. Chem. Eng. 2017."""
    return Path(_FOLDER, "walker2017", *parts)


def grid() -> list[dict[str, float]]:
    """Rows of the paper's grid: conditions and mole fractions of 164 measurements."""
    with walker2017("grid.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
