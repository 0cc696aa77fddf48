"""Documents are of types that every program has, not only those that have reactune."""

import io
import json
import tomllib

import bluesky.plans as bp
import numpy as np
import pytest
from bluesky_adaptive import optimize

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.rigfile import RigFile
from reactune.plans import optimization_problem
from reactune.plans.campaign import optimise
from reactune.plans.compatibility import analytics_of
from reactune.plans.fitting import fitted
from reactune.plans.problems import load_problem
from reactune.plans.reviewing import Reviewer
from reactune.plans.session.stating import _ours, versions
from reactune.plans.startup import Workspace
from tests.plans.catalysts import TWO, tables
from tests.plans.making.test_wash import washing

PLAIN = {str, int, float, bool, type(None)}
MEASURED = {np.ndarray, np.float64}  # traces; positions that bluesky itself has worked out

LEVELS = {"temperature": [100, 110], "flow_c60": [50], "flow_sultine": [50]}


def others(value, where, allowed=frozenset()):
    """What of a document is of no plain type: where, and which."""
    if type(value) is dict:
        for key, one in value.items():
            assert type(key) is str
            yield from others(one, f"{where}.{key}", allowed)
    elif type(value) in (list, tuple):
        for one in value:
            yield from others(one, f"{where}[]", allowed)
    elif type(value) not in PLAIN | allowed:
        yield where, type(value)


def plans(workspace):
    rig, problem = workspace.rig, load_problem("walker-ii", 1)
    agent = Agent(fitted(problem, rig.config), analytics_of(rig.config), seed=1)
    uid = workspace.cat[-1].uid
    return {
        "optimise": workspace.optimise("walker-ii", seed=1, budget=1),
        "from": workspace.optimise("walker-ii", seed=1, budget=1, known=uid),
        "resume": workspace.resume(uid, problem={**problem.to_dict(), "budget": 13}),
        "rediscover": workspace.rediscover(uid, seed=1, budget=1),
        "make": workspace.make(uid, "500uL"),
        "adaptive": optimize(optimization_problem(agent, rig), iterations=1),
        "grid": workspace.grid("walker-ii", LEVELS),
        "review": optimise(problem, rig, reviewer=Reviewer(lambda points: points, "anna")),
        "count": bp.count([workspace.hplc]),
        "scan": bp.scan([workspace.hplc], rig.temperature, 100, 110, 2),
    }


def heard(rig, folder, made):
    """Run plans that are made of a session, and give every document of theirs."""
    documents = []
    with (
        open_rig(rig) as opened,
        Catalogue(folder, writing=True, store="journal") as catalogue,
    ):
        workspace = Workspace(opened, catalogue)
        workspace.RE.subscribe(lambda name, doc: documents.append((name, doc)))
        for plan in made(workspace).values():
            workspace.RE(plan)
    return documents


def strange(documents):
    return {
        what
        for name, doc in documents
        for what in others(doc, name, MEASURED if name == "event" else frozenset())
    }


def test_every_value_of_every_document_is_of_a_plain_type(walker_found, placed, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 9))
    rig = washing(load("walker"), wash_volume=500)
    documents = heard(rig, placed(walker_found), plans)
    names = {doc["plan_name"] for name, doc in documents if name == "start"}
    assert names == {"optimise", "make", "acquire", "optimize", "grid", "count", "scan"}
    streams = {doc["name"] for name, doc in documents if name == "descriptor"}
    assert streams >= {
        "primary",
        "decision",
        "rediscovery",
        "review",
        "check",
        "collection",
        "wash",
    }
    assert strange(documents) == set()


def test_so_they_are_where_the_rig_chooses(tmp_path):
    def chosen(workspace):
        words = workspace.rig.catalyst, ["C1", "C6"]
        return {
            "optimise": workspace.optimise(tomllib.loads(TWO), seed=1, budget=2),
            "scan": bp.list_scan([workspace.hplc], *words),
        }

    rig = RigFile.model_validate(tables())
    assert strange(heard(rig, tmp_path, chosen)) == set()


def test_so_they_are_on_a_run_engine_of_ones_own(lab):
    lab.campaign(lab.agent(budget=1))
    assert [*others(lab.only("start"), "start")] == []
    assert json.loads(json.dumps(lab.only("start")["versions"])) == lab.only("start")["versions"]


@pytest.mark.parametrize("copied", [False, True])
def test_equal_versions_that_somebody_else_states_are_not_ours(lab, copied):
    stated = json.loads(json.dumps(versions())) if copied else versions()
    assert _ours(stated) is not copied
