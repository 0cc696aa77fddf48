"""The `reactune` command as a user meets it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reactune.plans.cli import main

RUN3 = """\
schema      = 1
title       = "Run III: rich in the first adduct"
minimise    = "X3"
measured    = ["X0", "X1", "X2", "X3"]
constraints = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 4 +/- 0.3"]
budget      = 100
[fixed]
V = 300
[variables]
T      = { range = [100, 150], unit = "degC" }
F_C60  = { range = [3, 70], unit = "uL/min" }
F_sult = { range = [3, 70], unit = "uL/min" }
[limits]
flow_ratio     = { of = "F_sult / F_C60", within = [0.5, 2.0] }
residence_time = { of = "V / (F_C60 + F_sult)", within = [3, 31], unit = "min" }
"""

BAD = [
    (
        "[100, 150]",
        "[150, 100]",
        "variables.T.range: lower 150 is above upper 100; did you mean [100, 150]?",
    ),
    (
        "X1 / X2 >= 4",
        "X1 / X_2 >= 4",
        "constraints[2]: 'X_2' in 'X1 / X_2' is not known here; did you mean 'X2'? "
        "Known: X0, X1, X2, X3, T, F_C60, F_sult, V",
    ),
    (
        ">= 4 +/- 0.3",
        ">= 4",
        "constraints: 'X1 / X2 >= 4' has no tolerance; write 'X1 / X2 >= 4 +/- 0.3' "
        "(how far outside is still acceptable?)",
    ),
    (
        "4 +/- 0.3",
        "4 +/- -0.3",
        "constraints.2.tolerance: tolerance is how far outside the window you would still "
        "accept, so it cannot be negative (-0.3)",
    ),
    (
        'minimise    = "X3"',
        'minimise = "X3"\nmaximise = "X1"',
        "give exactly one of 'minimise' and 'maximise' \u2014 to trade two properties off, keep "
        "one as the goal and put the other under constraints; or, for the whole curve, write both "
        'as lists: minimise = ["A"], maximise = ["B"]',
    ),
    (
        "minimise ",
        "minimum ",
        "minimum: is not a setting; did you mean 'minimise'? Allowed: schema, title, minimise,",
    ),
    (
        "[100, 150]",
        "[100, inf]",
        "variables.T.range: a variable needs two finite bounds: the pump or heater must have "
        "limits",
    ),
    (
        "[100, 150]",
        "[100, '150 C']",
        "variables.T.range: range must be two numbers; '150 C' is text",
    ),
    (
        "[3, 31]",
        "[300, 600]",
        "limits.residence_time: nothing can satisfy it: with the ranges given, "
        "V / (F_C60 + F_sult) runs from 2.14 to 50.0 min, but you ask for [300.0, 600.0]",
    ),
    (
        'minimise    = "X3"',
        "minimise = \"__import__('os').getpid()\"",
        "goal: \"__import__('os').getpid()\": text in quotes is no quantity; write names, numbers",
    ),
]


def run(*arguments, **kwargs):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "reactune.plans.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, **kwargs)


@pytest.mark.parametrize(("good", "bad", "text"), BAD)
@pytest.mark.parametrize("command", ["optimise", "check"])
def test_bad_input_gets_one_clear_text(tmp_path, capsys, command, good, bad, text):
    assert good in RUN3
    problem = tmp_path / "run3.toml"
    problem.write_text(RUN3.replace(good, bad, 1))
    where = ["--catalogue", str(tmp_path / "runs")] if command == "optimise" else []
    assert main([command, str(problem), *where]) == 2
    out, err = capsys.readouterr()
    assert text in " ".join(err.split())
    assert err.startswith("run3.toml: 1 problem\n")
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["optimise", "walker-ii", "--budget", "1e9"], ["redesign", "last", "--keep", "two"]],
)
def test_a_whole_number_is_asked_for_in_words(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert f"a whole number, such as 25, not {arguments[-1]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["optimise", "no-such.toml"], "no-such.toml"),
        (["optimise"], "name a PROBLEM"),
        (["optimise", "--resume", "abc", "--seed", "1"], "leave them out"),
        (["optimise", "walker-ii", "--rig", "no-such"], "there is no built-in rig 'no-such'"),
        (["optimise", "walker-ii", "--budget", "0"], "budget"),
        (["show", "last"], "There is no last run: none is in"),
        (["runs", "--catalogue", __file__], "is a file, and a catalogue is a folder: name one"),
        (["show", "abcd"], "abcd"),
        (["replay", "abcd"], "abcd"),
        (["rediscover", "abcd"], "abcd"),
        (["safe"], "say which rig"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, capsys, monkeypatch, arguments, text):
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert text in err
    assert "Traceback" not in err
    assert out == ""


def test_a_problem_that_the_rig_cannot_do_is_refused_before_a_run(tmp_path, capsys):
    problem = tmp_path / "run3.toml"
    problem.write_text(RUN3)
    assert main(["optimise", str(problem), "--catalogue", str(tmp_path / "runs")]) == 2
    assert (
        "variables.T: the rig has no such variable; it has temperature" in capsys.readouterr().err
    )
    assert not (tmp_path / "runs").exists()


def test_why_a_rig_cannot_do_it_is_said_though_its_words_have_no_meaning_then(tmp_path, capsys):
    file = tmp_path / "p.toml"
    file.write_text(
        'minimise = "X3"\nmeasured = ["X3"]\n[variables]\n'
        'temperature = { range = [100, 150], unit = "degC" }\n'
        'residence_time = { range = [4, 30], unit = "min" }\n'
        'ratio = { range = [0.5, 2], of = "flow_sultine / flow_c60" }\n'
        '[limits]\nshare = { of = "flow_sultine / total_flow", within = [90, 95], unit = "%" }\n'
    )
    assert main(["check", str(file), "--rig", "walker"]) == 2
    err = capsys.readouterr().err
    assert "limits: nothing can satisfy all of" in err
    assert "word of the rig's" not in err


@pytest.mark.parametrize(
    "command",
    [
        ["export", "last", "-o", f"{'a' * 300}.csv"],
        ["integrate", f"{'a' * 300}.csv", "--method", "walker"],
        ["redesign", "last", "-o", f"{'a' * 300}.toml"],
        ["emulate", "--write", "a" * 300],
    ],
)
def test_a_name_longer_than_any_file_has_is_the_users(stored, capsys, command):
    folder, *_ = stored
    catalogue = ["--catalogue", str(folder)] if "last" in command else []
    assert main([*command, *catalogue]) == 2
    said = "".join(capsys.readouterr())
    assert "File name too long" in said
    assert "Traceback" not in said


def test_a_reader_that_has_gone_changes_no_exit_code(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    for command, code in ((["check", "walker-ii"], 0), (["show", "0123"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "reactune", *command],
            stdout=writing, stderr=writing, check=False, timeout=60,
            env=os.environ | {"REACTUNE_CATALOGUE": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == code
    os.close(writing)


def test_check_says_the_problem_in_words_with_its_cost(capsys):
    assert main(["check", "walker-v"]) == 0
    text = capsys.readouterr().out
    assert "X1 / X2 from 0 to 1.5; values down to -0.3 and up to 1.8 are still acceptable" in text
    # 100 x (2 x 31 min + 50 uL at 30 uL/min + 13 min)
    assert "at worst 127.8 h" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_is_quick():
    """Below a second from cold, though the library behind it takes several to import."""
    times = []
    for _ in range(3):
        start = time.monotonic()
        assert run("--help").returncode == 0
        times.append(time.monotonic() - start)
    assert min(times) < 1.0


CAMPAIGN = ["optimise", "walker-iii", "--seed", "1", "--budget", "9", "--json"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalogue with one campaign, and what the command printed."""
    folder = tmp_path_factory.mktemp("runs")
    done = run(*CAMPAIGN, "--catalogue", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_json_is_all_there_is_on_stdout(stored):
    _, done = stored
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert result["n"] == 9
    assert result["stop_reason"] == "budget: 9 of 9 experiments done"
    for key in ("best", "best_feasible"):
        if result[key] is not None:
            assert set(result[key]["conditions"]) == {"temperature", "flow_c60", "flow_sultine"}
            names = {"X0", "X1", "X2", "X3", "X1 + X2", "X1 / X2"}
            for told in ("expected", "expected_sd", "repeat_sd", "measured"):
                assert set(result[key][told]) == names
            assert result[key]["feasible"] == (result[key]["probability_feasible"] >= 0.5)
            assert isinstance(result[key]["merit"], float)
            assert isinstance(result[key]["feasible"], bool)
    assert result["best"] is not None
    if result["best_feasible"] is not None:
        assert result["best"]["merit"] <= result["best_feasible"]["merit"]


def test_progress_says_simulated_and_how_it_stands(stored):
    _, done = stored
    assert "SIMULATED" in done.stderr
    assert "9/9" in done.stderr
    assert "best feasible" in done.stderr
    assert "valve in load" in done.stderr


def test_a_stored_run_is_listed_shown_and_replayed(stored, capsys):
    folder, done = stored
    uid = json.loads(done.stdout)["uid"]
    where = ["--catalogue", str(folder)]
    assert main(["runs", *where]) == 0
    listed = capsys.readouterr().out
    assert uid[:8] in listed
    assert "simulated" in listed
    assert max(map(len, listed.splitlines())) <= 80
    assert main(["runs", "--json", *where]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["uid"], told["kind"], told["simulated"], told["events"]) == (
        uid,
        "campaign",
        True,
        9,
    )
    best = json.loads(done.stdout)["best_feasible"]
    assert told["best"]["number"] == best["number"]
    assert f"{told['best']['expected']:.4g} expected of no. {best['number']} (feasible)" in listed
    assert main(["show", uid[:8], "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(done.stdout)
    assert main(["show", uid[:8], *where]) == 0
    shown = capsys.readouterr().out
    assert "BEST FEASIBLE" in shown
    assert "SIMULATED" in shown
    page = next(line.split(": ")[1] for line in shown.splitlines() if line.startswith("Page"))
    assert uid in Path(page).read_text("utf-8")
    assert main(["replay", uid, *where]) == 0
    assert capsys.readouterr().out == "9 of 9 asks identical\n"


def test_an_empty_catalogue_is_an_empty_list(tmp_path, capsys):
    assert main(["runs", "--json", "--catalogue", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_same_seed_gives_the_same_decisions(stored, tmp_path, capsys):
    _, done = stored
    assert main([*CAMPAIGN, "--catalogue", str(tmp_path)]) == 0
    first, second = json.loads(done.stdout), json.loads(capsys.readouterr().out)
    assert first.pop("uid") != second.pop("uid")
    assert first == second


def test_a_rediscovery_repeats_points_of_the_old_campaign_first(stored, tmp_path, capsys):
    folder, done = stored
    uid = json.loads(done.stdout)["uid"]
    assert (
        main(
            [
                "rediscover",
                uid,
                "--seed",
                "5",
                "--budget",
                "4",
                "--json",
                "--catalogue",
                str(folder),
            ]
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert result["n"] == 4
    from reactune.analysis.storage.catalogue import Catalogue

    with Catalogue(folder) as catalogue:
        old, new = catalogue[uid], catalogue[result["uid"]]
        assert new.start["rediscovers"] == uid
        asked = {e["asked_temperature"] for e in old.events("primary")}
        sentinels = new.events("primary")[:3]
        assert {e["asked_temperature"] for e in sentinels} <= asked


@pytest.mark.parametrize("where", ["interrupt", "interrupt_a_class"])
def test_ctrl_c_while_nothing_is_open_is_no_traceback(monkeypatch, capsys, where):
    monkeypatch.setattr("reactune.plans.commands.runs.run", globals()[where])
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == "\nstopped by the user (Ctrl-C)\n"


def interrupt(a):
    raise KeyboardInterrupt


def interrupt_a_class(a):
    """As in an import: some Pythons make another error of it."""

    class Part:
        def __set_name__(self, owner, name):
            raise KeyboardInterrupt

    type("Device", (), {"part": Part()})
