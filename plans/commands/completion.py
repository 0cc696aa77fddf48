"""``reactune completion``: commands, options and files completed by the Tab key."""

import argparse

from ..saying import say
from ..terminal.options import EXIT_DONE

HELP = "print what makes the Tab key complete commands and options in a shell"
EXAMPLES = (
    'eval "$(reactune completion bash)"  # in ~/.bashrc',
    "reactune completion fish > ~/.config/fish/completions/reactune.fish",
)
_SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")
_FILES = ("FILE", "DIR", "TABLE", "STANDARDS", "PROBLEM", "NEW", "OUT")
"""What arguments that are files are called in the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell that will complete")


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    import shtab

    for action in _actions(a.parser):
        words = [action.metavar] if isinstance(action.metavar, str) else list(action.metavar or ())
        if any(part in _FILES for word in words for part in word.split("|")):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own way to be told
    say(shtab.complete(a.parser, shell=a.shell))
    return EXIT_DONE


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Give the arguments of a parser and of its commands."""
    actions = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        actions.append(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - nor a public name for it
            for command in action.choices.values():
                actions += _actions(command)
    return actions
