"""What the fuzzers begin with: all that is valid and ships, every exchange of the transcripts."""

import ast
import tempfile
from binascii import crc_hqx
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from reactune.analysis.problem.model import built_in
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices.emulation.eurotherm import EmulatedEurotherm
from reactune.devices.emulation.harvard11 import EmulatedHarvardChain
from reactune.devices.emulation.ne1000 import EmulatedNewEraNetwork
from reactune.devices.emulation.scpi import EmulatedVoltmeter
from reactune.devices.emulation.software import _andi
from reactune.devices.emulation.variants import (
    EurothermVariant,
    HarvardVariant,
    NewEraVariant,
    ViciVariant,
    VoltmeterVariant,
)
from reactune.devices.emulation.vici import EmulatedVici
from reactune.devices.protocols.eurotherm import Eurotherm, crc16
from reactune.devices.protocols.harvard11 import Harvard11
from reactune.devices.protocols.ne1000 import NewEra
from reactune.devices.protocols.scpi import ScpiVoltmeter
from reactune.devices.protocols.vici import ViciValve
from reactune.devices.reactionfile import built_in as reactions
from tests.analysis.analytics.test_resulttable import workbook
from tests.analysis.storage.samples import documents, record
from tests.plans import software

ROOT = Path(__file__).parents[2]
PROBLEMS = [
    (ROOT / "analysis/problem/built_in" / f"{name}.toml").read_text("utf-8") for name in built_in()
]
PROBLEM = PROBLEMS[built_in().index("walker-ii")]
PROBLEMS.append("""\
maximise = { of = "STY", name = "space-time yield", unit = "mM/h" }
measured = ["yield", "X₃", "λ"]
constraints = ["80% <= yield <= 90% ± 5%", "total_flow < 300 +/- 10", "X₃ = 0.1 +/- 0.01"]
[variables]
temperature    = { range = [373.15, 423.15], step = 5, unit = "K" }
residence_time = { range = [180, 1860], resolution = 10, unit = "s" }
ratio          = { values = [0.5, 1, 2], of = "flow_sultine / flow_c60" }
[fixed]
volume = 931
[define]
STY  = { of = "60 * yield * c_in / slow", unit = "mM/h" }
c_in = { of = "stock_c60 * flow_c60 / total_flow", unit = "mM" }
both = "max(yield, λ)^2 + sqrt(abs(log(X₃)))"
[limits]
slow = { of = "volume / total_flow", within = [0.1, 0.4], unit = "h" }
""")
RIG = (ROOT / "devices/rigs/walker.toml").read_text("utf-8")
REACTIONS = [
    (ROOT / "devices/reactions" / f"{name}.toml").read_text("utf-8") for name in reactions()
]
RIGS = [RIG, *(tomli_w.dumps(software.tables(kind)) for kind in ("table", "trace"))]
METHODS = [(ROOT / "devices/methods/walker.toml").read_text("utf-8"), """\
title = "Amide on C18, 254 nm"
unit  = "counts"
per_au = 1e6
start = 1.5
amounts = "mM"
standard = { peak = "biphenyl", amount = 2.0 }
peaks = [
  { name = "acid", time = 3.0, window = [2.4, 3.9], width = 0.08, tail = 0.04, response = 1.2 },
  { name = "biphenyl", time = 5.2, window = [4.6, 6.2], width = 0.09, tail = 0.05, response = 1 },
]
others = [{ name = "x", time = 4.2, window = [4.0, 4.5], width = 0.1, tail = 0.05 }]
"""]  # fmt: skip
RESULTS: Mapping[str, bytes] = {
    "r.csv": b"Report;today\r\nPeak;RT;Area %\r\nP;5,2;25,0\r\nS;7,1;75,0\r\nsum;;100\r\n",
    "r.txt": "Peak\tArea %\nP\t25,0\nS\t75 %\n".encode("utf-16"),
    "r.json": b'{"made": "today", "peaks": [{"name": "P", "x": 0.25}, {"name": "S", "x": 0.75}]}',
    "r.xlsx": workbook([["Peak", "Area %"], ["P", 25.0], ["S", 75.0]]),
}
"""Files of other software."""
MINUTES = np.arange(0, 8, 1 / 30)
SIGNAL = 2 + 900 * np.exp(-(((MINUTES - 3) / 0.08) ** 2)) + 700 * np.exp(-((MINUTES - 5.2) ** 2))
TRACES: Mapping[str, bytes] = {
    "t.csv": b"Sample;12\nTime [min];Signal [mAU]\n"
    + "".join(f"{t:.4f};{s:.3f}\n" for t, s in zip(MINUTES, SIGNAL, strict=True))
    .replace(".", ",").encode(),
    "t.cdf": _andi(SIGNAL.tolist(), 2.0, "mAU"),
}  # fmt: skip
"""Chromatograms of other software."""


@cache
def recorded_journal() -> bytes:
    """The journal of a small run, as a catalogue writes it."""
    with tempfile.TemporaryDirectory() as folder:
        with Catalogue(folder, writing=True, store="journal") as catalogue:
            record(catalogue, documents(uid="f" * 36, time=1.8e9))
        (path,) = Path(folder).glob("journal/*.jsonl")
        return path.read_bytes()


def exchanges(protocol: str) -> list[tuple[bytes, bytes]]:
    """Every pair of what is sent and what comes back that the tests of a driver hold."""
    found = []
    for path in sorted((ROOT / "tests/devices/protocols").glob(f"test_{protocol}*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Tuple) and len(node.elts) == 2:
                pair = [e.value for e in node.elts if isinstance(e, ast.Constant)]
                if len(pair) == 2 and all(isinstance(e, bytes) for e in pair):
                    found.append((pair[0], pair[1]))
    return found


Call = Callable[[Any], object]


def _pump(driver: Any) -> list[Call]:
    return [
        lambda: driver.connect(),
        lambda: driver.configure(14.57, 10000.0),
        lambda: driver.flow_range(),
        lambda: driver.clear_volumes(),
        lambda: driver.set_flow(50.0),
        lambda: driver.set_target(400.0),
        lambda: driver.run(),
        lambda: driver.status(),
        lambda: driver.volumes(),
        lambda: driver.stop(),
        lambda: driver.set_flow(100.0, "withdraw"),
        lambda: driver.status(),
    ]


def _heater(driver: Any) -> list[Call]:
    return [
        lambda: driver.connect(),
        lambda: driver.check((25.0, 150.0), 165.0, 25.0),
        lambda: driver.arm(165.0),
        lambda: driver.read(),
        lambda: driver.write_setpoint(100.0),
        lambda: driver.cool(25.0),
    ]


def _valve(driver: Any) -> list[Call]:
    return [
        lambda: driver.connect(),
        lambda: driver.go("B"),
        lambda: driver.position(),
    ]


def _detector(driver: Any) -> list[Call]:
    return [
        lambda: driver.connect(),
        lambda: driver.prepare(1.0),
        lambda: driver.begin(2, 1.0),
        lambda: driver.halt(),
        lambda: driver.read(),
    ]


@dataclass(frozen=True)
class Codec:
    """A driver, its emulated instrument in some variants, and all that the rig has them do."""

    driver: Callable[[Any], Any]
    emulated: Callable[..., Any]
    variants: tuple[Any, ...]
    use: Callable[[Any], list[Call]]
    seal: Callable[[bytes], bytes] = bytes
    """Gives damaged bytes the checksum that they would need, so that they are read further."""


def _modbus(raw: bytes) -> bytes:
    return raw[:-2] + crc16(raw[:-2])


def _packet(raw: bytes) -> bytes:
    if not raw.startswith(b"\x02") or not 5 <= len(raw) < 255:
        return raw
    text = raw[2:-3]
    return bytes((2, len(text) + 4)) + text + crc_hqx(text, 0).to_bytes(2, "big") + b"\x03"


CODECS: Mapping[str, Codec] = {
    "harvard11": Codec(
        lambda line: Harvard11(line, 1),
        lambda world, variant: EmulatedHarvardChain(world, {0: 0, 1: 1}, variant),
        (
            HarvardVariant(),
            HarvardVariant(bare=True, colon=False, nvram="no", method="qs i", zero=False),
            HarvardVariant(poll=False, commands="22", method="no"),
        ),
        _pump,
    ),
    "ne1000": Codec(
        lambda line: NewEra(line, 1),
        lambda world, variant: EmulatedNewEraNetwork(world, {0: 0, 1: 1}, variant),
        (NewEraVariant(), NewEraVariant(fresh=False, watchdog=255, ahead=False)),
        _pump,
        _packet,
    ),
    "eurotherm": Codec(
        Eurotherm,
        lambda world, variant: EmulatedEurotherm(world, 1, variant),
        (
            EurothermVariant(),
            EurothermVariant(model="2416", decimals=2),
            EurothermVariant(tells=False, unit="degF", alarm=False),
        ),
        _heater,
        _modbus,
    ),
    "vici": Codec(
        ViciValve,
        lambda world, variant: EmulatedVici(world, "A", variant),
        (ViciVariant(), ViciVariant(id="3", long_texts=True), ViciVariant(echo=True)),
        _valve,
    ),
    "scpi": Codec(
        ScpiVoltmeter,
        EmulatedVoltmeter,
        (VoltmeterVariant(), VoltmeterVariant(rs232=False, errors=30), VoltmeterVariant(memory=0)),
        _detector,
    ),
}
