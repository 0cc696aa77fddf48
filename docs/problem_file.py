"""Write the reference of the problem file from its model: ``python docs/problem_file.py``.

What a key means is read off the docstrings of the model, its default off the fields; every example
is loaded, and every sentence below it is what the bad value beside it is really told. The suite
compares the page with what this prints.
"""

import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from described import meanings
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reactune.analysis.problem.bounds import Limit, Window
from reactune.analysis.problem.goals import Goal
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.problem.tables import Definition, Optimiser, Stop
from reactune.analysis.problem.variables import Variable

PAGE = Path(__file__).parent / "reference" / "problem-file.md"

BASE = """\
maximise = "P"
measured = ["A", "P"]
[variables]
temperature = { range = [30, 120], unit = "degC" }
flow_a = { range = [20, 500], unit = "uL/min" }
flow_b = { range = [20, 500], unit = "uL/min" }
[fixed]
volume = 2000
"""


class Key(NamedTuple):
    """An example of a key, and a value that is refused; both in TOML.

    `instead`: what of the base problem they take the place of; "" if they are added to it.
    """

    example: str
    bad: str
    instead: str = ""


_T = 'temperature = { range = [30, 120], unit = "degC" }'
_MEASURED = 'measured = ["A", "P"]'


def _variable(table: str, bad: str) -> Key:
    return Key(f"temperature = {table}", f"temperature = {bad}", _T)


def _limit(table: str, bad: str) -> Key:
    return Key(f"[limits]\nresidence = {table}", f"[limits]\nresidence = {bad}")


_TAU = 'of = "volume / (flow_a + flow_b)"'

TABLES: list[tuple[str, str, type[BaseModel], dict[str, Key]]] = [
    ("The file itself", "", Problem, {
        "schema": Key("schema = 1", "schema = 2"),
        "title": Key('title = "Amide in flow"', "title = 7"),
        "minimise": Key(
            'minimise = ["A", "A / P"]', 'minimise = ["A", "P", "A / P"]', 'maximise = "P"'
        ),
        "maximise": Key('maximise = "P / (A + P)"', 'maximise = "P / Q"', 'maximise = "P"'),
        "measured": Key('measured = ["A", "P", "yield", "X₃"]', "measured = []", _MEASURED),
        "kind": Key('kind = "fractions"', 'kind = "ratios"'),
        "constraints": Key('constraints = ["A <= 5% +/- 1%"]', 'constraints = ["A <= 0.05"]'),
        "fixed": Key("volume = 2000\nconc_a = 0.5", 'volume = "2 mL"', "volume = 2000"),
        "budget": Key("budget = 40", "budget = 0"),
        "batch": Key("batch = 5", 'batch = "5"'),
        "shared": Key('shared = ["temperature"]', 'shared = ["oven"]'),
    }),
    ("Variables", "variables.", Variable, {
        "range": _variable("{ range = [30, 120] }", "{ range = [120, 30] }"),
        "unit": _variable('{ range = [303.15, 393.15], unit = "K" }',
                          '{ range = [30, 120], unit = "mL" }'),
        "of": Key('ratio = { range = [0.5, 2], of = "flow_b / flow_a" }',
                  'ratio = { range = [0.5, 2], of = "a : b" }', _T),
        "step": _variable("{ range = [30, 120], step = 5 }", "{ range = [30, 120], step = 200 }"),
        "resolution": _variable("{ range = [30, 120], resolution = 0.5 }",
                                "{ range = [30, 120], resolution = 0 }"),
        "values": _variable("{ values = [40, 60, 100] }", "{ values = [40] }"),
        "choices": Key('solvent = { choices = ["THF", "MeCN"] }',
                       'solvent = { choices = ["THF"] }', _T),
        "descriptors": Key(
            'solvent = { choices = ["THF", "MeCN"], descriptors = { polarity = [37.4, 45.6] } }',
            'solvent = { choices = ["THF", "MeCN"], descriptors = { polarity = [37.4] } }', _T),
    }),
    ("Definitions", "define.", Definition, {
        "of": Key('[define]\nSTY = { of = "60 * P / tau" }\ntau = "volume / (flow_a + flow_b)"',
                  '[define]\nSTY = "P / tau"\ntau = "1 / STY"'),
        "unit": Key(f'[define]\ntau = {{ {_TAU}, unit = "s" }}',
                    f'[define]\ntau = {{ {_TAU}, unit = "mL" }}'),
    }),
    ("Limits", "limits.", Limit, {
        "of": _limit(f"{{ {_TAU}, within = [2, 30] }}",
                     '{ of = "volume / P", within = [2, 30] }'),
        "within": _limit(f"{{ {_TAU}, within = [2, inf] }}", f"{{ {_TAU}, within = [200, 300] }}"),
        "unit": _limit(f'{{ {_TAU}, within = [120, 1800], unit = "s" }}',
                       f'{{ {_TAU}, within = [120, 1800], unit = "K" }}'),
    }),
    ("Windows", "constraints[1].", Window, {
        "of": Key('constraints = [{ of = "A", within = [0, 0.1], tolerance = 0.02 }]',
                  'constraints = [{ of = "B", within = [0, 0.1], tolerance = 0.02 }]'),
        "within": Key('constraints = [{ of = "A", within = [-inf, 0.1], tolerance = 0.02 }]',
                      'constraints = [{ of = "A", within = [0.1], tolerance = 0.02 }]'),
        "tolerance": Key(
            'constraints = [{ of = "A", within = [0, 0.1], tolerance = [0.01, 0.02] }]',
            'constraints = [{ of = "A", within = [0, 0.1], tolerance = 0 }]'),
        "percent": Key(
            'constraints = [{ of = "A", within = [0, 0.1], tolerance = 0.02, percent = true }]',
            'constraints = [{ of = "A", within = [0, 10], tolerance = 2, percent = "%" }]'),
    }),
    ("The goal as a table", "maximise.", Goal, {
        "of": Key('maximise = { of = "P" }', 'maximise = { of = "flow_a" }', 'maximise = "P"'),
        "unit": Key('maximise = { of = "P", unit = "mM" }', 'maximise = { of = "P", unit = 3 }',
                    'maximise = "P"'),
        "name": Key('maximise = { of = "P", name = "product" }', 'maximise = { name = "product" }',
                    'maximise = "P"'),
    }),
    ("The optimiser", "optimiser.", Optimiser, {
        "engine": Key('optimiser.engine = "snobfit"', 'optimiser.engine = "simplex"'),
        "model": Key('optimiser.model = "merit"', 'optimiser.model = "gauss"'),
        "p": Key("optimiser.p = 0.3", "optimiser.p = 1.5"),
        "confidence": Key(
            'optimiser.confidence = 0.9\nconstraints = ["P >= 0.8 +/- 0.05"]',
            "optimiser.confidence = 0.9",
        ),
    }),
    ("When to stop", "stop.", Stop, {
        "goal": Key("stop.goal = 0.9", 'stop.goal = "best"'),
        "patience": Key("stop.patience = 20", "stop.patience = 0"),
        "verdict": Key("stop.verdict = false", 'stop.verdict = "no"'),
    }),
]  # fmt: skip
"""Title, place, model and keys of each table."""

HEAD = """\
# The problem file

Every key of a problem file, in TOML. What is said below a key is what its bad value is told. The
page is written by `python docs/problem_file.py` from the model that reads the file.

**Expressions** are made of names, numbers, `+ - * / ^ ( )` (`**` is `^`) and `log log10 exp sqrt
abs min max`; `log` is the natural logarithm. A name has Latin or Greek letters, digits, subscript
digits and `_`. It may be any of the variables, what is fixed, measured, defined, or a limit.

**Windows** are `X1 >= 0.9 +/- 0.3`, `<= < > = ==`, `0.9 <= X1 <= 1 ± 0.1` or `X1 in [0.9, 1] +/-
0.1`, percent where that is clearer (`80% +/- 5%`). Of what is measured nobody can tell `<` from
`<=`; of `X1 = 0.5 +/- 0.1` 0.45 to 0.55 counts as equal, and 0.4 to 0.6 is still acceptable. A
window narrower than a twentieth of its two tolerances together is judged as wide as an equality: of
`X1 in [0.499, 0.501] +/- 0.1` 0.45 to 0.55 counts as inside; `check` says so. What is set can have
a window, too: a wish, where a limit is a bound.

**Units** are those that [pint](https://pint.readthedocs.io) knows. What is stated in another than
the rig's is converted; what measures something else is refused. Limits, definitions and goals come
out in the unit that is stated for them, as far as the units of all that they are made of are known.
Measured quantities have none, nor has a variable or fixed value of yours without one: then the unit
is a label, which nothing is converted to and nothing can check, so that `P / tau` in `g/L/h` has to
be a number of g/L/h as it is written. What pint does not know, such as `equiv`, is a label, too. A
ratio of flows or stocks in `%` or `mol%` is a number of percent; of what is measured `%` is a
label. `rpm` is `1/min`. Plain numbers in an expression can be anything, so that `60 * volume /
flow` in `s` is refused rather than multiplied by 60 twice, and so is `flow_a + 1000 * flow_b` of
uL/min and mL/min; `40 * enzyme + 100 * time` may add what costs 40 a gram and what costs 100 an
hour. Without such factors unlike things are not added, nor are degC and K.

**On a rig**, these names are its own: `temperature` [degC], `flow_<stream>` and `total_flow`
[uL/min], `residence_time` [min] in the heated volume, and for expressions `volume` [uL] and
`stock_<stream>` [mM]. Any other variable says in these what it is (`of`); as many of them as
streams give the flows, which `reactune check` says. Without a rig a variable is a word, and `of` is
not looked at.

The problem below is the one that the examples change.

```toml
{base}```
"""


def changed(key: Key, value: str) -> str:
    """Put an example or bad value into the base problem."""
    if key.instead:
        assert key.instead in BASE
        return BASE.replace(key.instead, value)
    return BASE + value if value.startswith("[") else f"{value}\n{BASE}"


def told(key: Key) -> str:
    """Give the sentences that the bad value of a key is told."""
    try:
        Problem(**tomllib.loads(changed(key, key.bad)))
    except ProblemError as error:
        return " ".join(error.problems)
    raise AssertionError(f"{key.bad} is taken")


def default(model: type[BaseModel], name: str) -> str:
    """Give the default of a key in words."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    value = fields[name].get_default(call_default_factory=True)
    if name in ("minimise", "maximise"):
        return "one of minimise and maximise is needed"
    if value is PydanticUndefined:
        return "needed" if name != "range" else "range, values or choices are needed"
    plain = value in (None, "", ()) or isinstance(value, dict)
    return "none" if plain else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def lines() -> Iterator[str]:
    """Write the page."""
    yield HEAD.replace("{base}", BASE)
    for title, place, model, keys in TABLES:
        yield f"## {title}\n"
        known = meanings(model)
        for name, key in keys.items():
            Problem(**tomllib.loads(changed(key, key.example)))
            yield f"### `{place}{name}`\n"
            yield textwrap.fill(f"{known[name]} Default: {default(model, name)}.", 100)
            yield f"\n```toml\n{key.example}\n```\n"
            bad = key.bad.replace("\n", " ⏎ ")
            yield textwrap.fill(
                f"`{bad}` is told: {told(key)}", 100, break_on_hyphens=False, break_long_words=False
            ) + "\n"  # fmt: skip


def page() -> str:
    """Give the page."""
    return "\n".join(lines()).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
