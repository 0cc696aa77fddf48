"""Another analytics than HPLC: a campaign, its summary, figures and page know the difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd
import pytest

from reactune.analysis import analytics
from reactune.analysis.analytics import Kind, Measurement
from reactune.analysis.analytics.measurement import Analytics
from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.replay import retell
from reactune.analysis.problem.model import Problem
from reactune.analysis.report.html import write_html, write_png
from reactune.analysis.report.summary import summarise
from tests.analysis.report.fake_run import FakeRun

pytestmark = pytest.mark.usefixtures("drawn")

FAILED = 3


@dataclass(frozen=True)
class Calorimeter(Analytics):
    """Reads a conversion and a temperature rise, which may be below 0, from the event itself."""

    sd: float = 0.01

    key: ClassVar[str] = "calorimeter"
    kind: ClassVar[Kind] = "real"
    label: ClassVar[str] = "calorimeter"

    @property
    def units(self) -> dict[str, str]:
        return {"conversion": "1", "rise": "K"}

    def measure(self, data: Mapping[str, Any]) -> Measurement:
        if data["rise"] < -20:
            return Measurement.failed(self.names, "the probe is not in the stream")
        values = {name: float(data[name]) for name in self.names}
        return Measurement(values, {"conversion": self.sd, "rise": 0.1})

    def to_dict(self) -> dict[str, Any]:
        return {"sd": self.sd}

    @classmethod
    def from_dict(cls, method: Mapping[str, Any]) -> Self:
        return cls(**method)


@pytest.fixture
def calorimeter(monkeypatch: pytest.MonkeyPatch) -> Calorimeter:
    monkeypatch.setitem(analytics.ANALYTICS, Calorimeter.key, Calorimeter)
    return Calorimeter()


PROBLEM = {
    "title": "As far as the heat allows",
    "maximise": "conversion",
    "measured": ["conversion", "rise"],
    "constraints": ["rise <= 12 +/- 2"],
    "budget": 21,
    "variables": {
        "temperature": {"range": [40, 120], "unit": "degC"},
        "dose": {"range": [0.5, 2.0]},
    },
}


def campaign(calorimeter: Calorimeter) -> tuple[Agent, list[dict[str, Any]], FakeRun]:
    """Run one to its budget, and hand it out as the catalogue would."""
    agent = Agent(Problem.load(PROBLEM), calorimeter, seed=2)
    facts: list[dict[str, Any]] = []
    decisions = []
    while (asked := agent.ask()) is not None:
        agent.ahead()  # as the plan does, while it measures
        number, conditions = len(facts) + 1, asked.conditions
        heat = (conditions["temperature"] - 60) / 4 * conditions["dose"] ** 0.5
        fact = {
            **{f"asked_{name}": value for name, value in conditions.items()},
            "number": float(number),
            "lab_time": 600.0 * number,
            "residence_time": 5.0,
            "used_feed": 1000.0,
            "valid": 1.0,
            "reason": "",
            "conversion": 0.03 * heat + 0.4,
            "rise": -99.0 if number == FAILED else heat,
        }
        facts.append(fact)
        agent.evaluate(fact)
        decisions.append(agent.decision().to_data(agent.problem))
    start = {
        "uid": "0b9a7f7e-1d0b-4c57-9a53-0d5e2b1f8c11",
        "time": 1.79e9,
        "plan_name": "optimise",
        "simulated": True,
        "seed": 2,
        "first": [],
        "problem": agent.problem.to_dict(),
        "rig": {"title": "A made-up calorimeter"},
        "lab_time": 0.0,
        "versions": {},
        **analytics.to_start(calorimeter),
    }
    stop = {"exit_status": "success", "reason": "budget", "time": 1.79e9 + 9.0}
    tables = {"primary": pd.DataFrame(facts), "decision": pd.DataFrame(decisions)}
    return agent, facts, FakeRun(str(start["uid"]), start, stop, tables)


def test_it_drives_a_campaign_to_its_answer(calorimeter: Calorimeter) -> None:
    agent, facts, run = campaign(calorimeter)
    assert agent.problem.kind == "real"  # as the analytics says; a rise may be below 0
    assert any(fact["rise"] < 0 for fact in facts if fact["number"] != FAILED)
    assert agent.evaluations[FAILED - 1].reason == "the probe is not in the stream"
    found = agent.handed_over()
    assert found is not None
    assert found.measurement.values["rise"] == pytest.approx(12.0, abs=1.5)
    again = Agent(Problem.load(run.start["problem"]), analytics.from_start(run.start), seed=2)
    assert retell(again, facts) == []  # every ask is repeated


def test_summary_and_page_show_what_it_measured(calorimeter: Calorimeter, tmp_path: Path) -> None:
    _, _, run = campaign(calorimeter)
    summary = summarise(run)
    text = summary.to_text()
    assert "conversion" in text
    assert "rise" in text
    assert f"{FAILED} (the probe is not in the stream)" in text
    write_html(run, tmp_path / "page.html")
    write_png(run, tmp_path / "page.png")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "the probe is not in the stream" in page
    assert "mole fraction" not in page.lower()


def test_one_that_nobody_knows_is_refused(calorimeter: Calorimeter) -> None:
    start = analytics.to_start(calorimeter) | {"analytics": "nose"}
    with pytest.raises(
        ValueError, match="'nose' is not known here, only hplc, trace, table, told, calorimeter"
    ):
        analytics.from_start(start)
