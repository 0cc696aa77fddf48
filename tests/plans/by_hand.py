"""A campaign by hand: a problem, and a simple reaction that fills its table in."""

import csv
import json
from pathlib import Path

from reactune.plans.cli import main

PROBLEM = """
maximise    = "60 * product * c_sm / tau"
measured    = ["product", "sm", "bis"]
kind        = "fractions"
constraints = ["product >= 0.9 +/- 0.05", "bis <= 0.02 +/- 0.01"]
budget      = 30
batch       = 4
[variables]
tau         = { range = [0.5, 10], unit = "min" }
equiv       = { range = [1, 5] }
temperature = { range = [30, 120], unit = "degC" }
[fixed]
c_sm = 0.5
"""


def fill(path: Path, rate: float = 0.02) -> None:
    """Enter what a simple reaction gives wherever a result is outstanding."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        if not row["product"]:
            tau, equiv, temperature = (
                float(row[k]) for k in ("tau [min]", "equiv", "temperature [degC]")
            )
            extent = tau * equiv * rate * 1.04 ** (temperature - 30)
            bis = 0.002 * extent
            sm = 1 / (1 + extent**2) * (1 - bis)
            row |= {"product": f"{1 - sm - bis:.4f}", "sm": f"{sm:.4f}", "bis": f"{bis:.4f}"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def asked(capsys, *more: str) -> list[dict[str, float]]:
    capsys.readouterr()
    assert main(["ask", "snar.toml", "results.csv", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)
