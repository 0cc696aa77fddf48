import re
import time
import tomllib
from importlib.resources import files

import pytest
import tomli_w

from reactune import devices
from reactune.devices.rig.flow_rig import (
    RigError,
    load,
)
from reactune.devices.rigfile import parse
from reactune.plans.compatibility import analytics_of


def text(**changes):
    source = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    for old, new in changes.values():
        assert old in source
        source = source.replace(old, new, 1)
    return source


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("diameter       = 14.57", "", r"streams\.c60\.diameter is missing: add it"),
        ("diameter ", "diametre ", r"streams\.c60\.diametre = .*did you mean 'diameter'\?"),
        (
            "diameter       = 14.57",
            "diameter = 1.457",
            r"c60.* = 10000 uL at diameter = 1\.457 mm is a syringe 600 cm long: correct one",
        ),
        ("diameter       = 14.57", "diameter = -1", r"streams\.c60\.diameter = -1 cannot be used"),
        ("limits    = [25, 150]", "limits = [150, 25]", r"heater: limits = .*give \[lower, upper"),
        ("maximum   = 165", "maximum = 100", "heater: maximum = 100 degC trips inside limits"),
        ("safe      = 25", "safe = 120", "safe = 120 degC is hot, .* lower it to 50 or less"),
        ("safe      = 25", "safe = -300", "heater.safe: -300 degC is below absolute zero: raise"),
        ("[25, 150]", "[-400, 150]", "heater.limits: -400 degC is below absolute zero: raise"),
        ("tolerance = 0.5", "tolerance = 50", "tolerance = 50 degC counts .* lower it to 5 or"),
        ("settle    = 60", "settle = 3600", "settle = 3600 s is not over within timeout"),
        ('load      = "A"', 'load = "C"', r"valve\.load = 'C' cannot be used"),
        ('transport = "valve"', 'transport = "vlave"', "valve.transport = 'vlave' is none of"),
        ("baudrate = 9600", 'url = "/dev/x"', r"transports\.heater\.url = '/dev/x' contradicts"),
        (
            "[reactor]",
            "[compounds]\nX9 = { cas = '95-50-1' }\n[reactor]",
            r"compounds\.X9 is no stream and no measured quantity: call it one of c60, sultine, X3",
        ),
        ("[reactor]", "[compounds]\nX1 = {}\n[reactor]", r"compounds\.X1.* names nothing"),
        ("address        = 1", "address = 0", "share transport 'pumps' and address 0"),
        (
            '"harvard11"',
            '"harvard12"',
            "c60.protocol: no pump that speaks 'harvard12'",
        ),
        (
            '"scpi"',
            '"vici"',
            r"detector\.protocol: .* 'vici' is known; known are scpi: n",
        ),
        ("stock          = 2.775", "stock = nan", r"streams\.c60\.stock = nan cannot be used"),
        ("window = [3.60, 4.87]", "window = [4.60, 4.87]", "does not enclose time = 4.4 min"),
        ("schema = 1", "schema = 2", r"schema = 2 cannot be used"),
        ("total_volume  = 1587", "total_volume = 100", "total_volume = 100 uL is below heated"),
        (
            "stabilisation_residence_times = 2",
            "stabilisation_residence_times = 1.5",
            "= 1.5 lets 1396.5 uL flow .* and 1587 uL lead from .* raise it to 1.8 or more",
        ),
        ("total_volume  = 1587", "total_volume = 2500", "= 2 lets 1862 uL flow .* to 2.7 or more"),
        ("[reactor]", "[reactor", "not valid TOML"),
    ],
)
def test_rig_file_errors_name_key_value_and_cure(old, new, match):
    with pytest.raises(RigError, match=match) as caught:
        parse(text(change=(old, new)), "my.toml")
    assert str(caught.value).startswith("my.toml: ")


def test_a_loop_that_is_filled_in_part_has_to_be_waited_for_too():
    long = {"volume": ("total_volume  = 1587", "total_volume = 1860")}
    assert parse(text(**long), "my.toml").reactor.total_volume == 1860
    short = {"flush": ("flush_loops   = 10", "flush_loops = 0.2")}
    with pytest.raises(RigError, match="and 1864 uL lead from the mixer to the sample"):
        parse(text(**long, **short), "my.toml")


def test_rig_file_of_hardware_needs_urls():
    source = text().split("\n[emulation]\n")[0]
    with pytest.raises(RigError, match=r"transports\.pumps\.url is missing: .*'/dev/ttyUSB0'"):
        parse(source)


@pytest.mark.parametrize(
    ("first", "second"),
    [("/dev/ttyUSB1", "/dev/ttyUSB1"), ("socket://lab:4001", "socket://LAB:4001")],
)
def test_two_transports_are_two_ports(first, second):
    source = text().split("\n[emulation]\n")[0]
    urls = {"pumps": "/dev/ttyUSB0", "heater": first, "valve": second, "detector": "COM3"}
    for name, url in urls.items():
        source = re.sub(rf"(?m)^({name} += {{)", rf"\1 url = '{url}',", source)
    told = "transports.heater and transports.valve are one port, .* correct one of the urls"
    with pytest.raises(RigError, match=told):
        parse(source)
    parse(source.replace(f"valve    = {{ url = '{second}'", "valve = { url = '/dev/ttyUSB2'"))


def test_a_rig_file_without_a_reaction_means_the_papers():
    older = "".join(line for line in text().splitlines(True) if not line.startswith("reaction "))
    assert older != text()
    assert parse(older) == load("walker")


def test_rig_file_by_name_and_path(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(text(), "utf-8")
    assert load(path) == load("walker")
    with pytest.raises(
        RigError, match="no built-in rig 'wakler'; built in: catalysts, snar, walker"
    ):
        load("wakler")
    with pytest.raises(RigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(RigError, match="UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('name = "X3"', 'name = "Y3"', "gives the peaks X0, X1, X2, X3, but .* are Y3, X2, X1, X0"),
        ("[streams.c60]", "[streams.c70]", "does not flow from the streams c70, sultine, it needs"),
        ("walker2017", "walker2018", "not known: did you mean 'walker2017'"),
        ("walker2017", "amide", r"reaction = 'amide' is not known: .* walker2017, .* \.toml file"),
        ("= {}  ", "= { Ks = 2 }  ", "Ks = 2 is no parameter of this reaction: it has ks, Es, "),
        ("= {}  ", "= { ks = 0 }  ", "kinetics of walker2017: .*ks = 0.0 must be positive"),
        ("syringe_volume = 10000", "syringe_volume = 10000\nfilled = 500", "starts full"),
    ],
)
def test_rig_files_that_cannot_be_emulated(old, new, match):
    with pytest.raises(RigError, match=match):
        devices.open_rig(parse(text(change=(old, new))))


def test_marks_and_line_ends_of_other_editors_are_no_errors(tmp_path):
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    for name, changed in (
        ("mark", "\ufeff" + text),
        ("windows", text.replace("\n", "\r\n")),
        ("both", "\ufeff" + text.replace("\n", "\r\n")),
    ):
        path = tmp_path / f"{name}.toml"
        path.write_bytes(changed.encode("utf-8"))
        assert load(path) == load("walker")
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(RigError, match="is UTF-16 text; save it as UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + 2000 * "[" + 2000 * "]", "nested too deeply"),
        ("schema = " + 5000 * "9", "has an integer of thousands of digits"),
        (
            'title = "' + 2_000_000 * "x" + '"',
            "has 2.0 MB, and never needs more than 0.1 MB",
        ),
    ],
)
def test_absurd_files_are_refused_in_a_sentence_and_soon(tmp_path, text, sentence):
    path = tmp_path / "absurd.toml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises(RigError, match=sentence) as told:
        load(path)
    assert time.process_time() - start < 1.0
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize("url", ["spy:///dev/ttyUSB0?file=/etc/hosts", "loop://", "rfc2217://x:1",
                                 "socket://host", "/tmp/x y", "ttyUSB0"])  # fmt: skip
def test_only_ports_are_ports(walker, url):
    with pytest.raises(ValueError, match="is no port: give a device path"):
        walker({"transports.heater": {"url": url}})


def test_the_detectors_limits_follow_from_lamp_and_range(walker):
    for lamp, range_ in ((0.095, 0.1), (20.0, 100.0), (10.48, 10.0)):
        method = analytics_of(walker({"chromatogram.lamp": lamp, "detector.range": range_})).method
        assert method.min_volts < 0.02 * lamp
        assert lamp < method.max_volts <= 1.2 * range_
    with pytest.raises(ValueError, match="every sample would be an overload"):
        walker({"chromatogram.lamp": 20.0})


def test_control_characters_never_reach_the_terminal(walker):
    with pytest.raises(ValueError, match="has control characters"):
        walker({"title": "a\x1b[2Jb"})


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("reactor.heated_volume", "big", "heated_volume = 'big' cannot be used: write a number"),
        ("reactor.heated_volume", True, "reactor.heated_volume: true is no number: write one"),
        ("streams.c60.stock", True, "streams.c60.stock: true is no number: write one"),
        ("streams.c60.wash", "yes", "c60.wash = 'yes' cannot be used: write true or false"),
        ("emulation.noise", 1, "noise = 1 cannot be used: write true or false"),
        ("streams.c60.limits", [False, 207], "streams.c60.limits: false is no number: write one"),
        ("emulation.kinetics", {"ks": True}, "emulation.kinetics: true is no number: write one"),
        ("chromatogram.peaks", True, "chromatogram.peaks = true cannot be used: write a list"),
        ("streams.c60.address", 1.5, "c60.address = 1.5 cannot be used: write a whole number"),
        ("streams.c60.limits", [1], "c60.limits = [1] is too short: add what comes after"),
        ("streams.c60.limits", [1, 2, 3], "write a list of no more than 2"),
        ("streams.c60.limits", ["a", 2], "limits.1 = 'a' cannot be used: write a number"),
        ("streams.c60.nonsense", 5, "delete it or correct its spelling; here may be address, dead"),
        ("streams", {}, "streams = {} cannot be used: write a list or table with at least 1 in it"),
        ("streams.c60", 3, "streams.c60 = 3 cannot be used: write a table"),
        ("streams.C 60", {}, "streams: 'C 60' cannot be used: call it a name of lower-case"),
        ("title", 5, "title = 5 cannot be used: write text in quotes"),
        ("transports.heater.timeout", 0, "timeout = 0 cannot be used: write a number above 0"),
        ("emulation.noise", "no doubt", "noise = 'no doubt' cannot be used: write true or false"),
        ("emulation.reaction", {"title": "x"}, "my.toml: emulation.reaction: steps is missing:"),
        ("chromatogram.peaks", 5, "chromatogram.peaks = 5 cannot be used: write a list"),
    ],
)  # fmt: skip
def test_nothing_is_told_in_the_words_of_programs(place, value, told):
    data = tomllib.loads(text())
    *above, last = place.split(".")
    table = data
    for key in above:
        table = table[key]
    table[last] = value
    with pytest.raises(RigError) as error:
        parse(tomli_w.dumps(data), "my.toml")
    assert told in str(error.value)
    assert all(line.startswith("my.toml: ") for line in str(error.value).splitlines())
    assert "nput should" not in str(error.value)
