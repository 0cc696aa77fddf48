"""What a store may say otherwise than it was recorded, and what is a difference."""

import copy

import numpy as np
import pytest

from reactune.analysis.storage.comparing import differences
from tests.analysis.storage.samples import documents


@pytest.fixture
def emitted():
    return list(documents(uid="compared", time=1.0, axes=(1, 2), best=np.nan, levels=np.ones(2)))


@pytest.fixture
def stored(emitted):
    """As Tiled gives it back: through JSON, keys in another order, events called otherwise."""
    pairs = []
    for name, doc in copy.deepcopy(emitted):
        if name == "event":
            doc["data"] = {
                key: value.tolist() if isinstance(value, np.ndarray) else value
                for key, value in reversed(doc["data"].items())
            }
            doc["uid"] = f"event-{doc['seq_num']}"
            del doc["filled"]
        elif name == "start":
            doc |= {"axes": [1, 2], "best": None, "levels": [1.0, 1.0]}
        elif name == "descriptor":
            for about in doc["data_keys"].values():
                about["dtype_numpy"] = "<f8"
        pairs.append((name, doc))
    return pairs


def event(pairs, number):
    return [doc for name, doc in pairs if name == "event"][number]


def test_what_tiled_gives_back_is_the_same(emitted, stored):
    assert differences(emitted, emitted) == []
    assert differences(emitted, stored) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: event(p, 0)["data"].update(x=0.1 + 1e-16), "event 1 of primary: data x is 0.1,"),
        (
            lambda p: event(p, 2)["data"]["trace"].append(np.nan),
            "event 2 of primary: data trace is 4 values, [1.0, nan, 0.33333",
        ),
        (
            lambda p: event(p, 2)["data"]["trace"].__setitem__(1, 0.0),
            "event 2 of primary: data trace",
        ),
        (lambda p: event(p, 1)["data"].update(why="class 9"), "decision: data why is 'class 0'"),
        (lambda p: event(p, 1)["data"].pop("why"), "event 1 of decision: data why is missing"),
        (lambda p: event(p, 1)["timestamps"].update(why=2.0), "timestamps why is 1.0, there 2.0"),
        (lambda p: event(p, 1).update(time=2.0), "event 1 of decision: time is"),
        (lambda p: p.remove(("event", event(p, 3))), "event 2 of decision is missing there"),
        (lambda p: p.insert(4, ("event", event(p, 3))), "event 2 of decision is there 2 times"),
        (lambda p: p[0][1].update(title="forged"), "title is there and was not recorded"),
        (lambda p: p[0][1].pop("plan_name"), "the start document: plan_name is missing there"),
        (lambda p: p[0][1].update(levels=[1.0, 2.0]), "the start document: levels is"),
        (lambda p: p[-1][1].update(exit_status="fail"), "stop document: exit_status is 'success'"),
        (lambda p: p.pop(), "the stop document is missing there"),
        (lambda p: p[1][1]["data_keys"]["x"].update(units="mL"), None),
        (lambda p: p[1][1]["data_keys"]["x"].update(dtype="array"), "data key x: dtype"),
        (lambda p: p[1][1]["data_keys"].pop("x"), "data key x"),
    ],
)
def test_anything_else_is_named(emitted, stored, change, told):
    change(stored)
    found = differences(emitted, stored)
    if told is None:
        assert found == []
    else:
        assert any(told in each for each in found), found
        assert len(found) <= 4


def test_documents_that_refer_to_files_are_said_not_to_be_compared(emitted):
    pairs = [*emitted[:-1], ("stream_resource", {"uid": "file"}), emitted[-1]]
    assert differences(pairs, pairs) == ["a document of kind stream_resource is not compared"]


def test_a_configuration_is_compared_value_by_value(emitted, stored):
    """As a scan's detector has one: of its data keys, too, a store tells more."""
    for pairs, more in ((emitted, {}), (stored, {"dtype_numpy": "<f8"})):
        pairs[1][1]["configuration"] = {
            "hplc": {
                "data": {"volume": 931.0},
                "timestamps": {"volume": 1.0},
                "data_keys": {"volume": {"dtype": "number", "shape": [], "source": "file", **more}},
            }
        }
    assert differences(emitted, stored) == []
    told = stored[1][1]["configuration"]["hplc"]
    told["data"]["volume"] = 930.0
    told["data_keys"]["volume"]["dtype"] = "string"
    said = differences(emitted, stored)
    assert any("configuration of hplc: data is {'volume': 931.0}, there" in one for one in said)
    assert any("configuration of hplc: data key volume: dtype is 'number'" in one for one in said)
    del stored[1][1]["configuration"]["hplc"]
    assert any("hplc is missing there" in one for one in differences(emitted, stored))
