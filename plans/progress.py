"""What a campaign says while it runs: one line an experiment, in words as well as colour."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from reactune.analysis.campaign.rediscovery import VERDICTS
from reactune.analysis.storage.lineage import LAB_TIME_BEFORE, is_campaign
from reactune.analysis.written import chance, printable

_STYLE = {"feasible": "green", "semi-feasible": "yellow", "infeasible": "red", "failed": "bold red"}


class Progress:
    """A document callback that prints how a campaign stands.

    Parameters
    ----------
    console : rich.console.Console
        Where to print; colour only if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._run = ""  # the campaign; within it, or around it, there may be runs of others
        self._streams: dict[str, str] = {}
        self._began = self._lab_time = 0.0
        self._budget = 0
        self._verdict = "unknown"

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Listen to one document; those of other plans are passed over."""
        if name == "start" and is_campaign(doc):
            self._run, self._streams, self._verdict = doc["uid"], {}, "unknown"
            self._budget = doc["problem"]["budget"]
            self._lab_time = doc["lab_time"]
            self._began = doc["lab_time"] - doc.get(LAB_TIME_BEFORE, 0.0)
            self._say(_banner(doc))
        elif name == "descriptor" and doc["run_start"] == self._run:
            self._streams[doc["uid"]] = doc["name"]
        elif name == "event" and doc["descriptor"] in self._streams:
            stream, data = self._streams[doc["descriptor"]], doc["data"]
            if stream == "primary" and not math.isnan(data.get("lab_time", math.nan)):
                self._lab_time = data["lab_time"]
            elif stream == "decision":
                self._say(self._line(data))
            elif stream == "rediscovery" and data["verdict"] != self._verdict:
                self._verdict = data["verdict"]
                self._say(Text(f"{'':>10}         {_finding(data)}", "bold"))

    def _say(self, text: Text) -> None:
        """Print; that nobody reads along any more must not end a campaign."""
        with suppress(OSError, SystemExit):  # SystemExit is rich's answer to a broken pipe
            self._console.print(text, soft_wrap=True)

    def _line(self, data: Mapping[str, Any]) -> Text:
        """Say what the latest experiment gave, and what is expected of the best so far."""
        feasibility, count = data["feasibility"], f"{int(data['number'])}/{self._budget}"
        line = Text(f"{count:>10} {(self._lab_time - self._began) / 3600:6.1f}  ")
        line.append(f"{feasibility:<13} ", _STYLE[feasibility])
        if not data["valid"]:
            return line.append(printable(data["reason"]))
        line.append(f"{_short(data['goal']):>9}   ")
        if "front" in data:  # of two goals
            n = len(json.loads(data["front"]))
            line.append(f"{_short(data['goal_2']):>9}   ")
            return line.append(f"{n} experiment{'s' * (n != 1)}" if n else "none yet", "green")
        if "F_1" not in data:  # without windows there is but one best
            return line.append(_best(data, "best"), "green")
        line.append(f"{_best(data, 'best_feasible'):<15} ", "green")
        return line.append(_best(data, "best"))


def _best(data: Mapping[str, Any], role: str) -> str:
    """Say the goal expected of an experiment and its number, or that there is none."""
    if math.isnan(data[role]):
        return "none yet"
    expected = _short(data[f"{role}_goal"], data.get(f"{role}_goal_sd", 0.0))
    return f"{expected} (no. {int(data[role])})"


def _short(goal: float, sd: float = 0.0) -> str:
    """Write a goal with four decimals; by a power of ten where these say nothing, or are long."""
    size = max(abs(goal), 0.0 if math.isnan(sd) else sd)
    return f"{goal:z.4f}" if size == 0 or 5e-5 <= size < 1e5 else f"{goal:.3e}"


def _finding(data: Mapping[str, Any]) -> str:
    """Say what is thought of the earlier results."""
    likely = json.loads(data["probability"])[data["verdict"]]
    return f"earlier results: {VERDICTS[data['verdict']]} ({chance(likely)} likely)"


def _known(known: Mapping[str, Any]) -> str:
    """Say what is known before, and from where."""
    each = [
        f"{source['experiments']} from "
        + (f"run {source['run'][:8]}" if "run" in source else Path(source["table"]).name)
        for source in known["sources"]
    ]
    text = f"{len(known['experiments'])} of them known before: {', '.join(each)}"
    if left_out := known.get("left_out"):
        text += f"; {left_out} left out: outside today's limits, or a choice that there is not"
    return f"{text}\n"


def _goals(problem: Mapping[str, Any]) -> list[str]:
    """Name the goals of a stored problem."""
    stated = [problem[verb] for verb in ("minimise", "maximise") if problem.get(verb)]
    goals = [goal for one in stated for goal in (one if isinstance(one, list | tuple) else [one])]
    return [g if isinstance(g, str) else str(g.get("name") or g["of"]) for g in goals]


def _banner(start: Mapping[str, Any]) -> Text:
    """Say what begins, and on what; then the head of the table of experiments."""
    problem = start["problem"]
    mark = ("SIMULATED", "bold blue") if start["simulated"] else ("REAL HARDWARE", "bold red")
    titles = f"  {start['rig']['title']}\n{start['title']}\n"
    text = Text.assemble(mark, printable(titles))
    text.append(f"{problem['budget']} experiments, seed {start['seed']}, run {start['uid'][:8]}")
    for verb in ("resumes", "rediscovers"):
        if verb in start:
            text.append(f", {verb} {start[verb][:8]}")
    text.append("\n")
    if known := start.get("known"):
        text.append(printable(_known(known)))
    goal, *others = _goals(problem)
    above = f"{'measured':>41}   expected of"
    head = f"{'experiment':>10} {'lab h':>6}  {'feasibility':<13} {goal[:9]:>9}"
    for other in others:
        above = f"{'measured':>41}"
        return text.append(f"{above}\n{head}   {other[:9]:>9}   on the front", "bold")
    if not problem.get("constraints"):
        return text.append(f"{above}\n{head}   best", "bold")
    return text.append(f"{above}\n{head}   {'best feasible':<15} best by merit", "bold")
