"""The names of a problem: what each stands for, and what is wrong with those that are used.

Variables, fixed and measured quantities have values. What ``[define]`` makes of them has a name,
too, and so has every limit. Where an expression uses such a name, it is replaced by what it stands
for, so that whoever computes with it only meets quantities that have values.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .expression import Expression, ExpressionError, is_name, parse
from .in_units import with_units
from .messages import did_you_mean
from .units import Unit, UnitError, unit
from .windows import read_window

_RIGS = re.compile(r"(flow|stock)_\w+|total_flow|residence_time|temperature|volume")
"""Words that a rig gives a value; without one, nobody."""
_NO_SETPOINTS = re.compile(r"stock_\w+|total_flow|residence_time|volume")
"""Those of them that nobody sets."""


TRADE = (
    "to trade two properties off, keep one as the goal and put the other under constraints; or, "
    'for the whole curve, write both as lists: minimise = ["A"], maximise = ["B"]'
)
"""What to do about two goals."""


def is_rigs_word(name: str) -> bool:
    """Whether a rig knows this name: its setpoints, and what follows from them."""
    return _RIGS.fullmatch(name) is not None


RIGS_UNITS = {
    "temperature": "degC",
    "residence_time": "min",
    "total_flow": "uL/min",
    "flow": "uL/min",
    "stock": "mM",
    "volume": "uL",
}
"""Of the rig's words, and of what its words begin with."""


def rigs_unit(name: str) -> str:
    """Give the unit that a rig gives a word of its own in; "" for others."""
    if not is_rigs_word(name):
        return ""
    return RIGS_UNITS[name if name in RIGS_UNITS else name.partition("_")[0]]


class Names:
    """What the names of a problem stand for, in quantities that have values.

    Parameters
    ----------
    definitions : mapping of str to (str, str)
        Expression and unit by name, in each other or not.
    units : mapping of str to str
        Units of what has a value; of others nothing is known.
    given : mapping of str to Expression
        What further names stand for, unless they are defined.

    Attributes
    ----------
    meanings : dict of str to Expression

    Raises
    ------
    ExpressionError
        If some are made of each other in a circle, or become too long.
    UnitError
        If a unit does not fit what it is said of; the message begins with the name.
    """

    def __init__(
        self,
        definitions: Mapping[str, tuple[str, str]],
        units: Mapping[str, str] | None = None,
        given: Mapping[str, Expression] | None = None,
    ) -> None:
        self._definitions = definitions
        self._units = {name: unit(text) for name, text in (units or {}).items() if text}
        self.meanings = {n: e for n, e in (given or {}).items() if n not in definitions}
        for name in definitions:
            self._look(name, ())

    def _look(self, name: str, above: tuple[str, ...]) -> None:
        """Find out what a name stands for, and before that what its parts do."""
        if name in self.meanings:
            return
        if name in above:
            circle = [*above[above.index(name) :], name]
            first, *rest = (f"{a} of {b}" for a, b in itertools.pairwise(circle))
            told = ", ".join([first.replace(" of ", " is made of ", 1), *rest])
            raise ExpressionError(f"{told}: one of them has to be made of something else")
        of, stated = self._definitions[name]
        for inner in parse(of).names:
            if inner in self._definitions:
                self._look(inner, (*above, name))
        try:
            expression, self._units[name] = with_units(parse(of), self._known(of), stated)
        except UnitError as error:
            raise UnitError(f"{name}{'.unit' * bool(stated)}: {error}") from None
        self.meanings[name] = expression.substituted(self.meanings)

    def expression(self, of: str, stated: str = "") -> Expression:
        """Give what an expression stands for, in its unit; raise `UnitError` if it has another."""
        expression, _ = with_units(parse(of), self._known(of), stated)
        return expression.substituted(self.meanings)

    def _known(self, of: str) -> dict[str, Unit | None]:
        known = self._units
        return {
            n: known[n] if n in known else unit(rigs_unit(n))
            for n in parse(of).names
            if n in known or is_rigs_word(n)
        }


def named(data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Give the expressions that have names, with their units: those defined, and the limits.

    A limit called like a quantity, such as ``T = (110, 140)``, says nothing new of that name.
    """
    taken = {*_names(data.get("measured")), *_keys(data.get("variables"))}
    taken |= {*_keys(data.get("fixed"))}
    stated = [*_tables(data.get("limits")), *_tables(data.get("define"))]
    stated = [(name, part) for name, part in stated if isinstance(part, dict)]
    texts = ((name, _of(part), part.get("unit") or "") for name, part in stated)
    return {
        name: (of, stated)
        for name, of, stated in texts
        if isinstance(of, str) and isinstance(stated, str) and name not in taken
    }


def name_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with goal, names and expressions, as far as the data can be read at all.

    Works on the data as stated, so that one bad number elsewhere does not hide a bad name.
    """
    goals = [key for key in ("minimise", "maximise") if data.get(key) is not None]
    # a misspelt goal is told as an unknown setting, not as a missing goal too
    misspelt = any(get_close_matches(key, {"minimise", "maximise"}, n=1) for key in data)
    both = len(goals) > 1 and not all(isinstance(data[key], list) for key in goals)
    if both or not (goals or misspelt):
        yield "give exactly one of 'minimise' and 'maximise'" + (f" — {TRADE}" if both else "")
    stated = [goal for key in goals for goal in _several(data[key])]
    if len(stated) > 2:
        yield (
            f"{len(stated)} goals are stated, and no more than two can be traded off: keep two, "
            "and put the others under constraints"
        )
    measured = _names(data.get("measured"))
    variables, fixed = _keys(data.get("variables")), _keys(data.get("fixed"))
    define, limits = _keys(data.get("define")), _keys(data.get("limits"))
    yield from _not_variables(_names(data.get("shared")), variables)
    yield from _computed_with_words(data)
    yield from _percent_of_percent(data)
    sections = {"measured": measured, "variables": variables, "fixed": fixed, "define": define}
    yield from _bad_names(sections, limits)
    own = named(data)
    try:
        meant = Names({n: (of, "") for n, (of, _) in own.items() if not _unreadable(of)}).meanings
    except ExpressionError as error:
        yield f"define: {error}"
        meant = {}
    # what is missing is told once, not again for each place that uses it
    everything = [*measured, *variables, *fixed, *own] if measured and variables else None
    names = _Known(everything, meant, measured, _rigs_words(data))
    for goal in stated:
        yield from _goal_problems(goal, names)
    for number, window in enumerate(_items(data.get("constraints")), start=1):
        yield from names.problems(f"constraints[{number}]", _of(window))
    for name, part in _tables(data.get("define")):
        yield from names.problems(f"define.{name}", _of(part))
    settable = names.only_set([*variables, *fixed, *own] if variables else None)
    for name, part in _tables(data.get("limits")):
        yield from settable.problems(f"limits.{name}", _of(part))
    rigs = _Known([*fixed, *own], meant, measured, _RIGS).only_set([*fixed, *own])
    for name, part in _tables(data.get("variables")):
        yield from rigs.problems(f"variables.{name}", _of(part))


def _not_variables(names: Sequence[str], variables: Sequence[str]) -> Iterator[str]:
    """Say which settings shared by a batch are none."""
    for name in names:
        if name not in variables:
            yield f"shared: {name!r} is no variable; those are {', '.join(variables)}"


def _computed_with_words(data: Mapping[str, Any]) -> Iterator[str]:
    """Say where an expression computes with a choice."""
    tables = _tables(data.get("variables"))
    words = [name for name, part in tables if isinstance(part, dict) and part.get("choices")]
    goals = [("goal", g) for key in ("minimise", "maximise") for g in _several(data.get(key))]
    windows = enumerate(_items(data.get("constraints")), start=1)
    places = [*goals, *((f"constraints[{number}]", window) for number, window in windows)]
    for section in ("define", "limits", "variables"):
        places += [(f"{section}.{name}", part) for name, part in _tables(data.get(section))]
    for place, part in places:
        text = part if isinstance(part, str) and place == "goal" else _of(part)
        if not isinstance(text, str) or _unreadable(text):
            continue
        for name in parse(text).names:
            if name in words:
                yield f"{place}: {name} is a choice, a word that nothing can be computed from"


def _percent_of_percent(data: Mapping[str, Any]) -> Iterator[str]:
    """Say where a window's percent sign, 5% being 0.05, is meant for a variable that is in %."""
    tables = _tables(data.get("variables"))
    units = {name: str(part.get("unit")) for name, part in tables if isinstance(part, dict)}
    in_percent = [name for name, unit_ in units.items() if "%" in unit_]
    in_percent += [  # and where the units of all that it is made of are known
        name
        for name, (of, unit_) in named(data).items()
        if "%" in unit_
        and not _unreadable(of)
        and all(is_rigs_word(n) or units.get(n) not in (None, "None", "") for n in parse(of).names)
    ]
    for number, window in enumerate(_items(data.get("constraints")), start=1):
        of = _of(window)
        if not isinstance(window, str) or "%" not in window or not isinstance(of, str):
            continue
        for name in () if _unreadable(of) else parse(of).names:
            if name in in_percent:
                yield (
                    f"constraints[{number}]: {window!r} says 0.01 for 1%, and {name} is a number "
                    "of percent; leave the % signs out"
                )


def _goal_problems(stated: object, names: "_Known") -> Iterator[str]:
    """Say what is wrong with the goal."""
    text = stated if isinstance(stated, str) else _of(stated)
    wrong = list(names.problems("goal", text))
    yield from wrong
    if isinstance(text, str) and not wrong and names.known is not None:
        used = parse(text).substituted(names.meant).names
        if not set(used) & set(names.measured):
            known = ", ".join(names.measured)
            yield f"goal: {text!r} uses nothing that is measured. Known: {known}"


IF_IT = ". If it "
"""What follows upon an unknown name: what can be done about it in a file."""


class _Known:
    """The names that are known at one place.

    `known` is None where they cannot be told; so are the words of a rig that `rigs` matches.
    """

    def __init__(
        self,
        known: Sequence[str] | None,
        meant: Mapping[str, Expression],
        measured: Sequence[str],
        rigs: re.Pattern[str] | None,
    ) -> None:
        self.known, self.meant, self.measured, self.rigs = known, meant, measured, rigs

    def only_set(self, known: Sequence[str] | None) -> "_Known":
        """Give those known where nothing has been measured yet."""
        if known is None:
            return _Known(None, self.meant, self.measured, self.rigs)
        later = {n for n, e in self.meant.items() if set(e.names) & set(self.measured)}
        kept = [name for name in known if name not in later]
        return _Known(kept, self.meant, self.measured, self.rigs)

    def problems(self, place: str, text: object) -> Iterator[str]:
        """Say what is wrong with one expression."""
        if not isinstance(text, str):
            return  # the model complains about that
        try:
            expression = parse(text)
            expression.substituted(self.meant)
        except ExpressionError as error:
            yield f"{place}: {error}"
            return
        if self.known is None:
            return
        for name in expression.names:
            if name in self.known or (self.rigs and self.rigs.fullmatch(name)):
                continue
            within = "" if name == text.strip() else f" in {text!r}"
            if name in self.measured or name in self.meant:
                yield f"{place}: {name!r}{within} is known only once an experiment is measured"
                continue
            hint = did_you_mean(name, self.known)
            known = ", ".join([*self.known, *(["flow_<stream>"] if self.rigs is _RIGS else [])])
            measurable = set(self.measured) <= set(self.known)
            how = f"{IF_IT}{'is measured, add it to measured; if it ' * measurable}"
            how += f'follows from these, say how: [define] {name} = {{ of = "..." }}'
            yield (
                f"{place}: {name!r}{within} is not known here;{hint} Known: {known}"
                f"{'' if hint else how}"
            )


def _rigs_words(data: Mapping[str, Any]) -> re.Pattern[str] | None:
    """Give the words of a rig that expressions may use: all where its setpoints follow."""
    variables = dict(_tables(data.get("variables")))
    if any(
        name in ("residence_time", "total_flow") or _of(part) is not None
        for name, part in variables.items()
    ):
        return _RIGS
    return _NO_SETPOINTS if any(name.startswith("flow_") for name in variables) else None


def _bad_names(sections: Mapping[str, Sequence[str]], limits: Sequence[str]) -> Iterator[str]:
    """Say which names cannot be used in expressions, or stand for two things."""
    owner: dict[str, str] = {}
    for section, names in [*sections.items(), ("limits", limits)]:
        for name in names:
            shared = name in owner and (section != "limits" or owner[name] == "define")
            if not is_name(name):
                yield (
                    f"{section}: {name!r} is not a name; use Latin or Greek letters, digits and _, "
                    "and no word that means something in expressions"
                )
            elif name == "_id":
                yield f"{section}: '_id' is what suggestions call their number; name it otherwise"
            elif shared:
                yield f"{section}: {name!r} is already a name under {owner[name]}"
            elif section != "limits":
                owner[name] = section


def _unreadable(text: str) -> bool:
    try:
        parse(text)
    except ExpressionError:
        return True
    return False


def _of(part: object) -> object:
    """Return the expression of a part as stated, if it can be read."""
    if isinstance(part, str):
        try:
            return read_window(part)["of"]
        except ValueError:
            return None
    return part.get("of") if isinstance(part, dict) else getattr(part, "of", None)


def _several(value: object) -> list[Any]:
    """Give one goal or a list of them as a list."""
    return value if isinstance(value, list) else [value]


def _names(value: object) -> list[str]:
    return [name for name in _items(value) if isinstance(name, str)]


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tables(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _keys(value: object) -> list[str]:
    return [name for name, _ in _tables(value)]
