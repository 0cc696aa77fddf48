import re
import struct
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reactune.analysis.report.figures import has_traces
from reactune.analysis.report.html import write_html, write_png
from reactune.analysis.report.summary import summarise
from reactune.analysis.report.table import Campaign
from tests.analysis.report.fake_run import FakeRun, cases, fake_run

pytestmark = pytest.mark.usefixtures("drawn")

CASES = cases()
VOID = {"meta"}


@pytest.fixture(params=CASES, ids=str)
def run(request: pytest.FixtureRequest) -> FakeRun:
    return CASES[request.param]


class Page(HTMLParser):
    """Checks that tags nest, and collects what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.open = html, []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def page(run: FakeRun, folder: Path) -> Page:
    write_html(run, folder / "report.html")
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_every_run_gives_a_sound_page(run: FakeRun, tmp_path: Path) -> None:
    found = page(run, tmp_path)
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert found.html.count("<svg ") == 2 + has_traces(Campaign.of(run))
    assert "SIMULATED" in found.words
    assert summarise(run).stop_reason in found.words
    assert run.uid in found.words
    rows = found.html[found.html.index('class="all"') :].count("<tr")
    assert rows == 1 + len(run.table("primary"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, drawn: None) -> Page:
    return page(CASES["full"], tmp_path_factory.mktemp("full"))


def test_page_asks_nothing_of_the_network(full: Page) -> None:
    assert not {"script", "link", "iframe", "img", "object", "base"} & {tag for tag, _ in full.tags}
    known = {attributes["id"] for _, attributes in full.tags if "id" in attributes}
    for _, attributes in full.tags:
        for key, value in attributes.items():
            if key in ("href", "xlink:href", "src"):
                assert value[0] == "#"
                assert value[1:] in known
    inner = re.findall(r"url\(#?([^)]*)\)", full.html)
    assert inner
    assert set(inner) <= known
    assert "@import" not in full.html


def test_answer_comes_first_both_bests_side_by_side(full: Page) -> None:
    summary, words = summarise(CASES["full"]), full.words
    a, b = summary.best_feasible, summary.best
    first = words[: words.index("What happened")]
    assert f"Best feasible experiment {a.number} Best by merit experiment {b.number}" in first
    assert f"{a.expected['X1']:.4f} \u00b1 {a.repeat_sd['X1']:.4f}" in first
    assert f"{a.measured['X1']:.4f} \u00b1 {a.measured_sds['X1']:.4f}" in first
    assert f"{a.conditions['temperature']:.1f}" in first
    assert b.violated in first


def test_without_windows_the_one_best_is_shown_once(tmp_path: Path) -> None:
    words = page(CASES["no windows"], tmp_path).words
    assert words.count("Best: experiment") == 1
    assert "feasible" not in words.split("All experiments")[0].replace("Best feasible goal", "")


def test_every_table_scrolls_by_itself_on_a_narrow_screen(full: Page) -> None:
    tags = [(tag, about.get("class")) for tag, about in full.tags]
    places = [i for i, (tag, _) in enumerate(tags) if tag == "table"]
    assert len(places) == 2
    assert all(tags[i - 1] == ("div", "wide") for i in places)


def test_what_is_measured_and_what_is_expected_is_said_of_table_and_figure(full: Page) -> None:
    assert "merit, as measured" in full.words
    assert "It may get worse: a point that turns out to have been lucky" in full.words


def test_a_goal_with_a_name_says_what_it_is(tmp_path: Path) -> None:
    goal = {"of": "60 * X3 / (X1 + X2)", "name": "waste", "unit": "g/h"}
    found = page(fake_run(6, minimise=goal), tmp_path)
    assert found.words.count("waste = 60 * X3 / (X1 + X2)") == 2  # below the title, and the problem
    assert "waste = 60 * X3 / (X1 + X2), in g/h" in found.words


def test_plus_minus_is_one_letter(tmp_path: Path) -> None:
    run = fake_run(30)
    decision = run.tables["decision"]
    inside = decision[decision.feasibility == "feasible"].sort_values("goal")
    decision.loc[29, "best_feasible"] = inside.number.iloc[1]  # the best measured is another
    words = page(run, tmp_path).words
    said = words[: words.index("Figures")]
    assert "lucky or not" in said
    assert "+/-" not in said


def test_order_and_provenance(full: Page) -> None:
    words = full.words
    titles = ["What to set", "What happened", "Figures", "The problem", "All experiments"]
    places = [words.index(title) for title in (*titles, "Provenance")]
    assert places == sorted(places)
    end = words[places[-1] :]
    for part in ("seed 3", "bluesky 1.15.1", "2026-09-21 14:13:20 UTC", "Walker 2017, emulated"):
        assert part in end


def test_everything_from_the_user_is_escaped(tmp_path: Path) -> None:
    evil = '</style><script>alert("1")</script> & $x$'
    run = fake_run(5, failed=(2,), title=evil)
    run.start["rig"]["title"] = evil
    run.start["versions"][evil] = evil
    run.stop["reason"] = evil
    run.tables["primary"]["reason"] = evil
    for column in ("why", "reason", "digest", "violated"):
        run.tables["decision"][column] = evil
    found = page(run, tmp_path)
    assert "script" not in {tag for tag, _ in found.tags}
    assert "<script" not in found.html
    assert found.words.count('alert("1")') > 10


def test_real_hardware_is_said(tmp_path: Path) -> None:
    run = fake_run(3)
    run.start["simulated"] = False
    words = page(run, tmp_path).words
    assert "REAL HARDWARE" in words
    assert "SIMULATED" not in words


def test_same_run_same_bytes_and_small(full: Page, tmp_path: Path) -> None:
    assert page(CASES["full"], tmp_path).html == full.html
    assert len(full.html.encode()) < 1_500_000


def test_png_is_one_a4_page(tmp_path: Path) -> None:
    write_png(CASES["one experiment"], tmp_path / "page.png")
    head = (tmp_path / "page.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    assert (width, height) == (1753, 1240)
