"""What people write: their files as they have them, their values quoted as they wrote them.

`reactune.analysis` and `reactune.devices` never import each other, and both read files. So both
have this module: in `devices` it is a link to the one in `analysis`.
"""

import codecs
import math
import re
import reprlib
import stat
import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

LARGEST = 1e100
"""Of the numbers that can be squared and summed, and the inverse of the least of them."""

_MOST_BYTES = 100_000  # of a file that somebody writes by hand; real ones have a fiftieth
_MOST_DOTS = 50  # of a key; the time that tomllib takes goes with their square
_DEEPEST = 20  # tables and lists in each other
_LONGEST = 500  # characters of a title
_NO_KEY = re.compile(r""" "(?:[^"\\]|\\.)*" | '[^']*' | \#.* """, re.VERBOSE)
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, which begins the same
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's control and format characters, the latter with those that turn text round."""


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEYS = re.compile(r"\(('[^']*',? ?)+\)")  # as tomllib names a table


class _Quote(reprlib.Repr):
    """What TOML has other words for than Python."""

    def repr_bool(self, value: bool, level: int) -> str:
        return str(value).lower()

    def repr_date(self, value: date | time, level: int) -> str:
        return value.isoformat()

    repr_datetime = repr_time = repr_date

    def repr_dict(self, value: dict[str, Any], level: int) -> str:
        if not value:
            return "{}"
        if level <= 0:
            return "{...}"
        items = list(value.items())
        shown = [
            f"{key if _BARE.fullmatch(str(key)) else repr(key)} = {self.repr1(told, level - 1)}"
            for key, told in items[: self.maxdict]
        ]
        return f"{{ {', '.join(shown)}{', ...' * (len(items) > self.maxdict)} }}"


_QUOTE = _Quote()
_QUOTE.maxstring = _QUOTE.maxother = _QUOTE.maxlong = 120
_QUOTE.maxlist = _QUOTE.maxtuple = _QUOTE.maxdict = 8
_QUOTE.maxlevel = 4


class UnreadableError(ValueError):
    """A file says nothing; the text goes on from its name: what it is, and the cure."""


# ---- files ---------------------------------------------------------------------------------------


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Read a file that somebody has written.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that such a file has at most.

    Raises
    ------
    UnreadableError
        If it is no regular file, or too large.
    OSError
        If it cannot be opened.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise UnreadableError("is no file: no name of one holds a byte 0") from None
    if stat.S_ISDIR(mode):
        raise UnreadableError("is a folder; name a file in it")
    if not stat.S_ISREG(mode):  # a pipe would be waited for, a device never ends
        raise UnreadableError("is no file but a pipe or a device; save what it gives, name that")
    with path.open("rb") as file:
        raw = file.read(most + 1)
        if len(raw) > most:
            raise UnreadableError(
                f"has {max(path.stat().st_size, len(raw)) / 1e6:.1f} MB, and never needs more than "
                f"{most / 1e6:g} MB; name the right file"
            )
    return raw


def read_text(path: Path) -> str:
    """Read a text file that somebody has written, with or without a mark, with any line ends.

    Raises
    ------
    UnreadableError
        If it is no regular file, too large, or no UTF-8 text.
    OSError
        If it cannot be opened.
    """
    raw = read_bytes(path)
    if wrong := other_encoding(raw):
        raise UnreadableError(wrong)
    return re.sub("\r\n?", "\n", raw.decode("utf-8-sig"))


def other_encoding(raw: bytes) -> str:
    """Say which encoding a file has in place of UTF-8; empty if it is that."""
    zeros = raw.count(b"\0") / max(len(raw), 1)
    wide = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "")
    if not wide and zeros > 0.4:  # the high bytes of what is mostly ASCII
        wide = "UTF-16" if zeros < 0.6 else "UTF-32"
    if wide:
        return f"is {wide} text; save it as UTF-8"
    if zeros:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        return f"is no text: line {line} holds a byte 0; name the right file"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, byte = raw[: error.start].count(b"\n") + 1, raw[error.start]
        letter = bytes([byte]).decode("cp1252", "replace")
        return (
            f"is not UTF-8 text: line {line} holds the byte 0x{byte:02x}, in Latin-1 or "
            f"Windows-1252 {letter!r}; save it as UTF-8"
        )
    return ""


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML that is no deeper and has no larger integers than anything that makes sense.

    Raises
    ------
    UnreadableError
        If it is, or has.
    tomllib.TOMLDecodeError
        If it is no TOML.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        keys = re.split(r"[=,{}\[\]]", _NO_KEY.sub("", line))
        if any(key.count(".") > _MOST_DOTS for key in keys):
            raise UnreadableError(f"is nested too deeply in line {number}; tables are two deep")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        named = _KEYS.sub(lambda keys: ".".join(re.findall(r"'([^']*)'", keys[0])), str(error))
        raise tomllib.TOMLDecodeError(named) from None
    except RecursionError:
        raise UnreadableError("is nested too deeply; tables are two deep") from None
    except ValueError:  # int refuses thousands of digits
        raise UnreadableError("has an integer of thousands of digits; correct it") from None
    _check_sense(data)
    return data


def _check_sense(data: dict[str, Any]) -> None:
    """Refuse tables deeper, and integers larger, than TOML has to know."""
    waiting: list[tuple[str, int, Any]] = [(str(k), 1, v) for k, v in data.items()]
    while waiting:
        place, depth, value = waiting.pop()
        if isinstance(value, dict | list):
            if depth > _DEEPEST:
                raise UnreadableError(f"is nested too deeply, under {quoted(place.split('.')[0])}")
            items = value.items() if isinstance(value, dict) else enumerate(value, start=1)
            waiting += [(f"{place}.{key}", depth + 1, item) for key, item in items]
        elif isinstance(value, int) and value.bit_length() > 63:
            raise UnreadableError(
                f"has at {place[:80]} an integer beyond 9.2e18, the largest of TOML; correct it"
            )


# ---- values --------------------------------------------------------------------------------------


def quoted(value: object) -> str:
    """Quote a value in a sentence; what is absurdly long, large or deep is cut down."""
    try:
        return _QUOTE.repr(value)
    except ValueError:  # an integer of thousands of digits
        return "an integer of thousands of digits" if isinstance(value, int) else "what was given"


def exact(number: float) -> str:
    """Write a number as somebody wrote it: with all of its digits, and no more."""
    short = f"{number:zg}"
    return short if float(short) == number else repr(float(number)).removesuffix(".0")


def percent(share: float) -> str:
    """Write a share as somebody wrote it, in percent."""
    return f"{exact(round(100 * share, 9))}%"


def chance(probability: float) -> str:
    """Write a probability in percent, never as certain.

    Examples
    --------
    >>> chance(0.864), chance(0.0), chance(0.997)
    ('86%', '<1%', '>99%')
    """
    if math.isnan(probability):
        return "-"
    if probability < 0.01:
        return "<1%"
    return ">99%" if probability > 0.99 else f"{probability:.0%}"


def check_text(text: str) -> str:
    """Return a title, name or unit that can be shown anywhere.

    Raises
    ------
    ValueError
        If it is a page long, or has characters that do something to a terminal.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"{quoted(text)} has {len(text)} characters; {_LONGEST} are allowed")
    if printable(text, keep="") != text:
        raise ValueError(f"{text!r} has control characters; delete them")
    return text


def harmless(stored: Any) -> Any:
    """Return stored data with every text such as `check_text` lets pass.

    Runs can be of versions that asked less of a text, or of anybody, and are read all the same.
    """
    if isinstance(stored, str):
        return printable(stored, keep="")[:_LONGEST]
    if isinstance(stored, Mapping):
        return {key: harmless(item) for key, item in stored.items()}
    return [harmless(item) for item in stored] if isinstance(stored, list | tuple) else stored


def printable(text: str, keep: str = "\n\t") -> str:
    r"""Return a text that does nothing to a terminal or page but stand there.

    Control characters, and those that turn the direction of writing, are written out: ``\x1b``.

    Parameters
    ----------
    text : str
    keep : str
        Control characters that may stay.
    """
    if text.isprintable():
        return text
    return "".join(
        ascii(c)[1:-1] if unicodedata.category(c) in _UNSHOWN and c not in keep else c for c in text
    )


# ---- what a value should be ----------------------------------------------------------------------

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text in quotes",
    "dict": "a table",
    "model": "a table",
    "list": "a list",
    "tuple": "a list",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("of at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("of at most", "le"),
}


def wanted(error: Mapping[str, Any]) -> str:
    """Say what should stand where a model found something else: ``a whole number``.

    Parameters
    ----------
    error : mapping
        One item of pydantic's ``ValidationError.errors()``, whose own words are about programs.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"a number {words} {exact(context[key])}"
    match kind:
        case "literal_error":
            return str(context["expected"])
        case "too_short":
            return f"a list or table with at least {context['min_length']} in it"
        case "too_long":
            return f"a list of no more than {context['max_length']}"
        case "string_too_long":
            return f"text of no more than {context['max_length']} characters"
        case "string_pattern_mismatch":
            return "a name of lower-case letters, digits and _ that begins with a letter"
    return _KINDS.get(kind.split("_")[0], str(error["msg"]).removeprefix("Input should be "))


def words(error: Exception) -> str:
    """Give the type and the first line of an error: some are pages long."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
