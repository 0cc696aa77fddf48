"""A batch waits for a person, who may take all night; the rig does not wait hot and flowing."""

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.campaign.review import SOMEBODY, Review
from reactune.devices.rig.flow_rig import FlowRig

_log = logging.getLogger(__name__)

_GLANCE = 0.1  # wall s between looks at whether the person is done


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
    hints: Mapping[str, Any] = MappingProxyType({"fields": []})  # texts: nothing to draw

    def __init__(self) -> None:
        self._data: dict[str, float | str] = {}

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
    answer: Future[Sequence[Mapping[str, Any]]] = Future()
    threading.Thread(
        target=_ask, args=(reviewer, batch, answer), name="review", daemon=True
    ).start()
    began = time.monotonic()
    while not answer.done():
        yield from bps.sleep(_GLANCE)  # an abort comes here
        late = time.monotonic() - began > rig.config.pause_limit
        if late and not rig.interlock.at_rest and not rig.interlock.held:
            _log.warning(
                "the batch still waits for %s: the rig goes to its safe state", reviewer.by
            )
            rig.safe()
    chosen = answer.result()
    return agent.settle(chosen, reviewer.by) if chosen else []


def _ask(
    reviewer: Reviewer, batch: list[dict[str, Any]], answer: Future[Sequence[Mapping[str, Any]]]
) -> None:
    try:
        answer.set_result(reviewer.review([dict(point) for point in batch]))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the plan hears of it
        answer.set_exception(error)
