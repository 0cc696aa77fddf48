"""What every draft shares: questions, answers, and how numbers are read and TOML is written."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reactune.analysis.cells import is_thousands
from reactune.analysis.cells import number as number_of
from reactune.analysis.written import LARGEST, check_text, exact

NUMBER = r"[-+\u2212]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
"""How people write a number."""


COMMA = r"(?<!\d),|,(?!\d)"
"""Between names, of which some have commas themselves: 1,4-dioxane."""


@dataclass(frozen=True)
class Question:
    """What somebody is asked for.

    Attributes
    ----------
    key : str
        What the answer is kept as.
    text : str
    example : str
    many : bool
        Whether there are several answers, one a line.
    default : str or None
        What an empty answer stands for; None if there has to be one.
    """

    key: str
    text: str
    example: str
    many: bool = False
    default: str | None = None


class Draft(ABC):
    """A file, or several that agree, answer by answer: a method ``_<key>`` for each question.

    Attributes
    ----------
    remark : str
        What there is to say of the last answer; "" if nothing.
    """

    correcting: bool = False
    remark: str = ""

    def answer(self, key: str, text: str, *, correcting: bool = False) -> None:
        """Take an answer in.

        Parameters
        ----------
        key : str
            Of its question.
        text : str
            As somebody wrote it.
        correcting : bool
            Whether it may replace an answer of before, as of somebody who is asked.

        Raises
        ------
        ValueError
            If it makes no sense; one sentence, and nothing is changed.
        """
        self.correcting, self.remark = correcting, ""
        self._take(getattr(self, f"_{key}")(check_text(text.strip())))

    @abstractmethod
    def _take(self, stated: Any) -> None:
        """Keep what the answer to a question states (`ValueError` if it makes no sense)."""


def number(text: str) -> float:
    """Read what `NUMBER` matches.

    Raises
    ------
    ValueError
        If its comma may part thousands, or it is beyond all use; one sentence.
    """
    if "," in text and is_thousands(text):
        one, other = text.replace(",", ""), text.replace(",", ".")
        raise ValueError(f"{text} may be {one} or {other}; write the one it is")
    if abs(found := number_of(text)) > LARGEST:
        raise ValueError(f"{text} is beyond {LARGEST:g}, where nobody can compute any more")
    return found


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is one of TOML


def toml_key(name: str) -> str:
    """Write a key of TOML, in quotes if it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def toml_text(value: Any) -> str:
    """Write a value in a line of TOML."""
    if isinstance(value, Mapping):
        items = ", ".join(f"{toml_key(key)} = {toml_text(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_text, value))}]"
    return _string(value) if isinstance(value, str) else exact(value)
