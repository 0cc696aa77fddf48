"""``reactune serve``: the servers that several reactors share."""

import argparse
import os
from pathlib import Path

from ..saying import say
from .common import EXIT_DONE, described, examples

HELP = "start a server that several reactors share: the catalogue of runs, a queue of plans"
EXAMPLES = ("reactune serve catalogue --database postgresql://lab@localhost/reactune",)
CATALOGUE = (
    "a Tiled server that holds the runs of several reactors, on PostgreSQL, or on SQLite without "
    "--database"
)
DATABASE = "REACTUNE_DATABASE"
"""The environment variable that holds the database's URI, for one with a password."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    kinds = parser.add_subparsers(metavar="SERVER", required=True)
    runs = kinds.add_parser("catalogue", help=CATALOGUE, **described(CATALOGUE))
    runs.epilog = examples(EXAMPLES[0])
    runs.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where its traces and its key are, without --database everything "
        "[XDG_DATA_HOME/reactune/server: ~/.local/share/reactune/server]",
    )
    runs.add_argument(
        "--database",
        metavar="URI",
        help="postgresql://USER@HOST:PORT/NAME, made if it is not there; a password belongs into "
        "~/.pgpass, or the whole into $REACTUNE_DATABASE",
    )
    runs.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address that it answers at; 0.0.0.0 for all of this computer's [127.0.0.1]",
    )
    runs.add_argument("--port", type=int, default=8000, help="the port [8000]")
    runs.set_defaults(act=_catalogue)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    return int(a.act(a))


def _catalogue(a: argparse.Namespace) -> int:
    """Serve the catalogue of runs."""
    from urllib.parse import urlsplit

    import platformdirs

    from reactune.analysis.storage.serving import Service

    from ..errors import UserError, told

    if a.database and urlsplit(a.database).password:
        raise UserError(
            f"serve: everybody on this computer sees a command with its password; put it into "
            f"~/.pgpass, or the whole URI into ${DATABASE}"
        )
    folder = a.folder or platformdirs.user_data_path("reactune", appauthor=False) / "server"
    say("Starting ...")
    with told(OSError):
        service = Service.prepared(
            folder.expanduser().resolve(), a.database or os.environ.get(DATABASE) or None
        )
        service.run(a.host, a.port, lambda address: _say(service.key_source, address))
    return EXIT_DONE


def _say(key_source: str, address: str) -> None:
    """Say how the server is used, now that it answers."""
    export = f"  export TILED_API_KEY_FILE={key_source}\n"
    say(
        f"The catalogue of runs is at {address}, its key in {key_source}. To record there:\n"
        f"{'' if key_source.startswith('$') else export}"
        f"  reactune optimise PROBLEM --catalogue {address}\n"
        f"Its page: {address}/ui/ (the first time {address}/?api_key=THE-KEY). Ctrl-C ends it."
    )
