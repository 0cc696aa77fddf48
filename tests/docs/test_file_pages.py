"""The references of method, rig and reaction file are what their models say today."""

import importlib

import pytest

PAGES = ["method_file", "rig_file", "reaction_file"]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_model_says(name):
    script = importlib.import_module(name)
    assert script.PAGE.read_text("utf-8") == script.page(), f"run docs/{name}.py"


@pytest.mark.parametrize("name", PAGES)
def test_every_key_of_the_model_is_on_it(name):
    for _, model, _, keys in importlib.import_module(name).TABLES:
        known = {field.alias or key for key, field in model.model_fields.items()}
        assert known == set(keys), model


@pytest.mark.parametrize("name", PAGES)
def test_every_key_is_described(name):
    assert "is not described" not in importlib.import_module(name).page()
