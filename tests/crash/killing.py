"""`kill -9` at random moments of a campaign, which is then resumed."""

import re
import threading
from pathlib import Path

import numpy as np

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.lineage import lineage

from .campaigns import BUDGET, command, facts, hold, stored_facts, surroundings

_ACTIVE = 2.5  # s that a campaign takes, at most, from its first line to its end
_NEW = ("walker-ii", "--rig", "walker", "--budget", str(BUDGET), "--seed")


def undisturbed(folder: Path, seed: int) -> list:
    """Facts of the campaign that nobody kills."""
    with surroundings(folder, "journal"):
        process = command(folder / "whole", *_NEW, str(seed))
        _, told = process.communicate(timeout=300)
        hold(process.returncode == 0, f"the undisturbed campaign failed: {told[-500:]}")
        return stored_facts(folder / "whole")


def killed(
    folder: Path, seed: int, kills: int, store: str, rng: np.random.Generator, expected: list
) -> int:
    """Kill a campaign so many times, resume it each time; give how often it was over before.

    Raises
    ------
    BrokenPromiseError
        When something is lost or doubled, or an ask is another.
    """
    late, told = 0, set[int]()
    with surroundings(folder, store):
        for _ in range(kills):
            alive, numbers = _kill(folder, _next(folder, seed), rng)
            late += not alive
            told |= numbers
            _look(folder, told)
        if (arguments := _next(folder, seed)) is not None:
            process = command(folder / "killed", *arguments)
            _, said = process.communicate(timeout=300)
            over = process.returncode == 0 or "needs no resuming" in said
            hold(over, f"it does not go on: {said[-500:]}")
        hold(stored_facts(folder / "killed") == expected, "lost, doubled or asked otherwise")
        _look(folder, set(range(1, BUDGET + 1)))
    return late


def _next(folder: Path, seed: int) -> tuple[str, ...]:
    """Arguments to go on with what is there, or to begin."""
    with Catalogue(folder / "killed", store="journal") as catalogue:
        runs = catalogue.runs(limit=1)
    return ("--resume", runs[0].uid) if runs else (*_NEW, str(seed))


def _kill(folder: Path, arguments: tuple[str, ...], rng) -> tuple[bool, set[int]]:
    """Kill a campaign at a random moment; give whether it lived still, and what it had told."""
    early = rng.random() < 0.2  # while it starts, else while it measures
    moment = rng.uniform(0, 4.0 if early else _ACTIVE)
    process = command(folder / "killed", *arguments)
    told: set[int] = set()
    begun = threading.Event()

    def listen() -> None:
        for line in process.stderr or ():
            begun.set()
            if found := re.match(rf" +(\d+)/{BUDGET} ", line):
                told.add(int(found[1]))
        begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    if not early:
        begun.wait(120)
    threading.Event().wait(moment)
    alive = process.poll() is None
    process.kill()
    process.wait()
    listener.join()
    if process.stderr:
        process.stderr.close()
    return alive, told


def _look(folder: Path, told: set[int]) -> None:
    """Whoever was told of an experiment finds it stored, once."""
    with Catalogue(folder / "killed", store="journal") as catalogue:
        if not catalogue.runs():
            return hold(not told, f"experiments {told} are lost, with their run")
        events = lineage(catalogue, catalogue[-1].uid).events("primary")
        numbers = [int(event["number"]) for event in events]
        hold(len(numbers) == len(set(numbers)), f"doubled: {numbers}")
        hold(told <= set(numbers), f"lost: {told - set(numbers)}")
        hold(len(facts(events)) == len(numbers), "an event without its facts")
        hold(not catalogue.problems, f"problems: {catalogue.problems}")
