"""Two reactors, two queue servers, one catalogue: does it hold when the server is killed?

    python -m tests.servers [--budget N] [--kills N]

Starts PostgreSQL, Redis, Tiled and two bluesky-queueservers, has two emulated reactors tune at
once, kills the catalogue's server at several moments and starts it again, and compares what is in
the catalogue with the journals, document by document.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .running import MissingError
from .trial import campaigns, lab, refused

DOWN = (2.0, 0.0, 60.0)  # s: less and more than Tiled's client goes on trying


def main(argv: list[str] | None = None) -> int:
    """Try, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--budget", type=int, default=60, metavar="N", help="experiments of each")
    parser.add_argument("--kills", type=int, default=3, metavar="N", help="how often it is killed")
    a = parser.parse_args(argv)
    failures = 0
    for number in range(a.kills + 1):
        killed = None if number == 0 else 2.0 + 3.0 * number
        down = DOWN[(number - 1) % len(DOWN)]
        what = "undisturbed" if killed is None else f"killed after {killed:g} s, down {down:g} s"
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="reactune-servers-") as folder:
            try:
                with lab(Path(folder)) as servers:
                    refused(servers)
                    campaigns(servers, a.budget, killed, down)
                told = "passed"
            except MissingError as error:
                print(error, file=sys.stderr)
                return 2
            except (AssertionError, RuntimeError) as failure:
                failures += 1
                told = f"FAILED: {failure}"
        print(f"{what:<40} {time.monotonic() - begun:6.0f} s  {told}", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
