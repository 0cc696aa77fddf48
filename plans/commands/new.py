"""``reactune new``: begin a problem of your own: its file and an empty table."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from .common import EXIT_DONE

if TYPE_CHECKING:
    from ..drafts import ProblemDraft, Question

HELP = "write a problem file and an empty table, from five answers"
EXAMPLES = (
    "reactune new",
    'reactune new snar.toml --variable "tau 1 to 9 min" --measured sm --goal "minimise sm"',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        default=Path("problem.toml"),
        help="the problem file to write, never over another [problem.toml]",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        type=Path,
        help="the table to write, CSV or XLSX [results.csv beside FILE]",
    )
    for option, example in (
        ("--variable", "'tau 0.5 to 10 min'; may be given more than once"),
        ("--measured", "'product, sm'"),
        ("--goal", "'maximise product'"),
        ("--window", "'product >= 0.9 +/- 0.05'; may be given more than once"),
        ("--budget", "'30', or '30, 4' for four at once [30]"),
    ):
        many = option in ("--variable", "--window")
        parser.add_argument(
            option,
            metavar="TEXT",
            action="append" if many else "store",
            help=f"answers a question: {example}",
        )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from reactune.analysis.campaign.agent import Agent
    from reactune.analysis.sheets.results import Results
    from reactune.analysis.sheets.sheet import SheetError
    from reactune.analysis.written import check_text

    from ..drafts import ProblemDraft
    from ..errors import UserError, told

    path: Path = a.file if a.file.suffix else a.file.with_suffix(".toml")
    table: Path = a.table or path.with_name("results.csv")
    paths = str(path), str(table)
    for there in filter(os.path.lexists, paths):
        raise UserError(f"{there} is there already, and is not overwritten; name another file")
    draft = ProblemDraft(path.stem)
    given = {q.key: getattr(a, q.key) for q in draft.QUESTIONS}
    complete = all(given[q.key] or q.default is not None for q in draft.QUESTIONS)
    for question in draft.QUESTIONS:
        answers = given[question.key]
        if answers is None and complete and question.default is not None:
            answers = question.default
        if answers is None:
            _ask(draft, question)
            continue
        for text in [answers] if isinstance(answers, str) else answers:
            with told(ValueError):
                draft.answer(question.key, text)
    problem = draft.problem()
    with told(ValueError, OSError):
        Agent(problem)  # what only the optimiser can refuse
        check_text(path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(draft.text(path, table))
        try:
            Results.open(table, problem)
        except SheetError:
            path.unlink()
            raise
    say(f"Problem: {path}\nTable:   {table}\nNext:    {shlex.join(['reactune', 'ask', *paths])}")
    return EXIT_DONE


def _ask(draft: "ProblemDraft", question: "Question") -> None:
    """Ask a question until its answer makes sense."""
    from ..errors import UserError

    say(f"\n{question.text}\n  for example: {question.example}", to=sys.stderr)
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
            draft.answer(question.key, text)
        except ValueError as error:
            say(error, to=sys.stderr)
            continue
        answered = True
        if not question.many or not line.strip():
            return
