"""``reactune shell``: an IPython session with everything at hand."""

import argparse
import os
import sys
from pathlib import Path

from ..terminal.options import EXIT_DONE, add_catalogue, add_rig

HELP = "an IPython session with RE, cat, rig, optimise, ..."
EXAMPLES = ("reactune shell --rig my-rig.toml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_catalogue(parser)
    add_rig(parser)


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    import IPython

    import reactune.devices
    from reactune.analysis.storage.place import place_of
    from reactune.analysis.storage.stores.server import NoCatalogue
    from reactune.analysis.storage.stores.table import UnknownStore, opener_of

    from ..errors import told
    from ..preparation import load_rig
    from ..reagents import reconciled, truth_of_session

    profile = Path(reactune.devices.__file__).parents[1] / "profile" / "profile_reactune"
    if a.rig:
        os.environ["REACTUNE_RIG"] = a.rig
    if a.catalogue:
        os.environ["REACTUNE_CATALOGUE"] = a.catalogue
    # told here, in a sentence: IPython would show a traceback, and a prompt without a rig
    with told(NoCatalogue, UnknownStore, OSError):
        place = place_of()
        place.check(writing=True)
        opener_of(None, place.server)
    reconciled(load_rig(os.environ.get("REACTUNE_RIG", "walker")), truth_of_session())
    IPython.start_ipython([f"--profile-dir={profile}"])
    if startup := sys.modules.get("reactune.plans.startup"):
        # Now: from Python 3.12 on, Tiled cannot write any more once the interpreter shuts down.
        startup.close()
    return EXIT_DONE
