"""What is recorded of a small campaign, and what has to be left of it after a crash."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage
from reactune.plans.service import Listener, Outcome, run

BUDGET = 6
Pair = tuple[str, Mapping[str, Any]]


class BrokenPromiseError(AssertionError):
    """The promise was not kept; the text says how."""


def hold(kept: bool, what: str) -> None:
    """Fail unless the promise was kept."""
    if not kept:
        raise BrokenPromiseError(what)


class Heard(Listener):
    """Keeps every document of a campaign."""

    def __init__(self) -> None:
        self.documents: list[Pair] = []

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        self.documents.append((name, doc))


def campaign(folder: Path, seed: int, budget: int = BUDGET) -> tuple[Outcome, list[Pair]]:
    """Run a small campaign on the emulated rig."""
    heard = Heard()
    outcome = run("walker-ii", catalogue=folder, seed=seed, budget=budget, listener=heard)
    return outcome, heard.documents


def facts(events: list[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """What a campaign asked and what was measured: number, conditions, trace."""
    return [
        (
            event["number"],
            *(event[f"asked_{name}"] for name in ("temperature", "flow_c60", "flow_sultine")),
            np.asarray(event["trace"]).tobytes(),
        )
        for event in events
    ]


def stored_facts(folder: Path) -> list[tuple[Any, ...]]:
    """Those of the last campaign in a folder, with what it resumed."""
    with Catalogue(folder, store="journal") as catalogue:
        return facts(lineage(catalogue, catalogue[-1].uid).events("primary"))


def same_documents(one: list[Any], other: list[Any]) -> bool:
    """Whether documents are equal, NaN and arrays included."""
    try:
        np.testing.assert_equal([list(pair) for pair in one], [list(pair) for pair in other])
    except AssertionError:
        return False
    return True


@contextmanager
def surroundings(folder: Path, store: str) -> Iterator[None]:
    """Have nothing but `folder` used, and a store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REACTUNE_STORE", store)
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.delenv("REACTUNE_SPILL", raising=False)
        yield


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``reactune optimise`` in a process of its own."""
    program = [sys.executable, "-u", "-m", "reactune.plans.cli", "optimise", *arguments]
    return subprocess.Popen(
        [*program, "--json", "--catalogue", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
