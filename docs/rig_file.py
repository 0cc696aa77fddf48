"""Write the reference of the rig file from its model: ``python docs/rig_file.py``.

What a key means is read off the docstrings of the model, its default off the fields; every sentence
behind a bad value is what it is really told. The suite compares the page with what this prints.
"""

import tomllib
from dataclasses import MISSING, fields
from importlib.resources import files
from pathlib import Path

import described
import tomli_w
from described import meanings, refusal

from reactune.devices.choices import ChoiceSpec
from reactune.devices.emulation import build
from reactune.devices.opening import obstacles
from reactune.devices.resultfile import AnalyticsSpec, QuantitySpec
from reactune.devices.rigfile import EmulationSpec, Reactor, RigError, RigFile, load
from reactune.devices.specs import (
    CollectionSpec,
    CompoundSpec,
    DetectorSpec,
    HeaterSpec,
    Port,
    SelectorSpec,
    StreamSpec,
    ValveSpec,
)

PAGE = Path(__file__).parent / "reference" / "rig-file.md"

_RIGS = files("reactune.devices") / "rigs"
BASE = (_RIGS / "walker.toml").read_text("utf-8")
CHOOSING = (_RIGS / "catalysts.toml").read_text("utf-8")


def _by_software() -> str:
    """Give that rig with other software in place of its detector."""
    rig = tomllib.loads(BASE)
    del rig["detector"], rig["chromatogram"], rig["transports"]["detector"]
    quantities = {name: {"column": name} for name in ("X0", "X1", "X2", "X3")}
    rig["analytics"] = {
        "kind": "table", "folder": "results", "duration": 780, "quantities": quantities,
    }  # fmt: skip
    return tomli_w.dumps(rig)


def _collecting() -> str:
    """Give that rig with a collection valve."""
    rig = tomllib.loads(BASE)
    rig["transports"]["collection"] = {"baudrate": 9600}
    rig["collection"] = {"transport": "collection"}
    return tomli_w.dumps(rig)


TABLES = [
    ("The file itself", RigFile, "", {
        "schema": ("1", "2"),
        "title": ('"Coil 2, hood 4"', "7"),
        "stabilisation_residence_times": ("3", "0"),
        "pause_limit": ("600", "0"),
        "emulated_since": ('"2026-11-30 20:15:00.000000+00:00"', "7"),
        "transports": ("", "7"),
        "streams": ("", "{}"),
        "heater": ("", "7"),
        "valve": ("", "7"),
        "collection": ('{ transport = "collection", collect = "B" }', '{ transport = "outlet" }'),
        "detector": ("", "7"),
        "analytics": ("", '{ kind = "table", folder = "results" }'),
        "reactor": ("", "7"),
        "chromatogram": ("", "{ method = 7 }"),
        "choices": ("", "7"),
        "compounds": ("", "7"),
        "emulation": ("{ reaction = \"snar\" }", "7"),
    }),
    ("`[transports]`: ports", Port, "transports.heater", {
        "url": ('"/dev/ttyUSB0"', '"ttyUSB0"'),
        "baudrate": ("9600", "0"),
        "bytesize": ("7", "9"),
        "parity": ('"E"', '"even"'),
        "stopbits": ("2", "3"),
        "flow_control": ('"rtscts"', '"hardware"'),
        "timeout": ("2", "0"),
    }),
    ("`[streams.NAME]`: reagents and their pumps", StreamSpec, "streams.c60", {
        "transport": ('"pumps"', '"pump"'),
        "protocol": ('"ne1000"', '"harvard12"'),
        "address": ("1", "1"),
        "stock": ("2.775", "0"),
        "diameter": ("14.57", "100"),
        "syringe_volume": ("10000", "0"),
        "limits": ("[10, 207]", "[207, 10]"),
        "filled": ("5000", "20000"),
        "dead_volume": ("100", "-1"),
        "flask_volume": ("250000", "-1"),
        "refill_rate": ("2000", "0"),
        "wash": ("true", "true"),
        "wash_volume": ("3000", "3000"),
    }),
    ("`[heater]`", HeaterSpec, "heater", {
        "transport": ('"heater"', '"oven"'),
        "protocol": ('"eurotherm3216"', '"eurotherm"'),
        "address": ("1", "0"),
        "decimals": ("1", "3"),
        "limits": ("[25, 150]", "[25, 200]"),
        "maximum": ("165", "150"),
        "safe": ("25", "160"),
        "tolerance": ("0.5", "0"),
        "settle": ("60", "-1"),
        "timeout": ("3600", "0"),
    }),
    ("`[valve]`", ValveSpec, "valve", {
        "transport": ('"valve"', '"heater2"'),
        "protocol": ('"vici"', '"valco"'),
        "id": ('"3"', '"12"'),
        "load": ('"B"', '"C"'),
        "timeout": ("3", "0"),
    }),
    ("`[collection]`: the valve to the flask of a product", CollectionSpec, "collection", {
        "transport": ('"collection"', '"valve"'),
        "protocol": ('"vici"', '"valco"'),
        "id": ('"4"', '"12"'),
        "collect": ('"A"', '"C"'),
        "timeout": ("3", "0"),
    }),
    ("`[detector]`: the meter on the photodiode", DetectorSpec, "detector", {
        "transport": ('"detector"', '"meter"'),
        "protocol": ('"scpi"', '"hp"'),
        "range": ("10", "1"),
    }),
    ("`[analytics]`: other software that analyses", AnalyticsSpec, "analytics", {
        "kind": ('"trace"', '"tables"'),
        "folder": ('"results"', "7"),
        "files": ('"*.json"', '"results.csv"'),
        "duration": ("780", "0"),
        "timeout": ("1800", "60"),
        "settle": ("5", "0"),
        "end": ('""', "7"),
        "decimal": ('","', '";"'),
        "channel": ('"DAD1A"', '"254"'),
        "quantities": ('{ X1 = { column = "X1 [%]", unit = "%" } }', "{}"),
    }),
    ("`[analytics.quantities.NAME]`: where a file tells it", QuantitySpec,
     "analytics.quantities.X1", {
        "column": ('"Area %"', '""'),
        "row": ('"X1"', "1"),
        "key": ('"peaks.0.fraction"', '"X1"'),
        "unit": ('"%"', "100"),
        "sd": ('"error"', "0.1"),
    }),
    ("`[choices.NAME]`: how the rig makes a choice of a problem", ChoiceSpec, "choices.catalyst", {
        "streams": ('{ THF = "thf", MeCN = "mecn" }', '{ C1 = "a", C2 = "b" }'),
        "stream": ('"catalyst"', '"pd"'),
        "valve": ("", "7"),
        "positions": ("{ C1 = 1, C2 = 2 }", "{ C1 = 1, C2 = 1 }"),
        "volume": ("25000", "0"),
        "filled": ("{ C1 = 12000 }", "{ C1 = 30000 }"),
        "line_volume": ("40", "-1"),
        "default": ('"C1"', '"C9"'),
    }),
    ("`[choices.NAME.valve]`: the selector valve", SelectorSpec, "choices.catalyst.valve", {
        "transport": ('"selector"', '"valve"'),
        "protocol": ('"vici"', '"rheodyne"'),
        "id": ('"3"', '"12"'),
        "timeout": ("10", "0"),
    }),
    ("`[reactor]`", Reactor, "reactor", {
        "heated_volume": ("931", "2000"),
        "total_volume": ("1587", "0"),
        "loop_volume": ("5", "0"),
        "flush_loops": ("10", "0"),
    }),
    ("`[compounds.NAME]`: what the streams and the measured quantities are", CompoundSpec,
     "compounds.c60", {
        "name": ('"[60]fullerene"', "7"),
        "smiles": ('"Clc1ccccc1Cl"', '"C C"'),
        "inchi_key": ('"XMWRBQBLMFGWIX-UHFFFAOYSA-N"', '"C60"'),
        "cas": ('"95-50-1"', '"95501"'),
    }),
    ("`[emulation]`: the emulated laboratory", EmulationSpec, "emulation", {
        "transport": ('"tcp"', '"usb"'),
        "clock": ('"real"', '"fast"'),
        "seed": ("7", "-1"),
        "noise": ("false", '"little"'),
        "reaction": ('"ester.toml"', '"snra"'),
        "kinetics": ("{ ks = 1.63 }", "{ k1 = 1 }"),
        "choices": ('{ catalyst = "C2" }', '{ catalyst = "C2" }'),
        "first_injection": ("12", "-1"),
        "pumps": ("{ bare = true }", "{ colour = 'red' }"),
        "heater": ("{ decimals = 0 }", "{ decimals = 3 }"),
        "valve": ("{ echo = true }", "{ speed = 1 }"),
        "collection": ("{ echo = true }", "{ echo = true }"),
        "selector": ("{ positions = 8 }", "{ positions = 8 }"),
        "detector": ("{ rs232 = false }", "{ model = 7 }"),
        "analytics": ("{ delay = 30 }", "{ delay = -1 }"),
        "echo": ('["heater"]', '["oven"]'),
    }),
]  # fmt: skip
"""Title, model, place, and for each key an example and a bad value, in TOML."""

VARIANTS = {
    "`[emulation.pumps]`, Harvard": build.EMULATED_PUMPS["harvard11"],
    "`[emulation.pumps]`, New Era": build.EMULATED_PUMPS["ne1000"],
    "`[emulation.heater]`": build.EMULATED_HEATERS["eurotherm3216"],
    "`[emulation.valve]`, likewise `[emulation.collection]`": build.EMULATED_VALVES["vici"],
    "`[emulation.selector]`": build.EMULATED_SELECTORS["vici"],
    "`[emulation.detector]`": build.EMULATED_DETECTORS["scpi"],
    "`[emulation.analytics]`": build.EMULATED_SOFTWARE,
}

HEAD = """\
# The rig file

The rig as a TOML file: what hardware there is, where it is plugged in, what it may do. Volumes are
uL, flows uL/min, temperatures degC, times seconds but for those on the chromatogram, which are
minutes. Unknown keys are refused. The keys of `[chromatogram]` are those of the
[method file](method-file.md); a rig needs `duration` and `lamp` of them. With a table `[emulation]`
the rig is an emulated one, and its ports have no `url`; without, each needs one. With a table
`[analytics]` [other software](../how-to/analysis-by-other-software.md) analyses, and there is no
`[detector]`. With a table `[collection]` a valve leads a product that is [made](../how-to/make.md)
into its flask, and a stream with `wash = true` is a solvent that washes afterwards. With a table
`[choices.NAME]` the rig makes the [choices](../how-to/choices.md) of a problem's variable of that
name.

The page is written by `python docs/rig_file.py` from the model that reads the file; the bad values
are those of the built-in rig `walker`, where everything stands with its unit (under `[analytics]`,
of that rig with software in place of its detector; under `[choices]`, of the rig `catalysts`; under
`[collection]`, of that rig with such a valve):

```toml
{base}```

How to come by one: [real hardware](../how-to/real-hardware.md), [rehearse your
reaction](../how-to/rehearse-your-reaction.md).
"""


def opened(path: Path) -> None:
    """Read a rig file, and say what keeps it from being emulated."""
    if wrong := obstacles(load(path)):
        raise RigError("\n".join(wrong))


def told(place: str, key: str, bad: str) -> str:
    """Give what a bad value is told."""
    others = {"analytics": _by_software(), "choices": CHOOSING, "collection": _collecting()}
    base = others.get(place.partition(".")[0], BASE)
    return refusal(base, place, key, bad, opened, RigError)


def page() -> str:
    """Write the whole page."""
    parts = [described.page(HEAD.replace("{base}", BASE), TABLES, told)]
    parts.append("\n## What the emulated instruments are like\n")
    for title, emulated in VARIANTS.items():
        known = meanings(emulated.variant)
        parts.append(f"\n{title}:\n\n")
        for field in fields(emulated.variant):
            value = "none" if field.default is MISSING else field.default
            default = str(value).lower() if isinstance(value, bool) else repr(value)
            parts.append(f"- `{field.name}` (default {default}): {known[field.name]}\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
