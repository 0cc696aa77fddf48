"""The reference of the problem file is what its model says today."""

import runpy
from pathlib import Path

from reactune.analysis.problem.model import Problem

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "problem_file.py"))


def test_the_page_is_what_the_model_says():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"](), "run docs/problem_file.py"


def test_every_key_of_the_model_is_on_it():
    for _, _, model, keys in SCRIPT["TABLES"]:
        tables = set()
        if model is Problem:
            tables = {"variables", "define", "limits", "optimiser", "stop", "rig"}
        known = {field.alias or name for name, field in model.model_fields.items()}
        assert known - tables == set(keys), model
