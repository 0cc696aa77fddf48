"""``reactune new --rig``: answers make files that can be rehearsed on at once."""

import io
import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactune.devices import open_rig
from reactune.devices.methodfile import MethodFile, load_method
from reactune.devices.reactionfile import load_reaction
from reactune.devices.rigfile import load
from reactune.plans.cli import main
from reactune.plans.drafts.rig import RigDraft

OPTIONS = {
    "--step": [
        "amine + ester -> amide, k = 0.5 1/(M min) at 80 degC, 60 kJ/mol",
        "amide + ester <-> imide, 0.02 1/(M min), E=85 kJ/mol; 1e-4 1/min at 90 \u00b0C, 90 kJ/mol",
    ],
    "--stream": [
        "amine 500 mM, 20 to 500 uL/min",
        "feed: ester 1 M, 0.02 to 0.5 mL/min",
        "thf 12000 mM",
    ],
    "--peak": ["amide 4.1 min", "amine at 2.6 min", "imide 5,3 min"],
}
RIG = ("--rig", "rig.toml", "--reaction", "amide.toml")
PROBLEM = (
    *("new", "problem.toml", "--measured", "amine, amide, imide", "--goal", "maximise amide"),
    *("--window", "imide <= 0.05 +/- 0.02", "--variable", "temperature 40 to 110 degC"),
    *("--variable", "flow_amine 30 to 300 uL/min", "--variable", "flow_feed 30 to 300 uL/min"),
    *("--variable", "flow_thf 20 to 200 uL/min"),
)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def arguments(*files: str, **changed) -> list[str]:
    options = OPTIONS | {f"--{name}": value for name, value in changed.items()}
    answers = [word for name, texts in options.items() for text in texts for word in (name, text)]
    return ["new", *files, *answers]


def typed(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize("method", [(), ("--method", "hplc.toml")], ids=["whole", "in files"])
def test_what_it_writes_says_what_was_answered_and_is_checked(method, capsys):
    assert main(arguments(*RIG, *method)) == 0
    told = capsys.readouterr().out
    assert "To set:   temperature, flow_amine, flow_feed, flow_thf" in told
    assert "reactune check problem.toml --rig rig.toml" in told
    rig, reaction = load("rig.toml"), load_reaction("amide.toml")
    assert {name: s.stock for name, s in rig.streams.items()} == {
        "amine": 500, "feed": 1000, "thf": 12000,
    }  # fmt: skip
    assert rig.streams["feed"].limits == (20, 500)
    assert reaction.streams == {"amine": {"amine": 500}, "feed": {"ester": 1000}, "thf": {}}
    first, second = reaction.steps
    assert (first.k, first.unit, first.at, first.energy) == (0.5, "1/(M min)", 80, 60)
    assert (second.reverse.k, second.reverse.at, second.at) == (1e-4, 90, None)
    assert [(p.name, p.time) for p in rig.chromatogram.peaks] == [
        ("amine", 2.6), ("amide", 4.1), ("imide", 5.3),
    ]  # fmt: skip
    for path in Path().glob("*.toml"):
        assert max(map(len, path.read_text().splitlines())) <= 100
    assert ("peaks" in tomllib.loads(Path("rig.toml").read_text())["chromatogram"]) != bool(method)
    assert main([*PROBLEM]) == 0
    assert main(["check", "problem.toml", "--rig", "rig.toml"]) == 0
    assert "Fits the rig: rig." in capsys.readouterr().out


def test_it_is_rehearsed_at_once(capsys):
    folder = "mine/rig.toml", "reactions/amide.toml", "hplc/hplc.toml"
    files = [
        w for pair in zip(("--rig", "--reaction", "--method"), folder, strict=True) for w in pair
    ]
    assert main(arguments(*files)) == 0
    assert main([*PROBLEM]) == 0
    rehearsal = ["optimise", "problem.toml", "--rig", folder[0], "--budget", "2", "--seed", "1"]
    assert main(rehearsal) == 0
    told = capsys.readouterr().out
    assert "SIMULATED" in told
    assert "2 experiments (budget 2)" in told
    assert "0 failed" in told


def test_questions_are_asked_until_the_answers_make_sense(monkeypatch, capsys):
    typed(
        monkeypatch,
        *("", "A + B -> P", "A + B -> P, k = 0.5, 60 kJ/mol"),
        *("A + B -> P, 3 1/min, 50 kJ/mol", "A + B -> P, 3 1/(M min), 50 kJ/mol"),
        *("A + B, 3 1/min, 1 kJ/mol", ""),
        *("A", "a 100 mM", "A 0 mM", "A 100 mM, 5 to 1 uL/min", "A 100 mM", "A 200 mM"),
        *("x: A 1 mM + A 2 mM", "x: B 50 mM + tea 20 mM", "9: B 1 mM", "EtOH 17 M", ""),
        *("catalyst", "catalyst by valve on etoh: Pd", "cat by valve on pd: Pd, Ni", ""),
        *("P", "Q 3 min", "P 0 min", "P 3 min", "P 4 min", "A 3.02 min", "A 2 min", ""),
        *("", "120 to 25 degC", "-40 to 60 degC", "cold", "30-90 \u00b0C"),
    )
    assert main(["new", *RIG]) == 0
    captured = capsys.readouterr()
    asked = " ".join(captured.err.split())
    for sentence in (
        "There has to be an answer.",
        "'A + B -> P' is no step; write it as in",
        "'A + B -> P, k = 0.5, 60 kJ/mol' is no step; write it as in",
        "1/min",
        "'A + B' has no arrows",
        "'A' is no stream; write it as in",
        "a is in no step: did you mean A?",
        "a concentration has to be above 0 mM",
        "the flows have to rise",
        "a is there already",
        "has A twice",
        "tea is in no step: a solvent is a stream of its own",
        "'catalyst' is no choice; write it as in",
        "'catalyst by valve on etoh: Pd' leaves nothing to choose",
        "'pd' is none of the streams a, etoh: name one of them",
        "stream = '9'",
        "'P' is no peak",
        "Q is in no step; there are A, B, P",
        "elutes after the injection",
        "P is there already",
        "A and P elute together",
        "the temperatures have to rise",
        "the emulated heater has setpoints of 0 to 200 degC",
        "'cold' is no range",
    ):
        assert sentence in asked
    assert captured.err.count("for example:") == 6
    assert "Look at:  B is in no stream, and no step makes it" in captured.out
    rig = load("rig.toml")
    assert list(rig.streams) == ["a", "etoh"]
    assert (rig.heater.limits, rig.reactor.total_volume) == ((30, 90), 1200)


def test_a_pump_refills_as_fast_as_it_can_flow():
    assert main(arguments(*RIG, stream=[*OPTIONS["--stream"][:2], "thf 12 M, 1 to 20 mL/min"])) == 0
    with open_rig(load("rig.toml")) as rig:
        assert rig.pumps["thf"].limits == (1000, 20000)
        assert rig.pumps["thf"].spec.refill_rate == 20000


def test_a_long_way_to_the_sample_is_waited_for():
    assert main(arguments(*RIG, reactor=["1000, 3250 uL"])) == 0
    assert load("rig.toml").stabilisation_residence_times == 3.3


def test_a_number_beyond_all_use_is_refused(capsys):
    assert main(arguments(*RIG, peak=["amide 1e400 min"])) == 2
    assert "1e400 is beyond 1e+100" in capsys.readouterr().err


@pytest.mark.parametrize(("heated", "safe"), [("80 to 150 degC", 25), ("10 to 60 degC", 10)])
def test_a_rig_is_left_cold_however_hot_it_may_be(heated, safe):
    assert main(arguments(*RIG, heater=[heated])) == 0
    assert load("rig.toml").heater.safe == safe


CHOICES = {
    "stream": [*OPTIONS["--stream"][:2], "cat 12 mM, 10 to 300 uL/min", "thf 12 M", "mecn 12 M"],
    "choice": [
        "catalyst by valve on cat: Pd/C, Ni 5.0 % k1 = 0.2, Cu k1=0,1 E1 = 70",
        "solvent by streams: THF = thf, MeCN = mecn k2_reverse = 3e-4",
    ],
}


@pytest.mark.parametrize("typed_in", [False, True])
def test_choices_are_written_checked_and_rehearsed_at_once(monkeypatch, capsys, typed_in):
    if typed_in:
        steps, streams = OPTIONS["--step"], CHOICES["stream"]
        lines = *steps, "", *streams, "", *CHOICES["choice"], "", *OPTIONS["--peak"], "", "", ""
        typed(monkeypatch, *lines)
        assert main(["new", *RIG]) == 0
    else:
        assert main(arguments(*RIG, **CHOICES)) == 0
    told = capsys.readouterr().out
    assert "flow_feed, flow_cat, flow_solvent, catalyst, solvent" in told
    rig, reaction = load("rig.toml"), load_reaction("amide.toml")
    assert rig.choices["catalyst"].positions == {"Pd/C": 1, "Ni 5.0 %": 2, "Cu": 3}
    assert rig.choices["catalyst"].stream == "cat"
    assert rig.choices["solvent"].streams == {"THF": "thf", "MeCN": "mecn"}
    assert reaction.choices == {
        "catalyst": {"Pd/C": {}, "Ni 5.0 %": {"k1": 0.2}, "Cu": {"k1": 0.1, "E1": 70}},
        "solvent": {"THF": {}, "MeCN": {"k2_reverse": 3e-4}},
    }
    for path in Path().glob("*.toml"):
        assert max(map(len, path.read_text().splitlines())) <= 100
    ports = Path("rig.toml").read_text().partition("[transports]\n")[2].partition("\n\n")[0]
    assert "catalyst_valve = {" in ports
    assert len({line.index(" = ") for line in ports.splitlines()}) == 1
    variables = (
        *("temperature 40 to 110 degC", "catalyst: Pd/C, Ni 5.0 %, Cu", "solvent: THF, MeCN"),
        *(f"flow_{name} 30 to 200 uL/min" for name in ("amine", "feed", "cat", "solvent")),
    )
    asked = [word for text in variables for word in ("--variable", text)]
    asked += ["--measured", "amine, amide, imide", "--goal", "maximise amide"]
    assert main(["new", "problem.toml", *asked]) == 0
    assert main(["check", "problem.toml", "--rig", "rig.toml"]) == 0
    assert "catalyst = Ni 5.0 %: position 2 of its valve" in capsys.readouterr().out
    rehearsal = ["optimise", "problem.toml", "--rig", "rig.toml", "--budget", "2", "--seed", "1"]
    assert main(rehearsal) == 0
    assert "2 experiments (budget 2), 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("catalyst by valve on cat: Pd, Pd", "has Pd twice: delete one"),
        ("catalyst by valve on cat: Pd, Ni k3 = 1", "k3 of Ni: the steps have k1, E1, k2, E2,"),
        ("catalyst by valve on cat: Pd = cat, Ni", "'Pd = cat' is no option of catalyst; write"),
        ("catalyst by valve on cat: Pd, Ni k1 0.2 =", "is no option of catalyst; write it as in"),
        ("solvent by streams: THF = thf, MeCN", "'MeCN' is no option of solvent; write it as in"),
        ("solvent by streams: THF = thf, MeCN = thf", "THF and MeCN are both 'thf'"),
        ("solvent by streams: THF = thf, MeCN = feed", "what is in thf, feed differs"),
        ("thf by streams: THF = thf, MeCN = mecn", "there is a stream thf as well"),
        ("temperature by streams: THF = thf, MeCN = mecn", "temperature is a word of the rig's"),
        ("Solvent by streams: THF = thf, MeCN = mecn", "choice = 'Solvent'"),
    ],
)
def test_a_choice_that_the_rig_could_not_make_is_refused_before_anything_is_written(
    choice, sentence, capsys
):
    assert main(arguments(*RIG, **CHOICES | {"choice": [choice]})) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("unit", ["mAU", "AU", "V", "mV", "counts"])
def test_a_method_alone_is_of_any_unit(unit, capsys):
    peaks = [w for text in ("acid 0.5 min", "amide 0.6 min") for w in ("--peak", text)]
    assert main(["new", "--method", "hplc", *peaks, "--signal", unit]) == 0
    assert "reactune integrate TRACE --method hplc.toml" in capsys.readouterr().out
    method = load_method("hplc.toml")
    assert method.unit == unit
    assert method.peaks[0].window[1] <= method.peaks[1].window[0]
    assert method.rate >= 2.5 / (60 * min(p.width for p in method.peaks))  # samples an SD


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.2, 60).map(lambda t: round(t, 2)), min_size=1, max_size=8))
def test_peaks_at_any_times_have_windows_of_their_own_and_leave_a_baseline(times):
    path = Path("hplc.toml")
    draft, kept = RigDraft(None, None, path), []
    for i, time in enumerate(times):
        try:
            draft.answer("peak", f"P{i} {time} min")
        except ValueError as error:
            assert "elute together" in str(error)  # noqa: PT017 - which are refused is drawn
        else:
            kept.append(time)
    peaks = MethodFile.model_validate(tomllib.loads(draft.texts()[path])).peaks
    assert [peak.time for peak in peaks] == sorted(kept)
    for one, other in itertools.pairwise(peaks):
        assert one.window[1] <= other.window[0]
    for peak in peaks:
        assert 4 * peak.width < peak.window[1] - peak.window[0] < 20.1 * peak.width


def test_nothing_is_overwritten_and_nothing_left_behind(capsys):
    Path("amide.toml").write_text("mine\n")
    assert main(arguments(*RIG)) == 2
    assert "amide.toml is there already, and is not overwritten" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["amide.toml"]
    assert Path("amide.toml").read_text() == "mine\n"
    only_solvent = arguments("--rig", "r", "--reaction", "s", stream=["thf 12 M"])
    assert main(only_solvent) == 2
    assert "all of them are empty" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["amide.toml"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rig", "r.toml"], "--rig and --reaction go together"),
        (["--rig", "r", "--reaction", "r.toml"], "are files of their own"),
        (["problem.toml", "--peak", "P 1 min"], "--peak is for a rig; name it with --rig FILE"),
        ([*RIG, "--goal", "maximise P"], "--goal is for a problem, and a rig is asked for"),
        (["p.toml", *RIG], "p.toml would be a problem file; write it in a call of its own"),
        (
            ["--method", "m", "--peak", "P 1 min", "--heater", "1 to 2 degC"],
            "--heater says nothing",
        ),
        (["--method", "m", "--peak", "P 1 min", "--signal", "W"], "'W' is none of the units"),
        ([*RIG, "--signal", "V"], "--signal says nothing of these files"),
    ],
)
def test_what_does_not_go_together_is_refused(words, sentence, capsys):
    assert main(["new", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert list(Path().iterdir()) == []
