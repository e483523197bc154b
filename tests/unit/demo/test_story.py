from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

from local.demo.report import write_report
from local.demo.story import (
    Alert,
    AuditProof,
    Box,
    Frame,
    Read,
    Release,
    Sent,
    Step,
    Story,
    percentile,
)
from local.demo.table import print_table
from local.demo.truth import TruePlate
from scenes import encode_jpeg, render_scene


def an_alert(plate, after_ms):
    return Alert(
        hit_id="h1", capture_id="c1", plate_read=plate, plate_listed=plate, list_name="Stolen",
        record_kind="stolen_vehicle", tier="high", status="unverified", after_ms=after_ms,
    )  # fmt: skip


@pytest.fixture
def story():
    scene = render_scene(4, plates=["7ABC123", "MESA77"], size=(640, 360))
    picture = encode_jpeg(scene.frame)
    truth = tuple(TruePlate(t.plate, t.box) for t in scene.truth)
    story = Story(datetime(2026, 3, 4, 5, 6, tzinfo=UTC), "a test", hot_list="Stolen & wanted")
    two = Sent(Frame("two.jpg", picture, "image/jpeg", truth, "day"), "c1", "Main St", 12.0)
    two.reads += [
        Read("r1", "c1", "7ABC123", 0.97, Box(*truth[0].box), picture),
        Read("r2", "c1", "MESA71", 0.61, Box(*truth[1].box)),
    ]
    two.alerts.append(an_alert("7ABC123", 480.04))
    story.listed = [("MESA77", "stolen_plate"), ("7ABC123", "stolen_vehicle")]
    story.sent = [
        two,
        Sent(Frame("none.jpg", b"not a picture", "image/jpeg"), "c2", "Main St", 9.0),
    ]
    return story


def test_the_summary_counts_frames_reads_and_hits(story):
    assert story.summary() == {
        "frames": 2,
        "reads": 2,
        "hits": 1,
        "alert_ms_p50": 480.0,
        "alert_ms_p95": 480.0,
        "accesses": 0,
        "audit_ok": False,
        "folded": 0.5,
    }


def test_without_truth_there_is_no_folded_figure_and_without_hits_no_times(story):
    del story.sent[0]
    line = story.summary()
    assert "folded" not in line
    assert line["alert_ms_p50"] is None


@pytest.mark.parametrize(("percent", "value"), [(50, 5.0), (95, 10.0), (100, 10.0), (1, 1.0)])
def test_percentiles_are_by_nearest_rank(percent, value):
    assert percentile([float(n) for n in range(1, 11)], percent) == value


def test_the_table_has_a_line_for_each_read_and_each_empty_frame(story):
    console = Console(width=140, record=True, file=StringIO())
    print_table(console, story)
    text = console.export_text()
    assert "7ABC123" in text
    assert "stolen vehicle (high, unverified)" in text
    assert "480" in text
    assert "no plate" in text


class Tags(HTMLParser):
    """Checks that tags close in order and that all resources are inline."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.stack, self.sources = [], []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_report_is_one_well_formed_self_contained_page(story, tmp_path):
    story.accesses = [
        Step("Det. <Quinn>", "searched", "case 1", 403, "training lapsed", "p1", "q1", entry=97)
    ]
    story.release = Release(
        "Tehama DA", "q1", "A", "B", 2, 1, 1234, "ab" * 32, "key-1", ("manifest holds",)
    )
    story.audit = AuditProof(True, 90, 40, 2, "cm9vdA==", "key-2", ("chain holds",))
    write_report(story, tmp_path / "deep" / "report.html")
    page = (tmp_path / "deep" / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.stack == []
    assert tags.sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    for words in ("7ABC123", "not read", "MESA77</span> <span class=\"alarm\">(on the hot list)", "unverified", "Det. &lt;Quinn&gt;", "403", ">97<",
                  "Stolen &amp; wanted", "manifest holds", "chain holds", "verified"):  # fmt: skip
        assert words in page
    assert "confirmed" not in page
