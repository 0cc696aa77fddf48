"""Choices and what describes them: read from a file or stated, refused by name."""

import json
import re

import numpy as np
import pytest

from reactune.analysis.problem.choices import described, positions
from reactune.analysis.problem.in_words import in_words
from reactune.analysis.problem.model import Problem
from reactune.analysis.problem.space import Space
from tests.analysis.problem.stated import sentences

SOLVENTS = ["THF", "MeCN", "2,4-dioxane"]
TOML = """
maximise = "yield"
measured = ["yield"]
[variables]
solvent = { choices = ["THF", "MeCN", "2,4-dioxane"], descriptors = "lists/solvents.csv" }
temperature = [30, 120]
"""
NUMBERS = {"E_T(30)": (37.4, 45.6, 36.0), "donor": (20.0, 14.1, 14.8)}
COMMAS = 'name,E_T(30),donor\nTHF,37.4,20\n"2,4-dioxane",36,14.8\nDMF,43.2,26.6\nMeCN,45.6,14.1\n'
SEMICOLONS = "name;E_T(30);donor\nthf;37,4;20\n2,4-dioxane;36;14,8\nMeCN;45,6;14,1\n"


def solvent(**more):
    return Problem(
        maximise="yield", measured=["yield"],
        variables={"solvent": {"choices": SOLVENTS, **more}, "T": (30, 120)},
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *(COMMAS, SEMICOLONS, "\ufeff" + COMMAS.replace("\n", "\r\n")),
        SEMICOLONS.replace("\n", "\r"),
    ],
)
def test_a_file_beside_the_problem_file_describes_them_and_is_kept(tmp_path, text, monkeypatch):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "solvents.csv").write_bytes(text.encode())
    (tmp_path / "amide.toml").write_text(TOML)
    monkeypatch.chdir("/")
    p = Problem.load(tmp_path / "amide.toml")
    assert p.variables["solvent"].descriptors == NUMBERS
    # what is stored needs the file no more
    (tmp_path / "lists" / "solvents.csv").unlink()
    assert Problem.load(json.loads(json.dumps(p.to_dict()))) == p
    assert "THF, MeCN or 2,4-dioxane, described by E_T(30), donor" in in_words(p)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "s.csv is empty; its first line names the columns"),
        ("name\nTHF\nMeCN\n\"2,4-dioxane\"\n", "has no column of numbers"),
        ("name,x\nTHF,1\nMeCN,2\n", "s.csv has no row 2,4-dioxane; its first column names "),
        (COMMAS.replace("45.6", "high"), "s.csv, E_T(30) of MeCN is 'high', which is no number; "
         "fill it in, or leave the column out"),
        (COMMAS.replace("donor", "E_T(30)"), "s.csv has two columns E_T(30)"),
        (COMMAS.replace("45.6,14.1", "37.4,20"), "descriptors of THF and MeCN are the same; add "
         "one that tells them apart"),
        (COMMAS + "thf,36,20\n", "s.csv has more than one row THF; keep the one that is right"),
        (COMMAS.replace("45.6,", "45,6,"), "s.csv has 4 cells in row 5 and 3 titles; name every "
         "column, and where numbers have a decimal comma part the cells by semicolons"),
        (COMMAS.replace("45.6", '"45,600"'), "s.csv, E_T(30) of MeCN is '45,600', which may be "
         "45.6 or 45600; write the one it is"),
        (COMMAS.replace("45.6", "4_5"), "E_T(30) of MeCN is '4_5', which is no number; fill it in"),
    ],
)  # fmt: skip
def test_a_file_that_describes_nothing_is_named(tmp_path, text, sentence):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        described(str(tmp_path / "s.csv"), SOLVENTS)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ("none.csv", "descriptors: there is no file none.csv; it has a row for each choice, named "
         "in the first column"),
        (".", "descriptors:  is a folder; name a file in it"),
        ([1, 2, 3], "descriptors must be the name of a CSV file, or lists of numbers by name, not "
         "[1, 2, 3]"),
        ({"E.T": [1, 2, 3]}, "descriptors: 'E.T' has a ., which no key of a stored document "
         "may have: call it otherwise"),
        ({"x": [1, 2]}, "descriptors.x must be 3 numbers, one for each of THF, MeCN, 2,4-dioxane"),
        ({"x": [1, "a", 3]}, "descriptors.x of MeCN: 'a' is text"),
    ],
)  # fmt: skip
def test_descriptors_that_are_none_are_refused(stated, sentence):
    assert sentences(solvent, descriptors=stated) == [f"variables.solvent: {sentence}"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"maximise": "yield * solvent"}, "goal: solvent is a choice"),
        ({"constraints": ["yield / solvent >= 1 +/- 0.1"]}, "constraints[1]: solvent is a choice"),
        ({"limits": {"far": {"of": "T + solvent", "within": (1, 2)}}}, "limits.far: solvent is a "),
        ({"define": {"z": "2 * solvent"}}, "define.z: solvent is a choice"),
    ],
)  # fmt: skip
def test_nothing_is_computed_from_a_word(change, sentence):
    stated = solvent().to_dict() | change
    assert any(told.startswith(sentence) for told in sentences(Problem.load, stated))


def test_conditions_are_words_and_others_are_refused():
    space = Space.of(p := solvent())
    assert space.to_conditions([[1, 60.0]]) == [{"solvent": "MeCN", "T": 60.0}]
    assert space.to_box({"solvent": "MeCN", "T": 60.0}).tolist() == [1.0, 60.0]
    for wrong, said in (
        ({"solvent": "hexane", "T": 60.0}, "solvent = 'hexane' is none of its choices: THF, "),
        ({"solvent": 1.0, "T": 60.0}, "solvent = 1.0 is none of its choices"),
        ({"solvent": "THF", "T": "hot"}, "T = 'hot' is no number"),
    ):  # fmt: skip
        assert said in p.outside_limits(wrong)
        assert space.place(wrong) is None
        with pytest.raises(ValueError, match=r"is none of its choices|is no number"):
            space.to_box(wrong)


def test_what_is_described_alike_is_near_and_all_are_apart_without():
    three = positions(SOLVENTS, {"polarity": [37.4, 45.6, 36.0], "same": [1, 1, 1]})
    gap = np.linalg.norm(three[:, None] - three[None], axis=2)
    assert gap[0, 2] < gap[0, 1] < gap[1, 2]
    alone = positions(SOLVENTS, None)
    gap = np.linalg.norm(alone[:, None] - alone[None], axis=2)
    assert gap[np.triu_indices(3, 1)] == pytest.approx(np.full(3, np.sqrt(2)))
    rng = np.random.default_rng(0)
    many = positions([*"abcdefg"], {f"d{k}": rng.random(7).tolist() for k in range(9)})
    assert many.shape == (7, 3 + 7)  # of many descriptors the principal axes
    assert np.ptp(many[:, :3], axis=0) == pytest.approx(np.full(3, 2.0))
