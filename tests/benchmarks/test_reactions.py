"""The shipped reactions have the optima that their documentation states."""

import pytest

from reactune.devices.emulation.reactions import REACTIONS, names, reaction_of
from reactune.devices.reactionfile import built_in
from reactune.devices.rigfile import RigError, load
from reactune.plans.commands.demo import DEMOS
from tests.benchmarks.reactions import Truth


@pytest.mark.parametrize(
    ("problem", "rig", "choices", "goal", "conditions"),
    [
        ("walker-ii", "walker", {}, 0.00871, {"temperature": 100}),
        ("snar", "snar", {}, -178.3,
         {"temperature": 109.6, "residence_time": 0.5, "equivalents": 1.99, "concentration": 100}),
        ("catalysts", "catalysts", {"catalyst": "C1"}, -96.05,
         {"temperature": 82.4, "residence_time": 10, "equivalents": 2, "loading": 0.625}),
        ("catalysts", "catalysts", {"catalyst": "C2"}, -70.83, {"temperature": 82.5}),
    ],
)  # fmt: skip
def test_known_optima(problem, rig, choices, goal, conditions):
    truth = Truth.of(problem, rig, **choices)
    point, least = truth.optimum()
    assert least == pytest.approx(goal, rel=2e-3)
    (found,) = truth.space.to_conditions(point[None])
    assert {name: found[name] for name in conditions} == pytest.approx(conditions, rel=0.03)


def test_the_first_catalyst_is_the_best():
    catalysts = load("catalysts").emulation.reaction.choices["catalyst"]
    energies = [kinetics["E1"] for kinetics in catalysts.values()]
    assert energies == sorted(energies)  # the less, the faster, and nothing else differs


def test_what_is_in_the_flask_is_chosen():
    rig = load("catalysts").model_copy(update={"choices": {}})
    for choices, told in (
        ({"catalyst": "C9"}, "catalyst = 'C9' is none of C1, C2, C3, C4, C5, C6, C7, C8: name one"),
        ({"ligand": "C1"}, "ligand = 'C1' is no choice of this reaction: it has catalyst"),
    ):
        with pytest.raises(RigError, match=told):
            reaction_of(rig.emulating(choices=choices).emulation)
    with pytest.raises(RigError, match="choices of walker2017: there is nothing to choose"):
        reaction_of(load("walker").emulating(choices={"catalyst": "C1"}).emulation)


def test_no_reaction_in_code_hides_behind_a_file_of_its_name(monkeypatch):
    monkeypatch.setitem(REACTIONS, "snar", REACTIONS["walker2017"])
    with pytest.raises(
        RigError, match="snar: both a reaction file that comes along and a reaction"
    ):
        reaction_of(load("snar").emulation)


def test_every_reaction_comes_with_a_rig():
    for name in built_in():
        assert load(name).emulation.reaction.source
    assert set(DEMOS) <= set(names().split(", "))
