"""What a campaign says while it runs: one line an experiment, in words as well as colour."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from reactune.analysis.agent import Agent

_STYLE = {"feasible": "green", "semi-feasible": "yellow", "infeasible": "red", "failed": "bold red"}


class Progress:
    """A document callback that prints how the campaign stands.

    Parameters
    ----------
    console : rich.console.Console
        Where to print; colour only if it is a terminal.
    agent : Agent
        Whose campaign it is.

    Attributes
    ----------
    uid : str
        Of the run; empty before it is opened.
    """

    def __init__(self, console: Console, agent: Agent) -> None:
        self.uid = ""
        self._console, self._agent = console, agent
        self._streams: dict[str, str] = {}
        self._lab_time = 0.0

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Listen to one document."""
        if name == "start":
            self.uid = doc["uid"]
            self._console.print(self._banner(doc), soft_wrap=True)
        elif name == "descriptor":
            self._streams[doc["uid"]] = doc["name"]
        elif name == "event":
            stream = self._streams[doc["descriptor"]]
            if stream == "primary" and not math.isnan(doc["data"]["lab_time"]):
                self._lab_time = doc["data"]["lab_time"]
            elif stream == "decision":
                self._console.print(self._line(doc["data"]), soft_wrap=True)

    def _banner(self, start: Mapping[str, Any]) -> Text:
        """Say what begins, and on what."""
        problem = self._agent.problem
        mark = ("SIMULATED", "bold blue") if start["simulated"] else ("REAL HARDWARE", "bold red")
        text = Text.assemble(mark, f"  {start['rig']['title']}\n")
        text.append(f"{problem.title}: {problem.budget} experiments, seed {start['seed']}, ")
        return text.append(f"run {self.uid[:8]}")

    def _line(self, data: Mapping[str, Any]) -> Text:
        """Say what the latest experiment gave, and what is best so far."""
        verdict, number = data["feasibility"], int(data["number"])
        line = Text(f"{number:>4}/{self._agent.problem.budget} {self._lab_time / 3600:5.1f} h ")
        line.append(f"{verdict:<13} ", _STYLE[verdict])
        if not data["valid"]:
            return line.append(data["reason"])
        line.append(f"{self._agent.problem.goal.text} {data['goal']:.4f} | best feasible ")
        line.append(self._standing(data["best_feasible"]), "bold green")
        if data["best"] != data["best_feasible"]:
            line.append(f" | best {self._standing(data['best'])}")
        return line

    def _standing(self, number: float) -> str:
        """Say the goal of an experiment and its number, or that there is none."""
        if math.isnan(number):
            return "none yet"
        goal = self._agent.problem.sign * self._agent.conclusions[int(number) - 1].f
        return f"{goal:.4f} (no. {int(number)})"
