import json
from dataclasses import replace

import pytest

from reactune.analysis.analytics.hplc.method import Method
from tests.analysis.analytics.hplc.traces import METHOD


def test_method_survives_json():
    method = replace(METHOD, peaks=(replace(METHOD.peaks[0], components=((11.9, 0.1, 0.1),)),))
    for m in (METHOD, method):
        assert Method.from_dict(json.loads(json.dumps(m.to_dict()))) == m
        assert m.to_dict() == json.loads(json.dumps(m.to_dict()))


BAD = [
    ({"rate": 0}, "rate 0 must be a positive"),
    ({"rates": 1}, "unknown rates"),
    ({"peaks": []}, "at least one"),
    ({"solvent_front": [2.6, 4.0]}, "before the window of 'X3'"),
    ({"solvent_front": [3.0, 2.0]}, "start, end"),
    ({"max_volts": 0.01}, "must exceed"),
    ({"others": [METHOD.to_dict()["peaks"][0]]}, "each with its own name"),
    ({"others": [{"name": "a", "time": 2, "window": [1, 3], "sd": 0.1, "tail": 0.1}]}, "leave it"),
]


BAD_PEAK = [
    ({"width": 0.1}, "'X0'.*unknown width"),
    ({"window": [12, 13]}, "must lie inside its window"),
    ({"tail": 0}, "tail 0 must be positive"),
    ({"components": [[11.5, -0.1, 0.1]]}, "sd -0.1"),
    ({"response": 0}, "response 0 must be positive"),
]


@pytest.mark.parametrize(("change", "text"), BAD)
def test_bad_method_is_refused(change, text):
    with pytest.raises(ValueError, match=text):
        Method.from_dict(METHOD.to_dict() | change)


@pytest.mark.parametrize(("change", "text"), BAD_PEAK)
def test_bad_peak_is_refused(change, text):
    d = METHOD.to_dict()
    d["peaks"][0] |= change
    with pytest.raises(ValueError, match=text):
        Method.from_dict(d)


def test_missing_keys_are_named():
    d = METHOD.to_dict()
    del d["rate"], d["solvent_front"]
    with pytest.raises(ValueError, match="rate, solvent_front missing"):
        Method.from_dict(d)
