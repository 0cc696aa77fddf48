"""What is asked of any reaction, and what its documentation promises to who writes one."""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices.emulation import REACTIONS, Composition, Reaction, emulate, parameters
from reactune.devices.rigfile import RigFile

CONCENTRATIONS = st.floats(0.01, 20)  # [mM]


@pytest.mark.parametrize("name", REACTIONS)
@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    feed=st.lists(CONCENTRATIONS, min_size=9, max_size=9),
    minutes=st.lists(st.floats(0, 60), min_size=3, max_size=3),
    celsius=st.floats(20, 200),
    extent=st.floats(0.5, 1.5),
)
def test_a_reaction_answers_for_one_and_for_many(
    name: str, feed: list[float], minutes: list[float], celsius: float, extent: float
) -> None:
    reaction = REACTIONS[name]({})
    feed = feed[: len(reaction.reagents)]
    many = reaction.composition(feed, minutes, celsius, extent)
    assert np.shape(many.fractions) == (3, len(reaction.products))
    assert np.isfinite(many.fractions).all()
    for i, stay in enumerate(minutes):
        one = reaction.composition(feed, stay, celsius, extent)
        assert np.shape(one.total) == ()
        assert one.fractions == pytest.approx(many.fractions[i], abs=1e-12)


def written_down() -> Any:
    """The class that the docstring of `Reaction` shows."""
    text = inspect.getdoc(Reaction) or ""
    example = text.split("::\n")[1].split("\nIts rig file")[0]
    scope = {
        "np": np, "dataclass": dataclass, "ClassVar": ClassVar,
        "parameters": parameters, "Composition": Composition,
    }  # fmt: skip
    exec(textwrap.dedent(example), scope)
    return scope["Addition"]


def test_the_example_of_the_documentation_runs(
    walker: Callable[..., RigFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    addition = written_down()
    reaction: Reaction = addition.of({"k": 0.2})
    total, (a, c) = reaction.composition([2.0, 2.0], 5.0, 60.0)
    assert (total, a, c) == (2.0, pytest.approx(1 / 3), pytest.approx(2 / 3))
    with pytest.raises(ValueError, match="q = 1 is no parameter of this reaction: it has k"):
        addition.of({"q": 1.0})
    monkeypatch.setitem(REACTIONS, "addition", addition.of)
    rig = walker()
    streams = dict(zip(("a", "b"), rig.streams.values(), strict=True))
    peaks = [
        spec.model_copy(update={"name": name})
        for spec, name in zip(rig.chromatogram.peaks, ("C", "A"), strict=False)
    ]
    config = rig.emulating(reaction="addition", kinetics={"k": 0.3}).model_copy(
        update={
            "streams": streams,
            "chromatogram": rig.chromatogram.model_copy(update={"peaks": tuple(peaks)}),
        }
    )
    emulation, clock, _ = emulate(config)
    with emulation:
        assert emulation.world.reaction == addition.of({"k": 0.3})
        assert [p.position for p in emulation.world.layout.peaks] == [5.4, 4.4]  # of A, of C
    clock.close()


def test_what_a_reaction_refuses_is_said_of_the_rig_file(
    walker: Callable[..., RigFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(kinetics: Mapping[str, float]) -> Reaction:
        raise ValueError(f"k = {kinetics['k']:g} is too fast for me: lower it")

    monkeypatch.setitem(REACTIONS, "picky", picky)
    with pytest.raises(ValueError, match=r"emulation\.kinetics of picky: k = 9 is too fast for me"):
        emulate(walker().emulating(reaction="picky", kinetics={"k": 9.0}))
