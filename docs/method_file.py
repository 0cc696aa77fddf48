"""Write the reference of the method file from its model: ``python docs/method_file.py``.

What a key means is read off the docstrings of the model, its default off the fields; every sentence
in the last column is what the bad value before it is really told. The suite compares the page with
what this prints.
"""

from pathlib import Path

import described
from described import refusal

from reactune.devices.methodfile import (
    Front,
    MethodError,
    MethodFile,
    OtherPeak,
    PeakSpec,
    Standard,
    load_method,
)

PAGE = Path(__file__).parent / "reference" / "method-file.md"

BASE = """\
unit = "mAU"
start = 1.5
peaks = [
  { name = "P", time = 5, window = [4, 6], width = 0.1, tail = 0.02, response = 1 },
  { name = "S", time = 8, window = [7, 9], width = 0.1, tail = 0.02, response = 1 },
]
"""

_FRONT = "[[solvent_front]]\ntime = 1\nwidth = 0.05\ntail = 0.05\narea = 0.01\n"
_OTHER = "[[others]]\ntime = 6.5\nwidth = 0.1\ntail = 0.02\nwindow = [6, 7]\nname = 'dimer'\n"
_STANDARD = "[standard]\npeak = 'S'\namount = 1\n"

TABLES = [
    ("The file itself", MethodFile, "", {
        "title": ('"Amide on C18"', "7"),
        "unit": ('"AU"', '"OD"'),
        "per_au": ("1e6", "1000"),
        "duration": ("780", "0"),
        "rate": ("20", "0"),
        "lamp": ("10.48", "-1"),
        "start": ("1.5", "4.5"),
        "solvent_front": ("[]", "[1, 2]"),
        "peaks": ("", "[]"),
        "others": ("[]", "7"),
        "max_shift": ("0.1", "0"),
        "tolerance": ("0.05", '"5 %"'),
        "max_absorbance": ("1.5", "-2"),
        "amounts": ('"mM"', "2"),
        "standard": ("", "{ peak = 'Q' }"),
    }),
    ("`[[peaks]]`: what is measured", PeakSpec, "peaks.0", {
        "name": ('"P"', '"S"'),
        "time": ("5", "3"),
        "window": ("[4, 6]", "[4]"),
        "width": ("0.1", "0"),
        "tail": ("0.02", "-1"),
        "response": ("0.4", "0"),
        "response_sd": ("0.002", "-1"),
        "intercept": ("0.001", '"none"'),
        "curvature": ("-0.0002", "inf"),
        "curve_sd": ("0.0001", "-1"),
        "components": ("[{ time = 5.2, width = 0.1, tail = 0.02 }]", "[{ time = 5.2 }]"),
    }),
    ("`[[others]]`: peaks that are not measured", OtherPeak, "others.0", {
        "name": ('"dimer"', '"P"'),
        "time": ("6.5", "7.5"),
        "window": ("[6, 7]", "[0, 1]"),
        "width": ("0.1", "0"),
        "tail": ("0.02", "0"),
        "components": ("[]", "7"),
    }),
    ("`[[solvent_front]]`: the injection disturbance", Front, "solvent_front.0", {
        "time": ("1", "0"),
        "width": ("0.05", "0"),
        "tail": ("0.05", "0"),
        "area": ("0.01", "0"),
    }),
    ("`[standard]`: the internal standard", Standard, "standard", {
        "peak": ('"S"', '"Q"'),
        "amount": ("2", "0"),
    }),
]  # fmt: skip
"""Title, model, place, and for each key an example and a bad value, in TOML."""

HEAD = f"""\
# The method file

The HPLC method as a TOML file, `method.toml`. The table `[chromatogram]` of a rig file has the same
keys, and may take them from a file: `method = "method.toml"` there, and beside it only what that
does not say (a rig needs `duration`; with a meter of its own, `lamp`, and reads V). Times are
minutes; `duration` alone is seconds. Unknown keys are refused. The page is written by
`python docs/method_file.py` from the model that reads the file; the bad values are those of the
method

```toml
{BASE}```

How to come by one: [your HPLC](../how-to/your-hplc.md).
"""


def told(place: str, key: str, bad: str) -> str:
    """Give what a bad value is told."""
    extra = {"others": _OTHER, "solvent_front": _FRONT, "standard": _STANDARD}
    base = BASE + extra.get(place.split(".")[0], "")
    return refusal(base, place, key, bad, load_method, MethodError)


def page() -> str:
    """Write the whole page."""
    return described.page(HEAD, TABLES, told)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
