"""What a campaign came to, on the terminal and as a page; no rig, so that it loads fast."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reactune.analysis.report.summary import summarise
from reactune.analysis.report.table import Campaign

from ..errors import in_words
from ..saying import say

if TYPE_CHECKING:
    from reactune.analysis.report.scan import Scan


def say_result(
    campaign: Campaign, folder: Path, *, as_json: bool, scan: "Scan | None" = None
) -> None:
    """Print the summary, of a design what it found first; leave page and picture in the folder."""
    from reactune.analysis.report.html import write_html, write_png  # a campaign needs no figures

    summary = summarise(campaign)
    if as_json:
        say(json.dumps(summary.to_json() | ({"scan": scan.to_json()} if scan else {})))
    else:
        say((f"\n{scan.to_text()}\n\n" if scan else "") + summary.to_text())
    if sys.stderr.isatty():
        say("Drawing the page ...", to=sys.stderr)
    reports, name = folder / "reports", campaign.run.uid[:8]
    page, picture = reports / f"{name}.html", reports / f"{name}.png"
    try:
        reports.mkdir(exist_ok=True)
        write_html(campaign, page)
        write_png(campaign, picture)
    except OSError as error:  # an archive that cannot be written to can still be looked at
        say(f"No page and picture: {in_words(error, reports)}", to=sys.stderr)
    else:
        if not as_json:
            say(f"Page: {page}\nPicture: {picture}")
