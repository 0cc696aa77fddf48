"""``reactune integrate``: chromatograms in files -> mole fractions or amounts."""

import argparse
import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, EXIT_USAGE, add_method, check_target

if TYPE_CHECKING:
    from ..questions.integration import Reading

HELP = "integrate chromatograms in files by an HPLC method"
EXAMPLES = ("reactune integrate run1.csv run2.csv --method method.toml --csv results.csv",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="text, CSV, ANDI/AIA, or a vendor's"
    )
    add_method(parser)
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write the table to a CSV file")
    parser.add_argument("--json", action="store_true", help="print one JSON list, nothing else")


def run(a: argparse.Namespace) -> int:
    """Run the command: 0 if every file was read, 2 if one was no trace."""
    from ..errors import told
    from ..hplc_method import method_of
    from ..questions.integration import Reading, integrate, open_method

    stated = open_method(a.method)
    with told(ValueError):
        method = method_of(stated)
    text = io.StringIO()
    table = csv.DictWriter(text, Reading("", None, "").row(method.quantities), lineterminator="\n")
    table.writeheader()
    check_target(a.csv, re.escape(text.getvalue().rstrip("\n")))
    readings = []
    for reading in integrate(a.files, stated, a.channel):
        readings.append(reading)
        if not a.json:
            say(_line(reading, method.amounts))
    rows = [reading.row(method.quantities) for reading in readings]
    if a.json:
        say(json.dumps(rows, ensure_ascii=False))
    if a.csv is not None:
        table.writerows(row | {"valid": str(row["valid"]).lower()} for row in rows)
        with told(OSError, file=a.csv):
            a.csv.write_text(text.getvalue(), "utf-8", "backslashreplace")  # names of files
    return EXIT_USAGE if any(reading.found is None for reading in readings) else EXIT_DONE


def _line(reading: "Reading", unit: str) -> str:
    """Say what a file gave."""
    name = Path(reading.file).name or reading.file
    if reading.found is None or not reading.valid:
        return f"{name}: not valid: {reading.reason}"
    values = "  ".join(
        f"{key} {value:.4g} +/- {reading.found.sd[key]:.1g}{f' {unit}' * bool(unit)}"
        for key, value in reading.found.fractions.items()
    )
    flags = f"  ({', '.join(reading.found.flags)})" if reading.found.flags else ""
    return f"{name}: {values}{flags}"
