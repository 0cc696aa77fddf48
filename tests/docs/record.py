"""Write anew what the commands of a page print, where a change is meant.

    python -m tests.docs.record docs/tutorials/your-own-problem.md ...

A line that ends in ``...`` stays, in place of the printed line that begins like it; so does all
that is shown of a command if a line of it is nothing but ``...``.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from sybil.evaluators.skip import Skipper

from .test_pages import ROOT, SYBIL, console, dialogue, run


def record(page: Path) -> None:
    """Run a page in an empty folder, and put what is printed into it."""
    text, changes = page.read_text("utf-8"), []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"XDG_DATA_HOME": f"{folder}/data", "PYTHONPATH": str(ROOT)}
        skipped = False
        for example in SYBIL.parse(page).examples():
            if isinstance(example.region.evaluator, Skipper):
                skipped = True
            elif skipped:
                skipped = False
            elif example.region.evaluator is console:
                changes.append((example.parsed, _printed(example.parsed)))
            elif wrong := example.region.evaluator(example):
                sys.exit(f"{page}:{example.line}: {wrong}")
        os.chdir(ROOT)
    for old, new in changes:
        text = text.replace(old, new, 1)
    page.write_text(text, "utf-8")


def _printed(block: str) -> str:
    """Give a block with what its commands print now."""
    parts = re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]
    return "".join(_renewed(part, *told) for part, told in zip(parts, dialogue(block), strict=True))


def _renewed(part: str, command: str, shown: str) -> str:
    """Give a command with what it prints now."""
    _, printed = run(command)
    if not shown or "..." in shown.splitlines():
        return part
    lines = printed.splitlines(keepends=True)
    for kept in (line for line in shown.splitlines(keepends=True) if line.endswith("...\n")):
        lines = [kept if line.startswith(kept[:-4]) else line for line in lines]
    return part.removesuffix(shown) + "".join(lines)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        record(Path(name).resolve())
