"""Every code block of README and docs does what its page says, or says why it is not run.

The blocks of a page run in order, in an empty folder of their own:

``python``
    Executed, all blocks of a page in one namespace; with ``>>>`` as a doctest.
``console``
    What stands behind ``$`` is run and must succeed, unless ``echo $?`` shows how it ended. What
    stands below is what it prints: ``...`` for anything, nothing at all for whatever it is. The
    word UID in a command is the page's newest run.
any language, with the name of a file as a comment first (``# adducts.toml``)
    Written to that file, for the blocks below to use or import.
``toml``
    Can be read.
``text``
    Shown only: output, or a drawing.

A comment ``<!-- skip: next "reason" -->`` leaves out the next block; pytest lists the reasons.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Example, Region, Sybil
from sybil.document import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.evaluators.skip import Skipper
from sybil.example import SybilFailure
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md")
    for page in ROOT.glob(pattern)
    if "_build" not in page.parts
)
FILE = re.compile(r"# ([\w-]+\.\w+)\n")
LIKE_PRINTED = doctest.OutputChecker()


def python(example: Example) -> None:
    """Execute a block, or compare its ``>>>`` lines with what they give."""
    if not example.parsed.startswith(">>>"):
        return PythonEvaluator()(example)
    told = io.StringIO()
    lines = doctest.DocTestParser().get_doctest(
        example.parsed, example.namespace, "page", example.path, example.line
    )
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    runner.run(lines, out=told.write, clear_globs=False)
    example.namespace.update(lines.globs)
    return told.getvalue() or None


def toml(example: Example) -> None:
    tomllib.loads(example.parsed)


def console(example: Example) -> str | None:
    """Run the commands of a block; return what is other than shown."""
    code = 0
    for command, shown in dialogue(example.parsed):
        if command == "echo $?":
            printed, code = f"{code}\n", 0
        elif code:
            return f"exit code {code} before: {command}\n{printed}"
        else:
            code, printed = run(command)
        if shown and not LIKE_PRINTED.check_output(shown, printed, doctest.ELLIPSIS):
            return f"$ {command}\nshown:\n{shown}\nprinted:\n{printed}"
    return f"exit code {code}: {command}\n{printed}" if code else None


def dialogue(block: str) -> Iterator[tuple[str, str]]:
    """Give each command of a block with what is shown below it."""
    assert block.startswith("$ "), "a console block begins with a command: $ ..."
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        yield command, shown


def run(command: str) -> tuple[int, str]:
    """Run a command as a shell would; give its exit code and all that it printed."""
    if "UID" in command:
        command = re.sub(r"\bUID\b", newest_run(), command)
    if not command.startswith("reactune ") or "|" in command:
        here = Path(sys.executable).parent
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout
    from reactune.plans.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(shlex.split(command)[1:])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
    return code, said.getvalue()


def newest_run() -> str:
    from reactune.analysis.storage.catalogue import Catalogue

    with Catalogue() as catalogue:
        return catalogue.runs(limit=1)[0].uid


RUN = {"python": python, "console": console, "toml": toml, "text": lambda example: None}


def blocks(document: Document) -> Iterator[Region]:
    """Find the fenced blocks of a page; directives of Sphinx are none."""
    for region in FencedCodeBlockLexer(".*")(document):
        language = region.lexemes["language"]
        if language.startswith("{"):
            continue
        region.parsed = region.lexemes["source"]
        if FILE.match(region.parsed):
            region.evaluator = write
        else:
            region.evaluator = RUN.get(language, unknown)
        yield region


def write(example: Example) -> None:
    Path(FILE.match(example.parsed)[1]).write_text(example.parsed, encoding="utf-8")


def unknown(example: Example) -> str:
    return f"say a language among {', '.join(RUN)}, or why the block is not run"


SYBIL = Sybil([blocks, SkipParser()])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a catalogue of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("REACTUNE_RIG", raising=False)
    monkeypatch.delenv("REACTUNE_CATALOGUE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for python -m tests.benchmarks
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, folder, subtests):
    for example in SYBIL.parse(page).examples():
        if isinstance(example.region.evaluator, Skipper):  # holds for the block that follows
            example.evaluate()
            continue
        with subtests.test(f"line {example.line}"):
            try:
                example.evaluate()
            except SybilFailure as difference:
                pytest.fail(str(difference), pytrace=False)
            except SkipTest as why:
                pytest.skip(f"{page.relative_to(ROOT)}:{example.line}: {why}")
