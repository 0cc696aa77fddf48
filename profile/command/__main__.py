"""``python -m reactune``: the command line, where its script is on no path."""

import sys

from reactune.plans.cli import main

if __name__ == "__main__":
    sys.exit(main())
