"""Everything that is said on a terminal: nothing in it moves the cursor or turns the text round."""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from reactune.analysis.written import printable


def say(what: object = "", *, to: TextIO | None = None, end: str = "\n") -> None:
    """Print a text at once, as `print` does, with control characters written out.

    If the reader has gone away (``| head``), what is being done goes on unheard.

    Parameters
    ----------
    what : object
        Titles, reasons and names in it may be of anybody: of a stored run, of an instrument.
    to : TextIO, optional
        sys.stdout by default.
    end : str
        What comes after it: nothing after a prompt.
    """
    stream = to or sys.stdout
    try:
        print(printable(str(what)), file=stream, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Formatter(logging.Formatter):
    """For what is logged where nobody has set up logging: on stderr."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        return printable(super().format(record))


class Parser(argparse.ArgumentParser):
    """A parser whose complaints quote arguments harmlessly.

    To it neither -1mL nor, behind an option that wants a text, an expression such as -X3 is an
    option.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d.*")  # argparse's, units and all

    def parse_known_args(  # type: ignore[override]  # typeshed has an overload for each namespace
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """See `argparse.ArgumentParser.parse_known_args`."""
        return super().parse_known_args(self._joined(args), namespace)

    def _joined(self, args: Sequence[str] | None) -> list[str]:
        """Write options as ``--goal=-X3`` whose value begins with a dash, and is none of them."""
        joined: list[str] = []
        for arg in sys.argv[1:] if args is None else args:
            before = self._option_string_actions.get(joined[-1]) if joined else None
            wanting = before is not None and before.nargs is None and joined[-1].startswith("--")
            dashed = arg.startswith("-") and not arg.startswith("--")
            if wanting and dashed and (" " in arg or arg[:2] not in self._option_string_actions):
                joined[-1] += f"={arg}"
            else:
                joined.append(arg)
        return joined

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """See `argparse.ArgumentParser.exit`."""
        super().exit(status, message and printable(message))
