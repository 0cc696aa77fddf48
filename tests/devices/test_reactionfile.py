"""The reaction file: what it may say, and what it is told otherwise."""

import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.reactionfile import (
    ReactionError,
    ReactionFile,
    built_in,
    load_reaction,
)
from reactune.devices.rigfile import RigError, load, parse

GOOD = """\
title = "Ester"
temperature = 60
[[steps]]
equation = "acid + alcohol <-> ester + water"
k = 0.2
unit = "1/(M^1.5 min)"
energy = 50
orders = { cat = 0.5 }
reverse = { k = 0.05, unit = "L/(mol min)", energy = 45 }
[[steps]]
equation = "2 alcohol -> ether + water"
A = 1e9
unit = "1/(M s)"
energy = 100
[species]
acid    = { formula = "C2H4O2" }
alcohol = { formula = "C2H6O" }
ester   = { formula = "C4H8O2" }
water   = { formula = "H2O" }
ether   = { weight = 74.12 }
cat     = {}
[streams]
acid    = { acid = 1000, cat = 20 }
alcohol = { alcohol = 1500 }
solvent = {}
[peaks]
acid  = { of = "acid", response = 0.002 }
ester = { of = ["ester", "ether"] }
[noise]
extent = 0.01
"""


def written(tmp_path, text):
    path = tmp_path / "ester.toml"
    path.write_text(text, "utf-8")
    return path


def test_orders_constants_and_peaks_are_those_of_the_file(tmp_path):
    reaction = load_reaction(written(tmp_path, GOOD))
    first, second = reaction.steps
    assert first.order({"acid": 1.0}) == {"acid": 1.0, "cat": 0.5}
    assert first.constant(2.5) == pytest.approx(0.2 / 1000**1.5)  # mM, min
    assert first.reverse.constant(2) == pytest.approx(0.05 / 1000)
    assert second.constant(2) == pytest.approx(1e9 * 60 / 1000)
    assert reaction.peaks["ester"].of == ("ester", "ether")
    assert reaction.noise.extent == 0.01
    assert load_reaction("ester.toml", tmp_path) == reaction


def test_marks_and_line_ends_of_other_editors_are_no_errors(tmp_path):
    path = tmp_path / "ester.toml"
    path.write_bytes(("\ufeff" + GOOD.replace("\n", "\r\n")).encode())
    assert load_reaction(path) == load_reaction(written(tmp_path, GOOD))
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(ReactionError, match=r"ester\.toml is UTF-16 text; save it as UTF-8"):
        load_reaction(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("M^1.5 ", "M ", "steps.1: unit = '1/(M min)' is none of a rate constant of order 2.5: "
         "give it in M^-1.5 / s or the like, or correct the orders"),
        ("1/(M s)", "1/s", "steps.2: unit = '1/s' is none of a rate constant of order 2: give it "
         "in M^-1 / s or the like, or correct the orders"),
        ("1/(M s)", "2 furlongs", "steps.2: unit = '2 furlongs' cannot be read: write it like "
         "1/min, 1/(M s) or L/(mol s)"),
        ("k = 0.2", "k = -0.2",
         "steps.1.k = -0.2 cannot be used: write a number of at least 0"),
        ("k = 0.2\n", "", "steps.1: a rate needs k, or A in its place, and not both"),
        ("energy = 100", "energy = 100\nat = 25",
         "steps.2: at is the temperature of k, and A has none: delete it"),
        ("acid + alcohol", "acid + alcool",
         "step 1: 'alcool' is none of the species acid, alcohol, ester, water, ether, cat: did you "
         "mean 'alcohol'?"),
        ("cat = 0.5", "Pd = 0.5", "step 1: orders: 'Pd' is none of the species acid, alcohol, "
         "ester, water, ether, cat: add it to species"),
        ("cat = 20", "cats = 20", "streams.acid: 'cats' is none of the species acid, alcohol, "
         "ester, water, ether, cat: did you mean 'cat'?"),
        ('of = "acid"', 'of = "asid"', "peaks.acid: 'asid' is none of the species acid, alcohol, "
         "ester, water, ether, cat: did you mean 'acid'?"),
        ("C4H8O2", "C4H9O", "step 1: 'acid + alcohol <-> ester + water' does not balance, with 10 "
         "H on the left and 11 on the right, 3 O on the left and 2 on the right: correct the "
         "equation or the species"),
        ("<->", "->",
         "steps.1: 'acid + alcohol -> ester + water' has a reverse rate: write '<->', or delete "
         "it"),
        ("2 alcohol ->", "2 alcohol <->", "steps.2: '2 alcohol <-> ether + water' is reversible: "
         "add reverse = { k = ..., unit = ... }, or write '->'"),
        ("2 alcohol ->", "2 alcohol", "steps.2: '2 alcohol ether + water' has no arrows: write "
         "one, '->' or for a reversible step '<->', such as 'A + B -> P'"),
        ("C2H6O", "c2h6o", "species.alcohol.formula: 'c2h6o' is no formula: write elements and "
         "numbers, such as C6H3F2NO2 or Ca(OH)2"),
        ("cat     = {}", "cat = {}\nligand = {}", "species.ligand is used by nothing: delete it"),
        ('of = ["ester", "ether"]', 'of = ["ester", "acid"]',
         "peaks.acid and peaks.ester both show 'acid': it elutes once"),
        ("energy = 100", "enrgy = 100",
         "steps.2.enrgy = 100 is no key of a reaction file: did you mean 'energy'?"),
        ("acid = 1000", "acid = 0",
         "streams.acid.acid = 0 cannot be used: write a number above 0"),
        ("temperature = 60", "temperature = -300",
         "temperature = -300 cannot be used: write a number above -273.15"),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_in_a_sentence(tmp_path, old, new, told):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ReactionError) as caught:
        load_reaction(path)
    assert str(caught.value) == f"{path}: {told}"


def test_weights_have_to_balance_too(tmp_path):
    text = GOOD.replace('{ formula = "C2H6O" }', '{ formula = "C2H6O", weight = 46.07 }')
    text = text.replace('{ formula = "H2O" }', '{ formula = "H2O", weight = 18.02 }')
    load_reaction(written(tmp_path, text))
    with pytest.raises(ReactionError, match=r"with 92.14 g/mol on the left and 92.82 on the right"):
        load_reaction(written(tmp_path, text.replace("74.12", "74.8")))


def test_which_files_there_are(tmp_path):
    with pytest.raises(ReactionError, match=r"no built-in reaction 'snra'; built in: .*snar"):
        load_reaction("snra")
    with pytest.raises(ReactionError, match=r"reaction file none.toml cannot be read \(No such"):
        load_reaction("none.toml")
    for name in built_in():
        assert load_reaction(name).source


def rig_text(reaction):
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    return text.replace('"walker2017"', reaction)


def test_a_rig_file_names_a_reaction_file_beside_it(tmp_path):
    (tmp_path / "rig.toml").write_text(rig_text('"ester.toml"'), "utf-8")
    with pytest.raises(RigError) as caught:
        load(tmp_path / "rig.toml")
    assert str(caught.value) == (
        f"{tmp_path / 'rig.toml'}: emulation.reaction: reaction file ester.toml cannot be read (No "
        "such file or directory): check its path"
    )
    written(tmp_path, GOOD)
    rig = load(tmp_path / "rig.toml")
    assert rig.emulation.reaction == load_reaction(tmp_path / "ester.toml")
    # a stored run needs no file: it has all of it
    assert type(rig).model_validate(rig.model_dump(mode="json", by_alias=True)) == rig
    written(tmp_path, GOOD.replace("k = 0.2", "k = -1"))
    with pytest.raises(RigError, match=r"rig.toml: emulation.reaction: ester.toml: steps.1.k = -1"):
        load(tmp_path / "rig.toml")


def test_or_has_it_as_a_table(tmp_path):
    reaction = load_reaction(written(tmp_path, GOOD))
    text = rig_text('"walker2017"').replace('reaction        = "walker2017"', "")
    inline = "\n".join(
        re.sub(r"^(\[+)", r"\1emulation.reaction.", line) for line in GOOD.splitlines()
    )
    assert parse(f"{text}\n[emulation.reaction]\n{inline}").emulation.reaction == reaction
    with pytest.raises(RigError, match=r"emulation.reaction: species is missing: add it"):
        parse(f"{text}\n[emulation.reaction]\ntitle = 'x'")


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    k=st.floats(0, 1e12),
    energy=st.floats(-100, 300),
    order=st.sampled_from([0, 0.5, 1, 1.5, 2]),
    numbers=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_what_is_dumped_is_read_again(k, energy, order, numbers):
    a, b = numbers
    stated = {
        "species": ["A", "B"],
        "steps": [{
            "equation": f"{a} A -> {b} B", "k": k, "energy": energy, "orders": {"A": order},
            "unit": f"mM^{1 - order:g} / min".replace("^", "**"),
        }],
        "streams": {"a": {"A": 1.0}},
        "peaks": {"A": {"of": "A"}},
    }  # fmt: skip
    reaction = ReactionFile.model_validate(stated)
    assert reaction.steps[0].constant(order) == pytest.approx(k)
    assert ReactionFile.model_validate(reaction.model_dump(mode="json")) == reaction
