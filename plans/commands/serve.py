"""``reactune serve``: the servers that several reactors share."""

import argparse
import os
import shlex

from ..saying import say
from ..terminal.options import EXIT_DONE, add_catalogue, add_rig, described, examples

HELP = "start a server that several reactors share: the catalogue of runs, a queue of plans"
EXAMPLES = (
    "reactune serve catalogue --database postgresql://lab@localhost/reactune",
    "reactune serve queue --rig my-rig.toml --catalogue http://127.0.0.1:8000",
)
CATALOGUE = (
    "a Tiled server that holds the runs of several reactors, on PostgreSQL, or on SQLite without "
    "--database"
)
QUEUE = (
    "a bluesky-queueserver for one rig: it keeps a queue of plans in Redis and carries them out; "
    "qserver adds to it"
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
    runs.add_argument("--port", type=_port, default=8000, help="the port; 0 for any [8000]")
    runs.set_defaults(act=_catalogue)
    plans = kinds.add_parser("queue", help=QUEUE, **described(QUEUE))
    plans.epilog = examples(EXAMPLES[1])
    add_rig(plans)
    add_catalogue(plans)
    plans.add_argument(
        "--name",
        default="reactune",
        help="of the queue in Redis: each rig has its own [reactune]",
    )
    plans.add_argument(
        "--redis", default="localhost:6379", metavar="HOST:PORT", help="[localhost:6379]"
    )
    plans.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address that it answers at; 0.0.0.0 for all of this computer's: there is no key "
        "[127.0.0.1]",
    )
    plans.add_argument(
        "--port",
        type=_port_of_two,
        default=60615,
        help="the port for orders; what it says is to be heard ten above, at 60625 [60615]",
    )
    plans.set_defaults(act=_queue)


def _port(text: str, least: int = 0, most: int = 65535) -> int:
    """Read a port."""
    if not (text.isdecimal() and len(text) < 9 and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"a port is from {least} to {most}, not {text}")
    return int(text)


def _port_of_two(text: str) -> int:
    """Read a port that leaves room for a second, ten above."""
    return _port(text, 1, 65525)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    return int(a.act(a))


def _catalogue(a: argparse.Namespace) -> int:
    """Serve the catalogue of runs."""
    from urllib.parse import urlsplit

    import platformdirs

    from reactune.analysis.storage.place import place_of
    from reactune.analysis.storage.stores.server import NoCatalogue
    from reactune.analysis.storage.stores.serving import Service

    from ..errors import UserError, told

    if a.database and urlsplit(a.database).password:
        raise UserError(
            f"serve: everybody on this computer sees a command with its password; put it into "
            f"~/.pgpass, or the whole URI into ${DATABASE}"
        )
    own = platformdirs.user_data_path("reactune", appauthor=False) / "server"
    with told(NoCatalogue, OSError):
        place = place_of(a.folder or own)
        if place.server is not None:
            raise UserError(
                f"serve: --folder {a.folder} is an address: give a folder of this computer, and "
                "where it is to answer as --host and --port"
            )
        say("Starting ...")
        service = Service.prepared(place.folder, a.database or os.environ.get(DATABASE) or None)
        service.run(a.host, a.port, lambda address: _say(service.key_source, address))
    return EXIT_DONE


def _say(key_source: str, address: str) -> None:
    """Say how the server is used, now that it answers."""
    export = f"  export TILED_API_KEY_FILE={shlex.quote(key_source)}\n"
    say(
        f"The catalogue of runs is at {address}, its key in {key_source}. To record there:\n"
        f"{'' if key_source.startswith('$') else export}"
        f"  reactune optimise PROBLEM --catalogue {address}\n"
        f"Its page: {address}/ui/ (the first time {address}/?api_key=THE-KEY). Ctrl-C ends it."
    )


def _queue(a: argparse.Namespace) -> int:
    """Serve the queue of a rig."""
    from ..queueing import Queue

    queue = Queue.prepared(
        name=a.name, rig=a.rig, catalogue=a.catalogue, redis=a.redis, host=a.host, port=a.port
    )
    say(
        f"The queue {a.name} of {queue.title} is at {queue.control}, its runs go to "
        f"{queue.place}. In another terminal:\n"
        f"  export QSERVER_ZMQ_CONTROL_ADDRESS={queue.control}\n"
        f"  qserver environment open\n"
        f"  qserver queue add plan {queue.example}\n"
        f"  qserver queue start\n"
        f"Before you end it: qserver environment close makes the rig safe. Ctrl-C ends it."
    )
    return queue.serve()
