"""Who is asked while a product is made may come late: nothing is spoilt, and nothing waits hot."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reactune.analysis.report.made import Made, made_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.rig.flow_rig import FlowRig
from reactune.devices.rigfile import RigFile
from reactune.plans.campaign import CampaignError
from reactune.plans.making.attending import AtTerminal
from reactune.plans.making.plan import make
from reactune.plans.making.service import stored_product
from reactune.plans.session import Session
from tests.devices.rig.driving import go
from tests.plans.making.test_wash import washing


@pytest.fixture
def place(walker_found, placed):
    return placed(walker_found)


class Slow:
    """Somebody who looks to the flask, and is late with some answers; knows what is in the flask.

    Parameters
    ----------
    late : dict of str to float
        Lab s that pass before a question is answered, the first time that it is asked.
    taken_away : bool
        What is answered when the flask should be taken away for a while.
    """

    def __init__(self, late: dict[str, float], *, taken_away: bool = True) -> None:
        self._late, self._taken_away = dict(late), taken_away
        self.asked: list[str] = []
        self.in_flask, self._from = 0.0, None

    def at(self, rig: FlowRig) -> "Slow":
        self._rig, world = rig, rig.emulation.world
        self._passed = lambda: world._flow.passed(world._advance())
        return self

    def there(self):
        return True

    def flask(self, volume, minutes):
        self._answer("flask")
        self._from = self._passed()
        return True

    def away(self):
        self._taken("away")
        return self._taken_away

    def waste(self):
        self._taken("waste")
        return True

    def doubtful(self, told):
        self._answer("doubtful")
        return True

    def _taken(self, question):
        self._answer(question)
        if self._from is not None:
            self.in_flask, self._from = self.in_flask + self._passed() - self._from, None

    def _answer(self, question):
        self.asked.append(question)
        if late := self._late.pop(question, 0.0):
            go(self._rig, self._rig.clock.timer(late))
            threading.Event().wait(0.5)  # meanwhile the plan looks at the clock


@contextmanager
def a_rig(file: RigFile) -> Iterator[tuple[FlowRig, Catalogue]]:
    with Catalogue("runs", writing=True) as catalogue, open_rig(file) as rig:
        yield rig, catalogue


def made_by(somebody: Slow, rig: FlowRig, catalogue: Catalogue, volume: float) -> Made:
    product = stored_product(catalogue, "last", volume, rig)
    with Session(rig, catalogue, []) as session:
        session.run(make(product, rig, volume, somebody.at(rig)))
    return made_of(catalogue["last"])


def walker(**keys) -> RigFile:
    return load("walker").emulating(seed=4, noise=False).model_copy(update=keys)


@pytest.mark.parametrize("late", [125.0, 3600.0])
def test_what_flows_before_it_is_steady_again_does_not_come_into_the_flask(place, late):
    somebody = Slow({"flask": late})
    with a_rig(washing(walker(), wash_volume=100)) as (rig, catalogue):
        made = made_by(somebody, rig, catalogue, 2000.0)
    assert somebody.asked == ["flask", "away", "flask", "waste"]
    assert made.ended_well
    loops = 10 * rig.config.reactor.loop_volume  # flow on into the flask, for the second check
    assert somebody.in_flask == pytest.approx(2000 + loops, abs=30)
    assert made.collected == pytest.approx(2.0, rel=0.01)


def test_who_comes_in_time_is_asked_once(place):
    somebody = Slow({"flask": 90.0})
    with a_rig(walker()) as (rig, catalogue):
        assert made_by(somebody, rig, catalogue, 1000.0).ended_well
    assert somebody.asked == ["flask"]


def test_with_a_flask_that_nobody_takes_away_nothing_flows(place):
    somebody = Slow({"flask": 200.0}, taken_away=False)
    with a_rig(walker()) as (rig, catalogue):
        with pytest.raises(CampaignError, match="nothing was made: nobody has taken the flask"):
            made_by(somebody, rig, catalogue, 1000.0)
        assert made_of(catalogue["last"]).collected == 0
    assert somebody.in_flask == 0


def test_at_the_terminal_it_is_said_that_the_flow_has_paused(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\nstop\n"))
    assert AtTerminal().away()
    assert not AtTerminal().away()
    said = capsys.readouterr().err
    assert "the flow has paused" in said
    assert "Take the flask away until you are asked for it again; Enter when it is away" in said


class Watching(Slow):
    """Somebody who notes how the rig waits for them, past its `pause_limit`."""

    def _answer(self, question):
        super()._answer(question)
        rig = self._rig
        if self.asked.count(question) == 1 and question == self.about:
            for _ in range(100):
                if rig.interlock.at_rest:
                    break
                threading.Event().wait(0.1)
            self.found = (rig.interlock.at_rest, rig.heater.poll().setpoint)


@pytest.mark.parametrize("about", ["flask", "away", "doubtful", "waste"])
def test_a_rig_that_waits_for_long_waits_in_its_safe_state(place, caplog, about):
    somebody = Watching({"flask": 200.0})
    somebody.about = about
    drifted = load("walker").emulating(seed=4, noise=False, kinetics={"ks": 0.9})
    file = washing(drifted, wash_volume=100).model_copy(update={"pause_limit": 0.3})
    with a_rig(file) as (rig, catalogue):
        with pytest.raises(CampaignError, match="mL were collected, but at the end"):
            made_by(somebody, rig, catalogue, 500.0)
        assert made_of(catalogue["last"]).washed == {"acetone": pytest.approx(0.1, rel=0.05)}
    assert somebody.found == (True, 25.0)
    assert "the rig goes to its safe state" in caplog.text


def test_who_never_answers_what_was_asked_is_nobody(monkeypatch, capsys):
    """As ``yes | reactune make`` would go on for ever."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 20))
    assert not AtTerminal().away()
    assert capsys.readouterr().err.endswith("something else was typed each time\n")
