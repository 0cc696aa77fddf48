"""A person at the terminal approves, changes, adds or drops points of a batch."""

import getpass
import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.review import SOMEBODY
from reactune.analysis.written import quoted

from ..reviewing import Reviewer
from ..saying import say
from .points import layout

_ASKS_FOR_HELP = ("help", "?", "h")
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def at_terminal(agent: Agent) -> Reviewer:
    """Give who looks at the batches of a campaign here."""
    return Reviewer(TerminalReview(agent), _user())


def _user() -> str:
    """Name who is logged in."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may know no name
        return SOMEBODY


def _filled(text: str) -> str:
    """Break lines that a terminal would break within words."""
    lines = (textwrap.fill(line, 80, **_WHOLE_WORDS) for line in text.splitlines())
    return "\n".join(lines)


def _words(line: str) -> list[str]:
    """Take apart what somebody typed; in quotes a word may have blanks."""
    try:
        return shlex.split(line)
    except ValueError:
        raise ValueError(f"{quoted(line)} has a quote that nothing closes: close it") from None


class TerminalReview:
    """Shows a batch, and asks until it is approved.

    Parameters
    ----------
    agent : Agent
        Says which points can be set.
    keys : TextIO, optional
        Where the answers come from: stdin by default.
    """

    def __init__(self, agent: Agent, keys: TextIO | None = None) -> None:
        self._agent, self._keys = agent, keys or sys.stdin
        self._explained = False

    def __call__(self, batch: list[dict[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """See `reactune.analysis.campaign.review.Review`."""
        points: dict[int, dict[str, Any]] = {point["_id"]: dict(point) for point in batch}
        added = batch[-1]["_id"] + 1  # numbers of those that are added, while they are looked at
        self._say(f"\nTo be measured next, after {len(self._agent.evaluations)} experiments:")
        self._say(self._table(points))
        if not self._explained:
            self._say(self._help())
            self._explained = True
        while (line := self._read()) is not None:
            try:
                if not line:
                    stated = [self._stated(point, batch) for point in points.values()]
                    self._agent.chosen(stated)  # whether they can be measured together
                    return stated
                if line in _ASKS_FOR_HELP:
                    self._say(self._help())
                    continue
                added += self._edit(points, _words(line), added)
            except ValueError as error:
                self._say(_filled(str(error)))
            else:
                self._say(self._table(points))
        return []

    def _help(self) -> str:
        """Say what can be typed."""
        name = next(iter(self._agent.problem.variables))
        lines = {
            "Enter": "measure these",
            f"8 {name}=...": "change point 8; several values of it at once are fine",
            f"add {name}=...": "add a point, with all of its variables",
            "drop 8 9": "leave points out",
            "stop": "measure nothing more: the campaign ends",
            "help": "say this again",
        }
        width = max(map(len, lines))
        return "\n".join(f"{typed:<{width}}  {does}" for typed, does in lines.items())

    def _edit(self, points: dict[int, dict[str, Any]], words: list[str], added: int) -> int:
        """Carry out what somebody typed; give how many points it has added."""
        verb, *rest = words
        if verb == "add":
            points[added] = self._settable({"_id": added, "_why": "added here"}, rest)
            return 1
        if verb == "drop" and rest:
            numbers = [self._number(word, points) for word in rest]
            for number in numbers:
                points.pop(number, None)
        elif rest:
            number = self._number(verb, points)
            changed = {**points[number], "_why": "changed here"}
            points[number] = self._settable(changed, rest)
        else:
            raise ValueError(f"{quoted(' '.join(words))} is nothing to do here:\n{self._help()}")
        return 0

    def _settable(self, point: dict[str, Any], words: list[str]) -> dict[str, Any]:
        """Give a point with what somebody typed, if that can be set."""
        variables = self._agent.problem.variables
        for word in words:
            name, mark, value = word.partition("=")
            if not mark or name not in variables:
                raise ValueError(
                    f"{quoted(word)} sets no variable; write NAME=VALUE, with a name among "
                    f"{', '.join(variables)}"
                )
            point[name] = value
        return point | self._agent.settable(point)

    def _number(self, word: str, points: Mapping[int, Any]) -> int:
        """Read the number of a point."""
        number = int(word) if word.isdecimal() and len(word) < 9 else -1
        if number not in points:
            raise ValueError(
                f"{quoted(word)} is no point of this batch; those are "
                f"{', '.join(map(str, points)) or 'none'}"
            )
        return number

    def _stated(self, point: Mapping[str, Any], batch: list[dict[str, Any]]) -> dict[str, Any]:
        """Give a point as a review states it: what was added has no number of the batch's."""
        ours = any(point["_id"] == drawn["_id"] for drawn in batch)
        hidden = ("_why",) if ours else ("_why", "_id")
        return {key: value for key, value in point.items() if key not in hidden}

    def _table(self, points: Mapping[int, Mapping[str, Any]]) -> str:
        if not points:
            return "nothing: Enter or stop ends the campaign"
        rows = [(number, point, str(point["_why"])) for number, point in points.items()]
        return layout(self._agent.problem, rows, "no.")

    def _read(self) -> str | None:
        """Read a line; None if that is to be all, or nobody is there any more."""
        say("review> ", to=sys.stderr, end="")
        line = self._keys.readline()
        if not line:
            self._say("nobody answers: the input has ended")
        return None if not line or line.strip() == "stop" else line.strip()

    @staticmethod
    def _say(text: str) -> None:
        say(text, to=sys.stderr)
