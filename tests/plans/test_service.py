"""The open road: any front end runs, resumes and rediscovers by the service alone."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.service import Listener, Outcome, UserError, rediscover, resume, run


class Page(Listener):
    """A front end with a stop button, far from the thread that a campaign runs in."""

    def __init__(self, stop_after: int = 0) -> None:
        self.stop_after, self.heard = stop_after, []
        self.known, self.said_at_the_end = [], None

    def prepared(self, agent):
        self.known = [e.number for e in agent.evaluations]

    def document(self, name, doc):
        self.heard.append(name)
        if name == "event" and "best" in doc["data"] and self.stop_after:
            self.stop_after -= 1
            if not self.stop_after:
                threading.Thread(target=self.RE.abort, args=("stopped on the page",)).start()

    def over(self, fault, safe_state):
        self.said_at_the_end = (fault, safe_state.confirmed)

    def __call__(self, RE, rig):
        self.RE = RE
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One catalogue that stays open, and campaigns in a server's thread: stopped, gone on with."""
    folder = tmp_path_factory.mktemp("served")
    pages = [Page(stop_after=3), Page(), Page()]
    with Catalogue(folder, writing=True) as catalogue, ThreadPoolExecutor(1) as server:

        def do(campaign, what, page, **how) -> Outcome:
            how |= {"catalogue": catalogue, "listener": page, "interrupters": [page]}
            return server.submit(campaign, what, **how).result(100)

        stopped = do(run, "walker-ii", pages[0], seed=4, budget=6)
        whole = do(resume, stopped.uid[:8], pages[1])
        again = do(rediscover, whole.uid, pages[2], seed=5, budget=2)
    return [stopped, whole, again], pages, folder


def test_a_campaign_is_stopped_from_outside_and_says_so(served):
    (stopped, *_), (page, *_), folder = served
    assert (stopped.interrupted, stopped.fault, stopped.finished) == (True, "", False)
    assert stopped.reason == "stopped on the page"
    assert (stopped.stored, stopped.safe, stopped.unconfirmed) == (True, True, ())
    assert not stopped.well
    assert 3 <= stopped.summary.n < 6
    assert stopped.folder == folder
    assert page.heard[0] == "start"
    assert page.heard[-1] == "stop"
    assert page.said_at_the_end == ("", True)


def test_it_is_gone_on_with(served):
    (stopped, whole, _), (_, page, _), _ = served
    assert whole.well
    assert whole.reason == "budget: 6 of 6 experiments done"
    assert page.known == list(stopped.campaign.table.index)
    assert list(whole.campaign.table.index) == [1, 2, 3, 4, 5, 6]


def test_a_new_campaign_begins_where_it_was_good(served):
    (_, whole, again), _, folder = served
    assert again.well
    assert again.summary.n == 2
    with Catalogue(folder) as catalogue:
        assert catalogue[again.uid].start["rediscovers"] == whole.uid


def test_what_cannot_be_done_is_raised_before_anything_moves(served, tmp_path):
    (_, whole, _), _, folder = served
    with pytest.raises(UserError, match="needs no resuming: budget: 6 of 6"):
        resume(whole.uid, catalogue=folder)
    with pytest.raises(UserError, match=r"No run in .* begins with 'abcd'"):
        rediscover("abcd", catalogue=folder)
    with pytest.raises(UserError, match="no built-in rig 'no-such'"):
        run("walker-ii", "no-such", catalogue=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_listener_that_fails_ends_no_campaign(tmp_path, capsys):
    class Broken(Listener):
        def document(self, name, doc):
            raise OSError("the page is gone")

        def over(self, fault, safe_state):
            raise SystemExit(1)  # what rich makes of a broken pipe

    outcome = run("walker-ii", catalogue=tmp_path, seed=1, budget=1, listener=Broken())
    assert outcome.well
    assert capsys.readouterr() == ("", "")


def test_the_startup_module_opens_nothing_until_it_is_called(tmp_path):
    """As a queue server's worker imports it."""
    code = """
import threading
from reactune.plans.startup import open_workspace
from reactune.devices.rig import flow_rig
print(threading.active_count())
workspace = open_workspace()
assert workspace.rig.simulated
names = workspace.names()
import inspect
plans = [name for name, thing in names.items() if inspect.isgeneratorfunction(thing)]
print(*plans)
names["RE"](names["optimise"]("walker-ii", seed=1, budget=1))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"REACTUNE_CATALOGUE": str(tmp_path / "runs"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    threads, plans, *rest = done.stdout.splitlines()
    assert threads == "1"
    assert set(plans.split()) >= {"optimise", "resume", "rediscover"}
    assert "1/1" in "\n".join(rest)
