"""Runs on a rig that would be refused today: still read, and gone on with on another."""

import pytest

from reactune.analysis.storage.journals.encoding import loads, seal
from reactune.plans.cli import main

TOLD = "heater.tolerance = 50 degC counts a temperature as reached that is another one"


@pytest.fixture
def place(walker_found, placed):
    """A catalogue whose campaign was made when nobody minded the tolerance of its heater."""
    folder = placed(walker_found)
    (journal,) = (folder / "journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    item = loads(lines[1])
    item.pop("crc")
    item["doc"]["rig"]["file"]["heater"]["tolerance"] = 50.0
    journal.write_bytes(b"".join((lines[0], seal(item), *lines[2:])))
    return folder


def test_it_is_read(place, capsys):
    assert main(["rescore", "last", "--problem", "walker-ii", "--json"]) == 0


@pytest.mark.parametrize(
    "command",
    [
        ("optimise", "--resume", "last", "--budget", "13"),
        ("make", "last", "--volume", "1mL"),
        ("rediscover", "last", "--budget", "1"),
    ],
)
def test_it_is_not_used_again(place, capsys, command):
    assert main([*command]) == 2
    err = capsys.readouterr().err
    assert TOLD in err
    assert "pydantic" not in err


def test_its_campaign_is_gone_on_with_on_a_mended_rig(place, capsys):
    resume = ("optimise", "--resume", "last", "--rig", "walker", "--budget", "13", "--json")
    assert main([*resume]) == 0
