"""The keys of a ``decision``: what is stored of an experiment, and under which name."""

from collections import Counter

from ..problem.model import Problem

NUMBERS = (
    "number", "valid", "goal", "goal_sd", "f", "p", "f_star", "f_soft", "merit_f0", "merit_delta",
)  # fmt: skip
"""Keys of a decision that every problem has and that are numbers."""

TEXTS = ("digest", "doubted", "feasibility", "flags", "reason", "violated", "why")
"""Those that are texts."""

FRONT = "front"
"""One that a problem of two goals has: its front."""

ROLES = "best", "best_feasible"
"""Best by merit, and best goal among those likely inside all windows: prefixes of keys."""

ROLE_NUMBERS = "", "_probability", "_merit", "_regret", "_assumed"
"""What is told of such an experiment besides its estimates: ends of keys."""

_TABLES = {"time", "run", "began", "origin", "recorded", "residence_time", "lab_time"}
"""Columns that tables of stored experiments have besides."""

_TAKEN = {*NUMBERS, *TEXTS, FRONT, *_TABLES}


def measured_key(name: str) -> str:
    """Key of a measured quantity: its name, and `_` where that is something else's."""
    return f"{name}_" if name in _TAKEN else name


def property_keys(problem: Problem) -> list[str]:
    """Keys of the windowed properties, and of a second goal."""
    windows = [f"F_{k}" for k, _ in enumerate(problem.windows, 1)]
    return [*windows, *(["goal_2"] if len(problem.aims) > 1 else [])]


def goal_keys(problem: Problem) -> list[str]:
    """Keys of the goals: one, or two."""
    return ["goal", "goal_2"][: len(problem.aims)]


def outcome_keys(problem: Problem) -> list[str]:
    """Keys of what an experiment comes to: goal, properties, measured quantities."""
    return ["goal", *property_keys(problem), *map(measured_key, problem.measured)]


def outcome_names(problem: Problem) -> dict[str, str]:
    """Give the key of each outcome by its name: a measured quantity, or an expression as written.

    What a goal or window says of a single quantity is that quantity's.
    """
    names = {name: measured_key(name) for name in problem.measured}
    for key, aim in zip(goal_keys(problem), problem.aims, strict=True):
        names.setdefault(aim.text, key)
    for k, window in enumerate(problem.windows, 1):
        names.setdefault(window.of, f"F_{k}")
    return names


def number_keys(problem: Problem) -> list[str]:
    """Keys of all numbers of a decision."""
    errors = [key for name in outcome_keys(problem)[1:] for key in (name, f"{name}_sd")]
    return [*NUMBERS, *errors, *(key for role in ROLES for key in role_keys(role, problem))]


def role_keys(role: str, problem: Problem) -> list[str]:
    """Keys of the numbers that tell of the experiment in a role, and of what a repeat gives."""
    estimates = [
        key
        for name in outcome_keys(problem)
        for key in (f"{role}_{name}", f"{role}_{name}_sd", f"{role}_{name}_repeat_sd")
    ]
    return [*(f"{role}{end}" for end in ROLE_NUMBERS), *estimates]


def text_keys(problem: Problem) -> list[str]:
    """Keys of all texts of a decision."""
    return [*TEXTS, *([FRONT] if len(problem.aims) > 1 else [])]


def clashes(problem: Problem) -> list[str]:
    """Name the measured quantities that no key can be given to."""
    count = Counter([*number_keys(problem), *text_keys(problem)])

    def twice(key: str) -> bool:
        return any(count[k] > 1 for k in (key, *(f"{role}_{key}" for role in ROLES)))

    return [n for n in problem.measured if n.startswith("F_") or twice(measured_key(n))]
