"""``reactune calibrate``: responses of an HPLC method from samples of known composition."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..saying import say
from ..terminal.options import EXIT_DONE, add_method

if TYPE_CHECKING:
    from ..questions.integration import Calibration

HELP = "find the responses of an HPLC method with samples of known composition"
EXAMPLES = ("reactune calibrate standards.csv --method method.toml -o calibrated.toml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "standards",
        type=Path,
        metavar="STANDARDS",
        help="CSV or Excel table with the column 'file' and the known fraction or amount of each "
        "species",
    )
    add_method(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="NEW", required=True, help="method file to write"
    )
    parser.add_argument(
        "--curve", choices=["linear", "quadratic"], default="linear", help="of amounts [linear]"
    )
    parser.add_argument(
        "--intercept", action="store_true", help="curves of amounts need not go through 0"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the residuals (.png, .pdf, .svg)"
    )


def run(a: argparse.Namespace) -> int:
    """Run the command."""
    from ..errors import UserError, told
    from ..questions.integration import calibrated_text, calibration, open_method

    if a.output.exists() and not _is_another_method(a.output, a.method):
        raise UserError(f"{a.output} is there already; name another file")
    stated = open_method(a.method)
    done = calibration(
        a.standards,
        stated,
        quadratic=a.curve == "quadratic",
        intercept=a.intercept,
        channel=a.channel,
    )
    text = calibrated_text(a.method, done.method)
    if a.plot is not None:
        with told(OSError, ValueError, file=a.plot):
            _plot(done, a.plot)
    with told(OSError, file=a.output):
        a.output.write_text(text, "utf-8")
    for reading in done.failed:
        say(f"left out: {Path(reading.file).name}: {reading.reason}", to=sys.stderr)
    for peak in done.method.peaks:
        if peak.name in done.method.quantities:
            sd = peak.response_sd or peak.curve_sd
            doubt = f"sd {sd:.1g}" if sd else "as it was"
            off = f"{done.rms(peak.name):.2g} {done.method.amounts or ''}".strip()
            say(f"{peak.name}: response {peak.response:.4g} ({doubt}), residuals {off} rms")
    say(f"{len(done.used)} standards; method file {a.output}")
    return EXIT_DONE


def _is_another_method(path: Path, method: str) -> bool:
    """Whether a file is a method file, as an earlier calibration is, and not its own source."""
    from ..errors import UserError
    from ..questions.integration import open_method

    try:
        open_method(path)
    except UserError:
        return False
    return not (Path(method).exists() and path.samefile(method))


def _plot(done: "Calibration", path: Path) -> None:
    """Draw found minus known over known, with 2 sd of the single sample."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = done.method.quantities
    figure = Figure(figsize=(3.2 * len(names), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    unit = f" [{done.method.amounts}]" if done.method.amounts else ""
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        known, off, sd = done.residuals(name)
        ax.axhline(0.0, color="0.7", lw=1)
        ax.errorbar(known, off, 2 * sd, fmt="o", ms=3, lw=1)
        ax.set(title=name, xlabel=f"known{unit}", ylabel=f"found - known{unit}")
    figure.savefig(path, dpi=150)
