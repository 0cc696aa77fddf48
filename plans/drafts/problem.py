"""Problem files that somebody begins with."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.naming import IF_IT
from reactune.analysis.problem.units import doubt
from reactune.analysis.problem.units import unit as unit_of
from reactune.analysis.written import quoted

from .draft import COMMA, NUMBER, Draft, Question, number, toml_key, toml_text

_RANGE = re.compile(
    rf"(?P<name>[^\s:=,]+)\s*[:=]?\s*(?:from\s+)?(?P<low>{NUMBER})\s*(?:to|\.\.|\u2013|-)\s*"
    rf"(?P<high>{NUMBER})\s*(?P<unit>.*?)(?:[\s,]+(?:in\s+)?steps?\s+(?:of\s+)?(?P<step>{NUMBER}))?",
    re.IGNORECASE,
)
_CHOICES = re.compile(r"(?P<name>[^\s:=,]+)\s*[:=]\s*(?P<choices>[^,]+(?:,[^,]+)+)")
_LISTED = re.compile(r"(?P<name>[^\s:=,]+)\s+(?P<items>[^,]+(?:,[^,]+)+)")
_AMOUNT = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>.*)")
_GOAL = re.compile(r"(?P<verb>maximi[sz]e|minimi[sz]e)\s+(?P<of>.+)", re.IGNORECASE)
_COUNTS = re.compile(r"(?P<budget>\d{1,6})(?:(?:\s|\s*[,;])\D*(?:(?P<batch>\d{1,5})(?:\s\D*)?)?)?")
_NO_UNIT = re.compile(r"(?<![\w^*/.-])\d+(?:[.,]\d+)?(?![\w/^*])")
"""A number by itself, which belongs to something else that somebody says."""


class ProblemDraft(Draft):
    """A problem file, answer by answer.

    Attributes
    ----------
    stated : dict
        What the problem states so far.
    """

    QUESTIONS: tuple[Question, ...] = (
        Question(
            "variable",
            "What can be set? Name, range and unit, one a line, the same name again to correct it; "
            "an empty line ends.",
            "temperature 20 to 80 degC",
            many=True,
        ),
        Question("measured", "What is measured of each experiment?", "product, ee"),
        Question("goal", "What is the goal, in what is measured and set?", "maximise product"),
        Question(
            "window",
            "What else should hold? One a line; an empty line ends.",
            "ee >= 0.9 +/- 0.02",
            many=True,
            default="",
        ),
        Question(
            "budget", "How many experiments at most, and how many at once?", "30, 4", default="30"
        ),
    )

    def __init__(self, title: str) -> None:
        self.stated: dict[str, Any] = {"title": title, "variables": {}, "constraints": []}

    def _take(self, stated: Mapping[str, Any]) -> None:
        stated = {**self.stated, **stated}
        if "minimise" in stated or "maximise" in stated:
            _check(stated)
        self.stated = stated

    def _variable(self, text: str) -> dict[str, Any]:
        name, variable = _variable(text)
        again = name in self.stated["variables"]
        if again and not self.correcting:
            raise ValueError(f"{name} is there already; call this one otherwise")
        variables = {**self.stated["variables"], name: variable}
        # what is wrong with a variable is said now, not with the goal
        other = "x" * (1 + max(map(len, variables)))  # a name that is none of theirs
        _check({"minimise": other, "measured": [other], "variables": variables})
        if again:
            self.remark = f"{name} was there already, and is now as you say here."
        return {"variables": variables}

    def _measured(self, text: str) -> dict[str, Any]:
        names = [name for name in re.split(r"[\s,;]+", text) if name not in ("", "and", "&")]
        if not names:
            raise ValueError("name at least one quantity, such as product")
        variables = self.stated["variables"]
        _check({"minimise": names[0], "measured": names, "variables": variables})
        return {"measured": names}

    def _goal(self, text: str) -> dict[str, Any]:
        found = _GOAL.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{quoted(text)} says not whether to maximise or minimise; write it as in "
                "maximise product"
            )
        verb = found["verb"].lower().replace("z", "s")
        return {"minimise": None, "maximise": None, verb: found["of"].strip()}

    def _window(self, text: str) -> dict[str, Any]:
        return {"constraints": [*self.stated["constraints"], text] if text else []}

    def _budget(self, text: str) -> dict[str, Any]:
        found = _COUNTS.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{quoted(text)} is no number of experiments; write it as in 30, or 30, 4"
            )
        return {"budget": int(found["budget"]), "batch": int(found["batch"] or 1)}

    def problem(self) -> Problem:
        """Give what is stated as a problem."""
        return Problem.load(_bare(self.stated))

    def text(self, path: Path, table: Path) -> str:
        """Write the problem file.

        Parameters
        ----------
        path, table : Path
            How the file and the table that goes with it are called in its comments.
        """
        verb = "minimise" if self.stated.get("minimise") else "maximise"
        windows, variables = self.stated["constraints"], self.stated["variables"]
        width = max(map(len, map(toml_key, variables)))
        return _PROBLEM.format(
            file=shlex.quote(path.name),
            table=shlex.quote(table.name),
            title=toml_text(self.stated["title"]),
            verb=verb,
            goal=toml_text(self.stated[verb]),
            other="maximise" if verb == "minimise" else "minimise",
            measured=toml_text(self.stated["measured"]),
            windows="".join(f"\n    {toml_text(window)}," for window in windows)
            + "\n" * bool(windows),
            budget=self.stated["budget"],
            batch=self.stated["batch"],
            variables="\n".join(
                f"{toml_key(name):<{width}} = {toml_text(variable)}"
                for name, variable in variables.items()
            ),
        )


_PROBLEM = """\
# What to tune. To see it in words:  reactune check {file}
# The next experiments, in a table:  reactune ask {file} {table}
# How it stands:                     reactune show {file} {table}

title    = {title}
{verb} = {goal}  # any expression; or {other}
measured = {measured}
# kind   = "fractions"  # they add up to 1; "positive": they are never below 0

# Windows to stay in as far as possible, such as "ee >= 0.9 +/- 0.02":
# +/- says how far outside is still acceptable.
constraints = [{windows}]

budget = {budget}  # experiments at most
batch  = {batch}  # asked for at once

# What can be set, and between which values: nothing outside is asked for. There may be a
# step = 5 or a resolution = 0.5, or values = [20, 40, 80] in place of the range.
[variables]
{variables}

# Constants, for any expression
# [fixed]
# volume = 1.0

# Hard limits on what may be set together
# [limits]
# residence = {{ of = "volume / flow", within = [1, 20], unit = "min" }}

# When to stop before the budget is spent
# [stop]
# goal     = 0.95  # once so much is expected
# patience = 10    # after so many experiments without improvement
"""


def _variable(text: str) -> tuple[str, dict[str, Any]]:
    """Read a variable as somebody writes it."""
    if found := _RANGE.fullmatch(text):
        low, high = number(found["low"]), number(found["high"])
        variable: dict[str, Any] = {"range": [low, high]}
        if unit := found["unit"].strip(" []()"):
            if _NO_UNIT.search(unit):
                raise ValueError(
                    f"{quoted(text)}: {quoted(unit)} is no unit; steps are written as in "
                    "temperature 20 to 80 degC in steps of 5"
                )
            if doubtful := doubt(unit):
                raise ValueError(f"{quoted(text)}: {doubtful}")
            variable["unit"] = unit
        if found["step"]:
            variable["step"] = number(found["step"])
        return found["name"], variable
    if found := _CHOICES.fullmatch(text):
        values = _values(found["choices"].split(","))
        words = [item.strip() for item in re.split(COMMA, found["choices"])]
        return found["name"], values or {"choices": words}
    if (found := _LISTED.fullmatch(text)) and _values(found["items"].split(",")):
        right = f"{found['name']}: {found['items'].strip()}"
        raise ValueError(f"{quoted(text)} lacks a colon after the name; write {right}")
    raise ValueError(
        f"{quoted(text)} gives no range; write it as in temperature 20 to 80 degC, or "
        "solvent: THF, MeCN"
    )


def _values(items: Sequence[str]) -> dict[str, Any]:
    """Read numbers in one unit, behind each or the last of them; nothing if they are words."""
    found = [_AMOUNT.fullmatch(item.strip()) for item in items]
    numbers = [number(one["number"]) for one in found if one]
    units = {one["unit"] for one in found[:-1] if one} | {""}
    last = found[-1]
    if last is None or len(numbers) < len(items) or not units <= {"", last["unit"]}:
        return {}
    told = last["unit"]
    if " " in told and unit_of(told) is None:  # 0.1 M HCl is what something is called
        return {}
    if doubtful := doubt(told):
        raise ValueError(doubtful)
    return {"values": sorted(numbers)} | ({"unit": told} if told else {})


def _check(stated: Mapping[str, Any]) -> None:
    """Refuse what makes no problem, in one sentence."""
    try:
        Problem.load(_bare(stated))
    except ProblemError as error:
        raise ValueError("; ".join(map(_here, error.problems))) from None


def _here(problem: str) -> str:
    """Say what is wrong with what can be done about it in an answer."""
    said, follows, _ = problem.partition(IF_IT)
    if not follows:
        return problem
    return (
        f"{said}. If it is measured, name it as such; if it follows from these, name another now, "
        "and say in the file, under [define], how"
    )


def _bare(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stated.items() if value is not None}
