"""The reference of the method file is what its model says today."""

import runpy
from pathlib import Path

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "method_file.py"))


def test_the_page_is_what_the_model_says():
    assert SCRIPT["PAGE"].read_text("utf-8") == SCRIPT["page"](), "run docs/method_file.py"


def test_every_key_of_the_model_is_on_it():
    for _, model, _, keys in SCRIPT["TABLES"]:
        assert set(model.model_fields) == set(keys), model
