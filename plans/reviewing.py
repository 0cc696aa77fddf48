"""A batch waits for a person, and documents say what they made of it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bluesky.utils import MsgGenerator

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.review import SOMEBODY, Review
from reactune.devices.rig.flow_rig import FlowRig

from .asking import answered


@dataclass(frozen=True)
class Reviewer:
    """Who looks at every batch of a campaign before it is measured.

    Attributes
    ----------
    review : callable
        See `reactune.analysis.campaign.review.Review`; called in a thread of its own. Nothing
        chosen ends the campaign.
    by : str
        Who that is, for the documents.
    """

    review: Review
    by: str = SOMEBODY


class ReviewRecord:
    """What a person made of the latest batch: ``review``."""

    name = "review"
    parent = None

    def __init__(self) -> None:
        self._data: dict[str, float | str] = {}
        self.hints: dict[str, Any] = {"fields": []}  # texts: nothing to draw

    def note(
        self, by: str, batch: Sequence[Mapping[str, Any]], chosen: Sequence[Mapping[str, Any]]
    ) -> None:
        """Note what was proposed, and what is to be measured instead."""
        self._data = {
            "number": float(batch[0]["_id"]),
            "by": by,
            "proposed": json.dumps(batch),
            "chosen": json.dumps(chosen),
        }

    def read(self) -> dict[str, dict[str, Any]]:
        """Give the event's data."""
        return {k: {"value": v, "timestamp": time.time()} for k, v in self._data.items()}

    @staticmethod
    def describe() -> dict[str, dict[str, Any]]:
        """Describe the event's data: the first number of the batch, and points as JSON."""
        common = {"source": __name__, "shape": []}
        texts = {key: {**common, "dtype": "string"} for key in ("by", "proposed", "chosen")}
        return {"number": {**common, "dtype": "number", "units": "1"}, **texts}


def reviewed(
    agent: Agent, rig: FlowRig, reviewer: Reviewer, batch: list[dict[str, Any]]
) -> MsgGenerator[list[dict[str, Any]]]:
    """Have a person look at a batch, and the agent ask for what comes of it.

    Returns what was chosen; nothing if nothing is to be measured any more.
    """
    chosen = yield from answered(
        lambda: reviewer.review([dict(point) for point in batch]),
        rig,
        f"the batch still waits for {reviewer.by}",
    )
    return agent.settle(chosen, reviewer.by) if chosen else []
