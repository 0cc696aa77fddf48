"""Everything that is said on a terminal: nothing in it moves the cursor or turns the text round."""

import argparse
import logging
import os
import re
import sys
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
    """A parser whose complaints quote arguments harmlessly, and to which -1mL is no option."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d.*")  # argparse's, units and all

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """See `argparse.ArgumentParser.exit`."""
        super().exit(status, message and printable(message))
