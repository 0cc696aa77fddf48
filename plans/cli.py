"""The ``reactune`` command: its parser and its exit codes."""

import argparse
import errno
import gc
import io
import logging
import os
import sys
from collections.abc import Sequence

from .commands import COMMANDS, ON_POSIX_ALONE
from .errors import RigTroubleError, UserError, in_words
from .saying import Formatter, Parser, say
from .terminal.options import (
    EXIT_DONE,
    EXIT_FAILURE,
    EXIT_USAGE,
    described,
    examples,
    shipped_problems,
)

_WINDOWS = os.name == "nt"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 done, 2 the user's input is wrong, 1 anything else.
    """
    gc.set_threshold(20_000, 20, 20)  # to import is to make many objects and no garbage
    # Small matrices only: threads of the linear algebra would cost more than they bring.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show is replaced
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Formatter())
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except UserError as error:
        say(error, to=sys.stderr)
        return EXIT_USAGE
    except RigTroubleError as error:
        say(error, to=sys.stderr)
        return EXIT_FAILURE
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):  # names can only be the user's
            raise
        say(in_words(error), to=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:  # while no rig is open: a campaign has its own way to end
        return _stopped()
    except RuntimeError as error:
        # before 3.12 Python makes one of a Ctrl-C that comes while a class is made, in an import
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _stopped()


def _not_here(a: argparse.Namespace) -> int:
    """Refuse what a system cannot keep safe."""
    raise UserError(
        "this works with instruments, real or emulated, on Linux and macOS only: on Windows run it "
        "in WSL; tables (ask, show) and stored runs (runs, rescore, export) need none of that"
    )


def _stopped() -> int:
    """Say that the user wanted no more."""
    say("\nstopped by the user (Ctrl-C)", to=sys.stderr)
    return EXIT_FAILURE


def _parser() -> Parser:
    """Describe the commands."""
    parser = Parser(
        prog="reactune",
        description="Tune the products of a chemical reaction in a flow reactor, unattended.",
        epilog=f"A PROBLEM is a TOML file or one of {', '.join(shipped_problems())}.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(run=lambda a: _version() if a.version else _help(parser), parser=parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        sub = subparsers.add_parser(name, help=command.HELP, **described(command.HELP))
        command.add_arguments(sub)
        sub.epilog = examples(*command.EXAMPLES)
        sub.set_defaults(run=_not_here if _WINDOWS and command in ON_POSIX_ALONE else command.run)
    return parser


def _help(parser: Parser) -> int:
    parser.print_help()
    return EXIT_DONE


def _version() -> int:
    from importlib.metadata import version

    say(f"reactune {version('reactune')}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
