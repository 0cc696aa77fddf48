"""Campaigns by an earlier commit and by the working tree: are their asks and decisions the same?

    python -m tests.same_decisions [--before REF] [--keep DIR] [--campaigns N] ...

Both sides run the same campaigns through the command line and the emulated instruments' bytes, on
one thread. Then everything that the journals hold of the experiments (asks, read-backs, traces) and
of the decisions is compared to the last bit. A restructuring must leave all of it alone; what it
changes on purpose stands in `DELIBERATE`, anything else is reported and ends in exit code 1.

The earlier commit is checked out into a worktree of its own, which is removed afterwards, and runs
in the environment of the running interpreter. With ``--keep DIR`` what it found is kept there and
taken from there the next time.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]

DELIBERATE: dict[str, str] = {}
"""Why a difference is meant, by ``stream.key``; the key may be a pattern."""

PROBLEMS = tuple(f"walker-{number}" for number in ("i", "ii", "iii", "iv", "v", "vi"))
SHOWN = 5
"""Differences of one campaign that are printed."""

# Run by either side, once for all campaigns. The arguments: the tree that has to be what runs, and
# the campaigns as JSON: [arguments of `reactune`, file for the journal] each. The lines of the
# emulated instruments know the time of day only by their timeouts, which a machine that hangs for
# a second oversteps: such a campaign is run again.
_DRIVER = """
import contextlib, json, shutil, sys, tempfile
from pathlib import Path
from reactune.plans import cli
tree, campaigns = sys.argv[1:]
assert Path(tree).resolve() in Path(cli.__file__).resolve().parents, cli.__file__
for arguments, kept in json.loads(campaigns):
    for attempt in range(3):
        with tempfile.TemporaryDirectory() as catalogue, open("log", "w") as log:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                code = cli.main([*arguments, "--catalogue", catalogue])
            if not code:
                (journal,) = Path(catalogue, "journal").glob("*.jsonl")
                shutil.copy(journal, kept)
                break
    else:
        print(Path("log").read_text(), file=sys.stderr)
        sys.exit(f"exit code {code}: reactune {' '.join(arguments)}")
    print(kept, file=sys.stderr)
"""


@dataclass(frozen=True)
class CampaignSpec:
    """One campaign that both sides run."""

    problem: str
    model: str
    seed: int
    experiments: int

    def __str__(self) -> str:
        return f"{self.problem}-{self.model}-seed{self.seed}-{self.experiments}"


Stream = list[dict[str, str]]
"""Data of the events of one stream, each value as the JSON text that the journal holds."""


def read(journal: Path) -> dict[str, Stream]:
    """Read what is compared from a journal: the events' data by stream, and how the run ended."""
    names: dict[str, str] = {}
    streams: dict[str, Stream] = {"primary": [], "decision": [], "stop": []}
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        document = entry.get("doc", {})
        match entry.get("name"):
            case "descriptor":
                names[document["uid"]] = document["name"]
            case "event":
                stream, data = names[document["descriptor"]], document["data"]
                streams.setdefault(stream, []).append(_texts(data))
            case "stop":
                kept = {key: document.get(key, "") for key in ("exit_status", "reason")}
                streams["stop"].append(_texts(kept))
    return streams


def _texts(data: dict[str, object]) -> dict[str, str]:
    """Values as text: to the last bit, 1 is not 1.0, 0.0 is not -0.0, and nan is nan."""
    return {key: json.dumps(value, sort_keys=True) for key, value in data.items()}


def differences(before: dict[str, Stream], after: dict[str, Stream]) -> Iterator[tuple[str, str]]:
    """Yield ``stream.key`` and what differs there, in the order in which it was emitted."""
    for stream in before | after:
        old, new = before.get(stream, []), after.get(stream, [])
        if len(old) != len(new):
            yield f"{stream}.*", f"{len(old)} events before, {len(new)} after"
        for number, (was, is_) in enumerate(zip(old, new, strict=False), 1):
            for key in was | is_:
                if was.get(key) != is_.get(key):
                    texts = (side.get(key, "not there") for side in (was, is_))
                    told = " before, ".join(f"{text:.60}" for text in texts)
                    yield f"{stream}.{key}", f"event {number}: {told} after"


def explained(key: str) -> str | None:
    """Why a difference is meant, or None."""
    return next((why for of, why in DELIBERATE.items() if fnmatch.fnmatch(key, of)), None)


def run(tree: Path, specs: list[CampaignSpec], folder: Path) -> None:
    """Run campaigns by the code of `tree`; leave each one's journal as ``folder/SPEC.jsonl``."""
    with tempfile.TemporaryDirectory() as scratch:
        campaigns = []
        for spec in specs:
            problem = _problem(tree, spec, Path(scratch))
            options = ("--seed", str(spec.seed), "--budget", str(spec.experiments), "--json")
            arguments = ["optimise", str(problem), *options]
            campaigns.append([arguments, str(folder.resolve() / f"{spec}.jsonl")])
        one_thread = {f"{of}_NUM_THREADS": "1" for of in ("OPENBLAS", "OMP", "MKL")}
        environment = os.environ | one_thread | {"PYTHONPATH": str(tree / ".typing")}
        command = [sys.executable, "-c", _DRIVER, str(tree), json.dumps(campaigns)]
        if subprocess.run(command, cwd=scratch, env=environment).returncode:
            sys.exit(f"the campaigns of {tree} did not run to their end")


def _problem(tree: Path, spec: CampaignSpec, scratch: Path) -> Path:
    """Write a built-in problem of `tree`, with the model that the campaign is to have."""
    (built_in,) = (tree / "analysis").rglob(f"{spec.problem}.toml")
    table, text = "[optimiser]\n", built_in.read_text()
    if table not in text:
        sys.exit(f"{built_in} has no table {table.strip()}, so its model cannot be set")
    problem = scratch / f"{spec.problem}-{spec.model}.toml"
    problem.write_text(text.replace(table, f'{table}model = "{spec.model}"\n'))
    return problem


@contextmanager
def worktree(ref: str) -> Iterator[Path]:
    """Check a commit out into a folder of its own, for as long as it is needed."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "before")
        if subprocess.run([*git, "add", "--quiet", "--detach", str(tree), ref]).returncode:
            sys.exit(f"the commit {ref} cannot be checked out; is this a full clone?")
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)])


def compare(specs: list[CampaignSpec], old: Path, new: Path) -> bool:
    """Print how each campaign compares; return whether every difference is a deliberate one."""
    reasons: dict[str, int] = {}
    same = True
    for spec in specs:
        before, after = (read(folder / f"{spec}.jsonl") for folder in (old, new))
        found = list(differences(before, after))
        unexplained = [(key, text) for key, text in found if not explained(key)]
        for key, _ in found:
            if why := explained(key):
                reasons[f"{key}: {why}"] = reasons.get(f"{key}: {why}", 0) + 1
        verdict = f"{len(unexplained)} unexplained differences" if unexplained else "identical"
        print(f"{spec}: {len(after['primary'])} experiments, {verdict}")
        for key, text in unexplained[:SHOWN]:
            print(f"    {key}, {text}")
        same = same and not unexplained
    for reason, count in reasons.items():
        print(f"meant, {count} times: {reason}")
    return same


def main() -> int:
    """Run both sides and compare them."""
    parser = argparse.ArgumentParser(prog="python -m tests.same_decisions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--before",
        metavar="REF",
        default="HEAD",
        help="commit to compare with [%(default)s: of use before a change is committed]",
    )
    parser.add_argument("--problems", nargs="+", default=PROBLEMS, help="[the six built-in ones]")
    parser.add_argument("--models", nargs="+", default=("composite", "merit"), help="[both]")
    parser.add_argument("--experiments", type=int, default=30, metavar="N", help="[%(default)s]")
    parser.add_argument("--campaigns", type=int, metavar="N", help="only the first N of them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep, and reuse, what was before")
    a = parser.parse_args()
    specs = [
        CampaignSpec(problem, model, seed, a.experiments)
        for seed, problem, model in product((1, 2), a.problems, a.models)
    ][: a.campaigns]
    with tempfile.TemporaryDirectory() as scratch:
        old, new = (a.keep or Path(scratch)) / a.before, Path(scratch, "new")
        old.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        missing = [spec for spec in specs if not (old / f"{spec}.jsonl").exists()]
        if missing:
            with worktree(a.before) as tree:
                run(tree, missing, old)
        run(ROOT, specs, new)
        return 0 if compare(specs, old, new) else 1


if __name__ == "__main__":
    sys.exit(main())
