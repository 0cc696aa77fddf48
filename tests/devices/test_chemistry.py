"""Formulae and equations as they are written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.chemistry import Equation, elements

NAMES = st.from_regex(r"[A-Za-zα-ω][A-Za-z0-9_]{0,8}", fullmatch=True)
NUMBERS = st.one_of(st.integers(1, 12).map(float), st.sampled_from([0.5, 1.5, 2.25]))
SIDES = st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=4)


@settings(derandomize=True, deadline=None)
@given(left=SIDES, right=SIDES, reversible=st.booleans())
def test_an_equation_is_read_as_it_is_written(left, right, reversible):
    equation = Equation(left, right, reversible)
    if left == right:
        with pytest.raises(ValueError, match="changes nothing"):
            Equation.parse(str(equation))
        return
    assert Equation.parse(str(equation)) == equation
    packed = str(equation).replace(" + ", "+")
    assert Equation.parse(packed) == equation


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A+2B->P", "A + 2 B -> P"),
        ("A + B --> P", "A + B -> P"),
        ("A → P", "A -> P"),
        ("A => P", "A -> P"),
        ("A <=> P", "A <-> P"),
        ("A = P", "A <-> P"),
        ("A ⇌ 2 P", "A <-> 2 P"),
        ("A + A -> P", "2 A -> P"),
        ("0.5 * O2 + cat -> O + cat", "0.5 O2 + cat -> O + cat"),
    ],
)
def test_forms_of_an_equation(text, meant):
    assert str(Equation.parse(text)) == meant


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("A + B", "'A . B' has no arrows: write one"),
        ("A -> B -> C", "has 2 arrows"),
        ("A + -> C", "holds an empty place, which is no species"),
        ("A -> ", "holds an empty place"),
        ("A + 2,4-D -> C", "holds '2,4-D', which is no species"),
        ("0 A -> C", "holds '0 A'"),
        ("cat + A -> A + cat", "changes nothing"),
        ("", "has no arrows"),
    ],
)
def test_what_is_no_equation(text, match):
    with pytest.raises(ValueError, match=match):
        Equation.parse(text)


def test_formulae():
    assert elements("C6H3F2NO2") == {"C": 6, "H": 3, "F": 2, "N": 1, "O": 2}
    assert elements("Ca(OH)2") == {"Ca": 1, "O": 2, "H": 2}
    assert elements("Pd(P(C6H5)3)4") == {"Pd": 1, "P": 4, "C": 72, "H": 60}
    for wrong in ("", "c6h6", "Xx2", "C6(H5", "CH3)", "C-6", "2", "()"):
        with pytest.raises(ValueError, match="is no formula"):
            elements(wrong)


ATOMS = {"H2": "H2", "O2": "O2", "water": "H2O", "peroxide": "H2O2"}
WEIGHTS = {"H2": 2.016, "O2": 31.998, "water": 18.015, "peroxide": 34.014}


@pytest.mark.parametrize(
    ("text", "atoms", "weights"),
    [
        ("2 H2 + O2 -> 2 water", "", ""),
        ("H2 + 0.5 O2 -> water", "", ""),
        ("H2 + O2 <-> peroxide", "", ""),
        ("H2 + O2 -> water", "2 O on the left and 1 on the right",
         "34.014 g/mol on the left and 18.015 on the right"),
        ("H2 + O2 -> other", "", ""),
    ],
)  # fmt: skip
def test_what_does_not_balance(text, atoms, weights):
    assert Equation.parse(text).imbalance(ATOMS, {}) == atoms
    assert Equation.parse(text).imbalance({}, WEIGHTS) == weights
