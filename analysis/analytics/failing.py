"""What `failed` says beside results: that an experiment failed, and why, or that not."""

import math
import re
from collections.abc import Mapping

from ..cells import number
from ..written import quoted

Cell = str | float | None

FAILED = "failed"
"""Title of the column that says of an experiment that it failed, and why."""

_NO = """
no n 0 0.0 0,0 - \u2013 \u2014 none nil nan n/a na <na> #n/a #nv ok okay false
nein kein keiner falsch non faux aucun falso ninguno nessuno n\u00e3o nao
nee onwaar nej nei falsk ei nie fa\u0142sz ne nem
"""
"""In the languages of chemists and their spreadsheets; a word that is not here is asked about."""

_YES = """
yes y 1 1.0 1,0 x failed fail failure true
ja j wahr oui vrai si s\u00ed verdadero vero sim verdadeiro waar sann sant tak prawda ano igen
"""

_SAID = re.compile(r"fail(ed|ure)?\b[:,\s]*", re.IGNORECASE)


def failure(where: str, told: Cell, got: Mapping[str, Cell]) -> str:
    """Give the reason of a failed experiment, empty if it is none.

    Parameters
    ----------
    where : str
        What a sentence about the row begins with.
    told : str, float or None
        What its column `failed` says.
    got : mapping of str to str, float or None
        What stands where the results belong.

    Raises
    ------
    ValueError
        If a number stands where a reason belongs, or words that are no plain yes or no beside
        results that are all there.
    """
    text = "" if told is None else str(told).strip()
    word = text.casefold().rstrip(" .!")
    if word in _YES.split():
        return FAILED
    if text and word not in _NO.split():
        if said := _SAID.match(text):
            return text[said.end() :].strip() or FAILED
        if not math.isnan(number(text)):
            raise ValueError(
                f"{where}: {FAILED} is {text}, which is no reason; say in words why there is no "
                "result, or leave it empty"
            )
        if all(map(_is_number, got.values())):
            are, they, count, do = (
                ("are", "they", "count", "do") if len(got) > 1 else ("is", "it", "counts", "does")
            )
            raise ValueError(
                f"{where}: {FAILED} is {quoted(text)}, and {', '.join(got)} {are} there all the "
                f"same; leave {FAILED} empty if {they} {count}, or write "
                f"{quoted(f'{FAILED}: {text}')} if {they} {do} not"
            )
        return text
    for cell in got.values():
        if isinstance(cell, str) and (said := _SAID.match(cell)):
            return cell[said.end() :].strip() or FAILED
    return ""


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, float) or not math.isnan(number((cell or "").removesuffix("%")))
