"""Write the reference of the reaction file from its model: ``python docs/reaction_file.py``.

What a key means is read off the docstrings of the model, its default off the fields; every sentence
behind a bad value is what it is really told. The suite compares the page with what this prints.
"""

from pathlib import Path

import described
from described import refusal

from reactune.devices.reactionfile import (
    ReactionError,
    ReactionFile,
    ReactionNoise,
    ReactionPeak,
    load_reaction,
)
from reactune.devices.steps import Rate, Species, Step

PAGE = Path(__file__).parent / "reference" / "reaction-file.md"

BASE = """\
temperature = 60
steps = [
  { equation = "acid + alcohol <-> ester + water", k = 0.2, unit = "1/(M min)", energy = 50, reverse = { k = 0.05, unit = "1/(M min)", energy = 45 } },
  { equation = "2 alcohol -> ether + water", A = 1e9, unit = "L/(mol s)", energy = 100 },
]
[species]
acid    = { formula = "C2H4O2" }
alcohol = { formula = "C2H6O" }
ester   = { formula = "C4H8O2" }
ether   = { formula = "C4H10O" }
water   = { formula = "H2O" }
[streams]
acid    = { acid = 1000 }
alcohol = { alcohol = 1500 }
[peaks]
acid  = { of = "acid" }
ester = { of = "ester" }
"""  # noqa: E501 - TOML's inline tables have no line breaks

_EQUATION = '"acid + alcohol <-> ester + water"'

TABLES = [
    ("The file itself", ReactionFile, "", {
        "title": ('"Ester in a coil"', "7"),
        "source": ('"our notebook, page 12"', "7"),
        "temperature": ("60", "-300"),
        "species": ('["A", "B", "P"]', '["acid", "alcohol", "ester", "water"]'),
        "steps": ("", "[]"),
        "streams": ("", "{ acid = { acid = 0 } }"),
        "peaks": ("", "{}"),
        "noise": ("{ extent = 0.02 }", "7"),
        "choices": ("{ catalyst = { Pd = {}, Ni = { k1 = 0.1, E1 = 55 } } }",
                    "{ catalyst = { Pd = { k3 = 1 } } }"),
    }),
    ("`[species]`: what is known of each", Species, "species.acid", {
        "formula": ('"C2H4O2"', '"C2H4O3"'),
        "weight": ("60.05", "0"),
    }),
    ("`[[steps]]`: the mechanism", Step, "steps.0", {
        "equation": (_EQUATION, '"acid + alcool <-> ester + water"'),
        "k": ("0.2", "-1"),
        "A": ("1e9", "1e9"),
        "unit": ('"1/(M min)"', '"1/min"'),
        "energy": ("50", '"50 kJ"'),
        "at": ("25", "-300"),
        "orders": ("{ acid = 1.5 }", "{ acid = -1 }"),
        "reverse": ('{ k = 0.05, unit = "1/(M min)" }', '{ k = 0.05 }'),
    }),
    ("`reverse`: the way back of a step", Rate, "steps.0.reverse", {
        "k": ("0.05", '"slow"'),
        "A": ("1e9", "-1"),
        "unit": ('"L/(mol s)"', '"M"'),
        "energy": ("45", "inf"),
        "at": ("25", "5000"),
        "orders": ("{ water = 0 }", "{ steam = 0 }"),
    }),
    ("`[peaks]`: what the detector sees", ReactionPeak, "peaks.ester", {
        "of": ('["ester", "ether"]', '"acid"'),
        "time": ("5.2", "0"),
        "width": ("0.1", "0"),
        "tail": ("0.05", "-1"),
        "response": ("0.0004", "0"),
    }),
    ("`[noise]`: of one experiment", ReactionNoise, "noise", {
        "extent": ("0.02", "-1"),
        "fraction": ("0.001", "-1"),
        "relative": ("0.005", '"1 %"'),
    }),
]  # fmt: skip
"""Title, model, place, and for each key an example and a bad value, in TOML."""

HEAD = f"""\
# The reaction file

A reaction for an emulated rig, as a TOML file: `reaction = "ester.toml"` in the table `[emulation]`
of a rig file names one beside it; or that table has it in itself, as `[emulation.reaction]`.
Concentrations are mM, temperatures degC, energies kJ/mol, times on the chromatogram minutes.
Unknown keys are refused. The page is written by `python docs/reaction_file.py` from the model that
reads the file; the bad values are those of

```toml
{BASE}```

How to use one: [rehearse your reaction](../how-to/rehearse-your-reaction.md).

**Equations** are species joined by `+`, with stoichiometric numbers before them (`2 B`, `0.5 O2`).
`->` (or `→`, `=>`) goes one way, `<->` (or `<=>`, `⇌`, `=`) both ways. What is on both sides, such
as a catalyst, counts for the rate and is not used up. The rate is `k` times each species on the
left to its stoichiometric number, or to what `orders` says; with an order below 1 in what is used
up, the rate falls to zero with the last 1e-8 of all that was fed. Steps balance: atom by atom where
all of their species have a formula, to 0.1 % where all have a weight.

**Units** of rate constants are those that [pint](https://pint.readthedocs.io) knows, for the order
of the step in all: `1/s` for first, `1/(M s)` or `L/(mol s)` for second, `1/(M^1.5 s)` for two
and a half. `k(T) = k exp(-energy / R (1/T - 1/at))`, or `A exp(-energy / R T)`.
"""


def told(place: str, key: str, bad: str) -> str:
    """Give what a bad value is told."""
    return refusal(BASE, place, key, bad, load_reaction, ReactionError)


def page() -> str:
    """Write the whole page."""
    return described.page(HEAD, TABLES, told)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
