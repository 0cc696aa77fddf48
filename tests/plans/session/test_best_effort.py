"""What bluesky's BestEffortCallback makes of a campaign: few axes, so that it costs little.

``pytest --durations=3`` of this file shows what one experiment takes with it.
"""

from collections.abc import Iterator

import matplotlib
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from bluesky.callbacks.best_effort import BestEffortCallback

from reactune.plans.campaign import optimise
from reactune.plans.reviewing import Reviewer


@pytest.fixture
def drawn() -> Iterator[BestEffortCallback]:
    plt.close("all")
    yield BestEffortCallback(fig_factory=plt.figure)  # its constrained layout takes its time
    plt.close("all")


def test_a_campaign_is_drawn_on_a_handful_of_axes_against_its_number(lab, drawn, capsys):
    lab.RE.subscribe(drawn)
    lab.campaign(lab.agent(budget=1))
    axes = {figure: plt.figure(figure).axes for figure in plt.get_figlabels()}
    shown = {axis.get_ylabel() for each in axes.values() for axis in each if axis.get_visible()}
    assert shown == {"temperature", "flow_c60", "flow_sultine", "goal", "best_feasible_goal"}
    assert sum(map(len, axes.values())) == len(shown)
    table = capsys.readouterr().out
    (head,) = (line for line in table.splitlines() if "seq_num" in line)
    columns = ["seq_num", "time", "number", "temperature", "flow_c60", "flow_sultine"]
    assert head.replace("|", " ").split() == columns


def test_every_stream_says_what_of_it_is_worth_showing(lab):
    agent = lab.agent(budget=1)
    reviewer = Reviewer(lambda batch: batch, by="anna")
    lab.RE(optimise(agent.problem, lab.rig, agent=agent, reviewer=reviewer))
    descriptors = [doc for name, doc in lab.documents if name == "descriptor"]
    assert {doc["name"] for doc in descriptors} == {"primary", "decision", "review"}
    for doc in descriptors:
        assert doc["hints"].keys() == doc["object_keys"].keys()
        for hint in doc["hints"].values():
            assert set(hint["fields"]) <= doc["data_keys"].keys()
            assert len(hint["fields"]) <= 4
            assert all(doc["data_keys"][key]["dtype"] == "number" for key in hint["fields"])


def test_every_instrument_says_what_of_it_is_worth_showing(lab):
    for device in (*lab.rig.pumps.values(), lab.rig.heater, lab.rig.valve, lab.rig.detector):
        assert set(device.hints["fields"]) <= device.describe().keys()
        assert len(device.hints["fields"]) <= 1
