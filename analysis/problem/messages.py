"""The problem file as text: reading it, and what is wrong with it.

Works on plain data and strings; the model itself is in `problem`.
"""

import itertools
import math
import re
import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any

from ..written import (
    LARGEST,
    UnreadableError,
    exact,
    parse_toml,
    printable,
    quoted,
    read_text,
    wanted,
)
from .grammar import is_name

_SPELLINGS = {"minimize": "minimise", "maximize": "maximise", "optimizer": "optimiser"}
_LONGEST_LINE = 200  # characters of a line that is quoted


class ProblemError(ValueError):
    """A problem cannot be used as stated.

    Parameters
    ----------
    problems : sequence of str
        One sentence for each thing that is wrong.
    source : str
        Where the problem was read from.
    """

    def __init__(self, problems: Sequence[str], source: str = "problem") -> None:
        self.problems = list(problems)
        self.source = source
        count = f"{len(self.problems)} problem" + "s" * (len(self.problems) != 1)
        super().__init__(f"{source}: {count}\n" + textwrap.indent("\n".join(self.problems), "  "))


# ---- reading -------------------------------------------------------------------------------------


def read_toml(path: Path, built_in: Sequence[str]) -> dict[str, Any]:
    """Read a problem file, or raise `ProblemError` in the words of its reader."""
    text = ""
    try:
        return parse_toml(text := read_text(path))
    except FileNotFoundError:
        names = ", ".join(built_in)
        raise ProblemError([f"there is no such file; built-in are {names}"], str(path)) from None
    except OSError as error:
        raise ProblemError([f"cannot be read: {error.strerror}"], str(path)) from None
    except UnreadableError as error:
        raise ProblemError([str(error)], path.name or str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ProblemError([_syntax_sentence(str(error), text)], path.name) from None


def _syntax_sentence(message: str, text: str) -> str:
    """Explain a TOML syntax error, with the line it is in."""
    reason, _, place = message.rpartition(" (at ")
    lines = text.splitlines() or [""]
    found = re.match(r"line (\d+), column (\d+)", place)
    number = int(found[1]) if found else len(lines)
    line = lines[number - 1] if number <= len(lines) else ""
    quote = ("Invalid value", "Illegal character '\\n'", "Illegal character '\\r'", "Unterminated")
    hint = "; missing quote?" if reason.startswith(quote) else ""
    if (key := re.match(r"\s*(\w+)\s*=", line)) and not key[1].isascii():
        hint = f"; a name with other letters than a to z stands in quotes: {key[1]!r} ="
    line = printable(line.strip()[:_LONGEST_LINE])
    return f"line {number}: {line}\n{reason} ({place.rstrip(')')}){hint}"


def canonical(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the spellings that say the same thing into one form."""
    data: dict[str, Any] = {}
    for key, value in stated.items():
        name = _SPELLINGS.get(key, key)
        # stated in both spellings: leave the foreign one for the model to refuse
        data[key if name in stated else name] = _plain(value)
    goals = [key for key in ("minimise", "maximise") if data.get(key) is not None]
    if len(goals) == 1 and isinstance(one := data[goals[0]], list) and len(one) == 1:
        (data[goals[0]],) = one
    limits = data.get("limits")
    if isinstance(limits, dict):
        data["limits"] = dict(_named_limits(limits))
    if isinstance(define := data.get("define"), dict):
        data["define"] = {k: {"of": v} if isinstance(v, str) else v for k, v in define.items()}
    return data


def slipped(data: Mapping[str, Any], keys: Collection[str]) -> Iterator[str]:
    """Name keys of the problem that stand below a table, to which TOML then counts them."""
    for table in ("variables", "fixed", "limits"):
        below = data.get(table)
        for key, value in below.items() if isinstance(below, dict) else ():
            words = value if isinstance(value, list) else [value]
            if key in keys and key not in data and all(isinstance(word, str) for word in words):
                yield (
                    f"{key} stands below [{table}], and is of that table then: move it up, above "
                    "the first [table] of the file"
                )


def _plain(value: Any) -> Any:
    """Make dicts and lists of what only behaves like them, such as a catalogue's views."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _named_limits(limits: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Turn ``{expression: (lower, upper)}`` into ``{name: {of, within}}``."""
    free = (name for i in itertools.count(1) if (name := f"limit_{i}") not in limits)
    for key, value in limits.items():
        if isinstance(value, dict):
            yield key, value
        else:
            yield (key if is_name(key) else next(free)), {"of": key, "within": value}


# ---- numbers -------------------------------------------------------------------------------------


def is_number(value: object) -> bool:
    """Whether it is a real number, and neither true nor false nor nan; inf is one."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and value == value  # only nan is not itself


def is_usable(value: object, infinite: bool = False) -> bool:
    """Whether it is a number that can be computed with, or an open side where these may be."""
    if not is_number(value):
        return False
    try:
        size = abs(float(value))  # type: ignore[arg-type]  # a number has one
    except OverflowError:  # an integer beyond all floats
        return False
    return size <= LARGEST or (infinite and math.isinf(size))


def what(value: object) -> str:
    """Say what stands where a number is wanted."""
    if is_number(value):
        return f"{quoted(value)} is beyond {LARGEST:g}, where nobody can compute any more"
    if isinstance(value, str):
        comma = re.fullmatch(r"\s*[-+]?\d+,\d+\s*%?\s*", value)
        return f"{quoted(value)} is text" + "; write decimals with a point" * bool(comma)
    return f"{quoted(value)} is no number"


def pair(value: object, name: str) -> tuple[float, float]:
    """Return lower and upper bound, -inf or inf for an open side (None)."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be two numbers; {what(value)}")
    if len(value) != 2:
        raise ValueError(f"{name} must be two numbers; it has {len(value)}")
    for number in value:
        if number is not None and not is_usable(number, infinite=True):
            raise ValueError(f"{name} must be two numbers; {what(number)}")
    lower = -math.inf if value[0] is None else float(value[0])
    upper = math.inf if value[1] is None else float(value[1])
    if lower > upper:
        low, high = exact(lower), exact(upper)
        raise ValueError(f"lower {low} is above upper {high}; did you mean [{high}, {low}]?")
    return lower, upper


def show(number: float) -> str:
    """Write a computed number with about three significant digits, without an exponent."""
    if not math.isfinite(number) or number == 0:
        return f"{number + 0.0:g}"  # 0 also for -0
    decimals = max(1 if abs(number) < 1000 else 0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:.{decimals}f}"


def show_span(lowest: float, highest: float) -> str:
    """Say which values a quantity can take."""
    if lowest == highest:
        return f"is {show(lowest)}"
    if math.isinf(highest):
        return f"is at least {show(lowest)}"
    if math.isinf(lowest):
        return f"is at most {show(highest)}"
    return f"runs from {show(lowest)} to {show(highest)}"


# ---- what is wrong -------------------------------------------------------------------------------


def sentence(error: Mapping[str, Any], allowed: Mapping[str, Sequence[str]]) -> str:
    """Say one error of the model's validation in the user's words.

    Parameters
    ----------
    error : mapping
        One item of pydantic's ``ValidationError.errors()``.
    allowed : mapping of str to sequence of str
        The settings that each table knows; ``""`` is the file itself.
    """
    loc = error["loc"]
    if loc[:1] in (("minimise",), ("maximise",)):  # what follows says in which form it is
        loc = (loc[0], *(loc[2:3] + loc[4:] if loc[1:2] == ("list",) else loc[2:]))
    place = [str(part + 1) if isinstance(part, int) else part for part in loc]
    where = ".".join(place)
    if len(loc) == 2 and isinstance(loc[1], int):
        where = f"{place[0]}[{place[1]}]"
    message = wanted(error)
    match error["type"]:
        case "extra_forbidden":
            known = allowed["" if len(place) == 1 else place[0]]
            hint = did_you_mean(place[-1], known)
            return f"{where}: is not a setting;{hint} Allowed: {', '.join(known)}"
        case "missing":
            return f"{where}: is missing"
        case "value_error":
            cause = str(error["ctx"]["error"])
            if "has no tolerance" in cause:  # quotes the whole constraint: its number adds nothing
                where = place[0]
            return f"{where}: {cause}"
        case "union_tag_invalid":
            message = "text or a table"
        case "too_short":
            return f"{where}: is empty"
    return f"{where}: should be {message}, not {quoted(error['input'])}"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return " did you mean ...?" with the closest known word, or nothing if none stands out."""
    close = get_close_matches(word, known, n=2)
    likeness = [SequenceMatcher(None, name, word).ratio() for name in close]
    if not close or len(set(likeness)) < len(close):
        return ""
    return f" did you mean {close[0]!r}?"
