"""The comparison of campaigns sees what differs; that nothing does is for the campaigns to show."""

import json
import math

from tests.same_decisions import differences, read


def journal_of(path, *events, reason="budget: 2 of 2 experiments done"):
    """Write a journal with one stream, ``decision``."""
    documents = [
        ("descriptor", {"uid": "d", "name": "decision"}),
        *(("event", {"descriptor": "d", "data": data}) for data in events),
        ("stop", {"exit_status": "success", "reason": reason, "time": id(path)}),
    ]
    lines = [{"journal": 1}, *({"name": name, "doc": doc} for name, doc in documents)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read(path)


def test_a_single_bit_is_seen_and_the_same_is_not(tmp_path):
    first = {"f": 0.1, "why": "class 2", "trace": {"$array": [1.0, -0.0]}}
    before = journal_of(tmp_path / "before", first, first)
    assert not list(differences(before, journal_of(tmp_path / "after", first, first)))
    for changed in (
        {"f": math.nextafter(0.1, 1)},
        {"why": "class 3"},
        {"trace": {"$array": [1.0, 0.0]}},
        {"f": 1},
    ):
        after = journal_of(tmp_path / "after", first, first | changed)
        ((key, text),) = differences(before, after)
        assert key == f"decision.{next(iter(changed))}"
        assert "event 2" in text


def test_keys_events_and_endings_of_one_side_only_are_seen(tmp_path):
    first = {"f": 0.1}
    before = journal_of(tmp_path / "before", first, first)
    after = journal_of(tmp_path / "after", {"g": 0.1}, reason="no feasible region")
    assert [key for key, _ in differences(before, after)] == [
        "decision.*",
        "decision.f",
        "decision.g",
        "stop.reason",
    ]
