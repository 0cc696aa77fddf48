"""The house's style: what matplotlib is told, and what each colour and mark says."""

from typing import Any

from .table import NOT_EVALUATED

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,  # a number at the axis is the number
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.1,
    "legend.handlelength": 1.7,
    "legend.borderaxespad": 0.0,
    "svg.fonttype": "none",  # text stays text: small, searchable, readable aloud
    "text.parse_math": False,  # a user's title may hold a "$"
}

SPECIES = ["#c9c9c9", "#56b4e9", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#000000"]
"""Okabe and Ito's colours, the starting material grey; told apart with every colour vision."""
MARKS: dict[str, dict[str, Any]] = {
    "feasible": {"marker": "o", "color": "#222222", "ms": 4.5},
    "semi-feasible": {"marker": "o", "color": "#222222", "ms": 4.5, "mfc": "white"},
    "infeasible": {"marker": "_", "color": "#888888", "ms": 4.5},
    "failed": {"marker": "x", "color": "#222222", "ms": 5},
    NOT_EVALUATED: {"marker": "$?$", "color": "#222222", "ms": 6},
}
"""How each standing is marked: in black, by shape."""
FEASIBLE, BEST, MARK = "#0072b2", "#d55e00", "#9c1c6b"
"""Colours of the best feasible, of the best by merit, and of the word SIMULATED."""
