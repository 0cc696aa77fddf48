"""What a front end hears of a campaign, and how it came out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.report.summary import Summary, summarise
from reactune.analysis.report.table import Campaign
from reactune.devices.rig.safety import SafeReport


class Listener:
    """What a front end hears of a campaign; override what it wants to know.

    The calls come from the thread that the campaign runs in. An exception in one is logged, and
    the campaign goes on.
    """

    def opening(self) -> None:
        """Hear that the catalogue is being opened for writing, which takes some seconds."""

    def prepared(self, agent: Agent) -> None:
        """Hear of the agent, with what it knows from before, when the rig is about to be opened."""

    def remark(self, sentence: str) -> None:
        """Hear what may be meant otherwise in the results that it knows from before."""

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        """Hear a document of the run, once it is in the journal."""

    def over(self, fault: str, safe_state: SafeReport | None) -> None:
        """Hear that nothing is measured any more, before the rest is stored and summed up.

        Parameters
        ----------
        fault : str
            What ended the campaign; empty if no fault did.
        safe_state : SafeReport or None
            What the rig confirmed; None if it was not yet under way.
        """


@dataclass(frozen=True)
class Outcome:
    """How a campaign came out.

    Attributes
    ----------
    uid : str
        Of the run; empty if it was over before its run was opened.
    reason : str
        Why it ended, a sentence.
    interrupted : bool
        Whether it was ended from outside.
    fault : str
        The fault that ended it, or what was used up; empty otherwise.
    finished : bool
        Whether the campaign has reached what it was to reach: there is nothing to resume.
    fruitful : bool
        Whether there is a valid result of its own, not known before, and the last experiments have
        not all failed. Otherwise the rig needs a look, even if the budget is used up.
    stored : bool
        Whether the run is stored in `folder` to its end. If not, where its documents are has been
        said (`Catalogue.problems`): in the second place, or nowhere if that was full, too.
    safe_state : SafeReport or None
        What the rig confirmed when the campaign was over, and what it did not.
    campaign : Campaign or None
        The stored campaign, with what it resumed: table of experiments, best points; None without
        a run.
    folder : Path
        Of the catalogue.
    """

    uid: str
    reason: str
    interrupted: bool
    fault: str
    finished: bool
    fruitful: bool
    stored: bool
    safe_state: SafeReport | None
    campaign: Campaign | None
    folder: Path

    @property
    def safe(self) -> bool:
        """Whether every instrument has confirmed its safe state."""
        return self.safe_state is not None and self.safe_state.confirmed

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """What is to be done by hand, a sentence for each instrument that did not confirm."""
        return self.safe_state.unconfirmed if self.safe_state else ()

    @property
    def well(self) -> bool:
        """Whether there is nothing that somebody would have to see to."""
        disturbed = self.interrupted or bool(self.fault)
        done = self.finished and self.fruitful
        return done and self.stored and self.safe and not disturbed

    @property
    def summary(self) -> Summary | None:
        """What the campaign came to, best points and all; None without a run."""
        return summarise(self.campaign) if self.campaign else None
