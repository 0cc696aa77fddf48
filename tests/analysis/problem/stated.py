"""A problem as its users state it, and what a bad one is told."""

import pytest

from reactune.analysis.problem.model import ProblemError

RUN_3 = """\
schema   = 1
title    = "Run III: rich in the first adduct"
minimise = "X3"
measured = ["X0", "X1", "X2", "X3"]
constraints = [
  "X1 + X2 in [0.9, 1.0] +/- 0.3",
  "X1 / X2 >= 4 +/- 0.3",
]
budget = 100
[fixed]
V = 300                      # reactor volume, uL
[variables]
T      = { range = [100, 150], unit = "degC" }
F_C60  = { range = [3, 70],    unit = "uL/min" }
F_sult = { range = [3, 70],    unit = "uL/min" }
[limits]                     # never tried outside
flow_ratio     = { of = "F_sult / F_C60",       within = [0.5, 2.0] }
residence_time = { of = "V / (F_C60 + F_sult)", within = [3, 31], unit = "min" }
"""
PYTHON_3 = dict(
    title="Run III: rich in the first adduct",
    minimise="X3",
    measured=["X0", "X1", "X2", "X3"],
    fixed={"V": 300},
    variables={"T": (100, 150), "F_C60": (3, 70), "F_sult": (3, 70)},
    constraints=["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 4 +/- 0.3"],
    limits={"F_sult / F_C60": (0.5, 2), "V / (F_C60 + F_sult)": (3, 31)},
    budget=100,
)


def sentences(call, *args, **kwargs):
    with pytest.raises(ProblemError) as caught:
        call(*args, **kwargs)
    return caught.value.problems
