from importlib.resources import files

import pytest
import tomli_w

from reactune.devices.methodfile import MethodError, load_method
from reactune.devices.rigfile import RigError, RigFile, load, parse
from reactune.plans.compatibility import analytics_of
from reactune.plans.hplc_method import method_of
from tests.analysis.analytics.hplc.test_published_traces import PUBLISHED

PEAK = {"name": "P", "time": 5.0, "window": [4, 6], "width": 0.1, "tail": 0.01, "response": 1.0}
SMALL = {"unit": "mAU", "peaks": [PEAK], "start": 1.0}


def written(path, **changes):
    path.write_text(tomli_w.dumps({k: v for k, v in (SMALL | changes).items() if v is not None}))
    return path


def test_the_shipped_method_says_what_the_code_can():
    method = method_of(load_method("walker"))
    assert [(p.name, len(p.shapes)) for p in method.peaks] == [
        (p.name, len(p.shapes)) for p in PUBLISHED.peaks
    ]
    assert method.others == PUBLISHED.others
    assert method.solvent_front[1] == PUBLISHED.solvent_front[1]
    assert all(p.response_sd > 0 for p in method.peaks if p.name != "X2")


def test_a_rig_files_table_is_a_method_and_a_rig_file_may_name_one(tmp_path):
    shipped = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    (tmp_path / "whole.toml").write_text(shipped)
    stated = load("walker").chromatogram
    assert load_method(tmp_path / "whole.toml").model_dump() == stated.model_dump()
    head, rest = shipped.split("[chromatogram]")
    table, tail = rest.split("[emulation]")
    lines = table.splitlines(True)[1:]
    own = "".join(line for line in lines if line.startswith(("duration", "lamp")))
    theirs = "".join(line for line in lines if not line.startswith(("duration", "lamp")))
    (tmp_path / "m.toml").write_text(theirs)
    rig = tmp_path / "rig.toml"
    rig.write_text(f'{head}[chromatogram]\nmethod = "m.toml"\n{own}\n[emulation]{tail}')
    assert load(rig) == load("walker")  # relative to the rig file
    assert load_method(rig).model_dump() == stated.model_dump()
    assert RigFile.model_validate(load(rig).model_dump(by_alias=True)) == load(rig)
    (tmp_path / "m.toml").write_text(f"lamp = 9\n{theirs}")
    with pytest.raises(RigError, match=r"lamp is stated here and in m\.toml: delete one"):
        load(rig)
    (tmp_path / "m.toml").write_text(theirs.replace("width = 0.16", "width = -1"))
    with pytest.raises(RigError, match=r"m\.toml: peaks\.1\.width = -1 cannot be used"):
        load(rig)


def test_limits_of_a_rig_reach_its_method():
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    text = text.replace("lamp          =", "max_shift = 0.1\ntolerance = 0.05\nstart = 2\nlamp =")
    method = analytics_of(parse(text)).method
    assert (method.max_shift, method.tolerance) == (0.1, 0.05)
    assert method.solvent_front == (2, 2)  # before the solvent front, even


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"unit": "mA"}, r"m\.toml: unit = 'mA' cannot be used"),
        ({"unit": "counts"}, "per_au is missing: .* how many counts are one absorbance unit"),
        ({"per_au": 1000}, "per_au: one AU is known in mAU; delete it"),
        ({"unit": "V"}, r"lamp is missing: give the signal through pure eluent \[V\]"),
        ({"start": 4.5}, "window of 'P' opens at 4 min, but nothing is evaluated before 4.5 min"),
        ({"peaks": [PEAK, PEAK]}, "give each its own"),
        ({"others": [{**PEAK, "name": "x"}]}, r"others\.1\.response = 1.0 is no key of a method"),
        ({"peaks": [{**PEAK, "tail": 0}]}, r"peaks\.1\.tail = 0 cannot be used"),
        ({"peaks": [{**PEAK, "widht": 1}]}, r"peaks\.1\.widht = .* did you mean 'width'\?"),
        ({"peaks": [{**PEAK, "window": [6, 7]}]}, r"peaks\.1: window = .* does not enclose"),
        ({"standard": {"peak": "S"}}, "standard.peak = 'S' is none of the peaks P"),
        ({"standard": {"peak": "P"}}, "there is only the standard"),
        ({"peaks": None}, "peaks is missing: add it"),
    ],
)
def test_errors_name_key_value_and_cure(tmp_path, changes, match):
    with pytest.raises(MethodError, match=match):
        load_method(written(tmp_path / "m.toml", **changes))


def test_methods_that_are_not_there(tmp_path):
    with pytest.raises(MethodError, match="no built-in method 'wakler'; built in: walker"):
        load_method("wakler")
    with pytest.raises(MethodError, match=r"method file .*none\.toml cannot be read"):
        load_method(tmp_path / "none.toml")
