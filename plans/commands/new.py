"""``reactune new``: begin a problem of your own, or a rig with its reaction and HPLC method."""

import argparse
import os
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..drafts.draft import Draft, Question

HELP = "write a problem file and an empty table, or rig, reaction and method files, from answers"
EXAMPLES = (
    "reactune new",
    'reactune new snar.toml --variable "tau 1 to 9 min" --measured sm --goal "minimise sm"',
    "reactune new --rig my-rig.toml --reaction amide.toml --method my-hplc.toml",
    'reactune new --method my-hplc.toml --peak "acid 3.0 min" --peak "amide 5.2 min"',
)
_OF_PROBLEM = (
    ("variable", "'tau 0.5 to 10 min', 'lamp: 5, 10, 20 W'; may be given more than once"),
    ("measured", "'product, sm'"),
    ("goal", "'maximise product'"),
    ("window", "'product >= 0.9 +/- 0.05'; may be given more than once"),
    ("budget", "'30', or '30, 4' for four at once [30]"),
)
_OF_RIG = (
    (
        "step",
        "'A + B -> P, k = 0.5 1/(M min) at 80 degC, 60 kJ/mol'; may be given more than once",
    ),
    ("stream", "'amine 500 mM, 20 to 500 uL/min'; may be given more than once"),
    ("choice", "'catalyst by valve on cat: Pd/C, Ni k1 = 0.2'; may be given more than once"),
    ("peak", "'amide 5.2 min'; may be given more than once"),
    ("reactor", "heated volume and that up to the valve [1000, 1200 uL]"),
    ("heater", "its range [25 to 120 degC]"),
    ("signal", "its unit, of a method without a rig [mAU]"),
)
_MANY = ("variable", "window", "step", "stream", "choice", "peak")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        help="the problem file to write, never over another [problem.toml]",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        type=Path,
        help="the table to write, CSV or XLSX [results.csv beside FILE]",
    )
    _add_answers(parser, _OF_PROBLEM)
    rig = parser.add_argument_group("a rig in place of a problem, or its HPLC method alone")
    for name, what in (
        ("rig", "the rig file to write: an emulated rig, to rehearse on"),
        ("reaction", "with --rig: the reaction file to write: what happens on the rig"),
        ("method", "the HPLC method file to write; with --rig, in place of a table of its file"),
    ):
        rig.add_argument(f"--{name}", metavar="FILE", type=Path, help=what)
    _add_answers(rig, _OF_RIG)


def _add_answers(
    to: "argparse.ArgumentParser | argparse._ArgumentGroup", answers: tuple[tuple[str, str], ...]
) -> None:
    """Declare an option for the answer to each question."""
    for name, example in answers:
        to.add_argument(
            f"--{name}",
            metavar="TEXT",
            action="append" if name in _MANY else "store",
            help=f"answers a question: {example}",
        )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..errors import UserError

    for_rig = bool(a.rig or a.reaction or a.method)
    others = ["table", *dict(_OF_PROBLEM)] if for_rig else [*dict(_OF_RIG)]
    if given := [f"--{key}" for key in others if getattr(a, key) is not None]:
        raise UserError(
            f"new: {', '.join(given)} is for a "
            + ("problem, and a rig is asked for" if for_rig else "rig; name it with --rig FILE")
        )
    if for_rig and a.file:
        raise UserError(f"new: {a.file} would be a problem file; write it in a call of its own")
    return _rig(a) if for_rig else _problem(a)


def _problem(a: argparse.Namespace) -> int:
    """Write a problem file and its table."""
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.sheets.results import Results
    from reactune.analysis.sheets.sheet import SheetError

    from ..drafts.problem import ProblemDraft
    from ..errors import UserError, told

    path = _toml(a.file or Path("problem.toml"))
    table: Path = a.table or path.with_name("results.csv")
    if os.path.abspath(path) == os.path.abspath(table):
        raise UserError(f"new: {path} cannot be both problem and table; give each a file")
    _refuse_existing(path)
    _refuse_existing(table, cure="name another with --table")
    draft = ProblemDraft(path.stem)
    _answer(draft, draft.QUESTIONS, a)
    problem = draft.problem()
    with told(ValueError, OSError):
        Agent(problem)  # what only the optimiser can refuse
        _write(path, draft.text(path, table))
        try:
            Results.open(table, problem)
        except SheetError:
            path.unlink()
            raise
    command = shlex.join(["reactune", "ask", str(path), str(table)])
    say(f"Problem: {path}\nTable:   {table}\nNext:    {command}")
    return EXIT_DONE


def _rig(a: argparse.Namespace) -> int:
    """Write a rig and its reaction, a method, or all three, and see that they fit."""
    from reactune.devices.methodfile import load_method
    from reactune.devices.rigfile import load

    from ..drafts.rig import RigDraft
    from ..errors import UserError, told

    rig, reaction, method = (p and _toml(p) for p in (a.rig, a.reaction, a.method))
    named = [path for path in (rig, reaction, method) if path]
    if len({os.path.abspath(path) for path in named}) < len(named):
        raise UserError("new: rig, reaction and method are files of their own; name them so")
    _refuse_existing(*named)
    with told(ValueError):
        draft = RigDraft(rig, reaction, method)
    asked = {question.key for question in draft.questions}
    if more := [f"--{k}" for k in dict(_OF_RIG) if getattr(a, k) is not None and k not in asked]:
        raise UserError(f"new: {', '.join(more)} says nothing of these files; leave it out")
    _answer(draft, draft.questions, a)
    written: list[Path] = []
    with told(ValueError, OSError):
        try:
            for path, text in draft.texts().items():
                _write(path, text)
                written.append(path)
            if rig:
                load(rig)
            elif method:
                load_method(method)
        except ValueError:
            for path in written:
                path.unlink()
            raise
    for label, path in (("Rig:", rig), ("Reaction:", reaction), ("Method:", method)):
        if path:
            say(f"{label:<9} {path}")
    if rig:
        for name in draft.never_there:
            say(f"Look at:  {name} is in no stream, and no step makes it")
        say(f"To set:   {', '.join(draft.variables)}\nMeasured: {', '.join(draft.peaks)}")
        check = shlex.join(["reactune", "check", "problem.toml", "--rig", str(rig)])
        say(f"Next:     reactune new problem.toml\n          {check}")
    elif method:
        say(f"Next:     {shlex.join(['reactune', 'integrate', 'TRACE', '--method', str(method)])}")
    return EXIT_DONE


def _toml(path: Path) -> Path:
    return path if path.suffix else path.with_suffix(".toml")


def _refuse_existing(*paths: Path, cure: str = "name another file") -> None:
    from ..errors import UserError

    for there in filter(os.path.lexists, paths):
        raise UserError(f"{there} is there already, and is not overwritten; {cure}")


def _write(path: Path, text: str) -> None:
    from reactune.analysis.written import check_text

    from ..errors import told

    check_text(path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("x", encoding="utf-8")
    with told(OSError, file=path):
        try:
            with file:
                file.write(text)
        except OSError:
            path.unlink()  # or it would be in the way of the next attempt
            raise


def _answer(draft: "Draft", questions: "Sequence[Question]", a: argparse.Namespace) -> None:
    """Take the answers from the options, and ask for those that are missing."""
    from ..errors import told

    given = {q.key: getattr(a, q.key) for q in questions}
    complete = all(given[q.key] or q.default is not None for q in questions)
    for question in questions:
        answers = given[question.key]
        if answers is None and complete and question.default is not None:
            answers = question.default
        if answers is None:
            _ask(draft, question)
            continue
        for text in [answers] if isinstance(answers, str) else answers:
            with told(ValueError):
                draft.answer(question.key, text)


def _filled(text: str) -> str:
    return textwrap.fill(text, 80, break_on_hyphens=False)


def _ask(draft: "Draft", question: "Question") -> None:
    """Ask a question until its answer makes sense."""
    from ..errors import UserError

    say(f"\n{_filled(question.text)}\n  for example: {question.example}", to=sys.stderr)
    answered = False
    while True:
        print("> ", end="", file=sys.stderr, flush=True)  # noqa: T201 - a prompt has no line
        line = sys.stdin.readline()
        if not line:
            raise UserError(f"new: the input ended before this was answered; give --{question.key}")
        text = line.strip() or (question.default if not answered else None)
        if text is None:
            if answered:
                return
            say("There has to be an answer.", to=sys.stderr)
            continue
        try:
            draft.answer(question.key, text, correcting=True)
        except ValueError as error:
            say(_filled(str(error)), to=sys.stderr)
            continue
        if draft.remark:
            say(_filled(draft.remark), to=sys.stderr)
        answered = True
        if not question.many or not line.strip():
            return
