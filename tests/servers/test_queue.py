"""Campaigns in the queues of two reactors; `python -m tests.servers` does more of it."""

import pytest

from tests.servers import trial
from tests.servers.conftest import absent
from tests.servers.running import MissingError

pytestmark = pytest.mark.timeout(300)  # servers start slowly where much else runs


def test_two_reactors_fill_one_catalogue_from_their_queues(tmp_path, monkeypatch):
    monkeypatch.delenv("REACTUNE_STORE")
    try:
        with trial.lab(tmp_path) as lab:
            trial.campaigns(lab, budget=12)  # of four one may be over before the other begins
    except MissingError as error:
        absent(error)
