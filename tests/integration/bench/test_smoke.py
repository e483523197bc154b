"""The benches run and count right, at a size for seconds; these tests do not check their figures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenes import encode_jpeg, render_scene
from tests.bench import accuracy, plateless

pytestmark = pytest.mark.bench

EMBEDDED = ("--kafka", "embedded")


def smoke(name: str, repository: Path, *arguments: str) -> dict[str, object]:
    """Run a bench by the command that `make` gives; return its line."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", *arguments],
        cwd=repository,
        env={**os.environ, "SMOKE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return line


def test_the_frames_bench_counts_acknowledged_frames(repository: Path) -> None:
    line = smoke("frames", repository, *EMBEDDED)
    assert line["smoke"] is True
    assert line["acknowledged"]
    assert (line["lost"], line["refused"]) == (0, 0)
    assert {"frames_per_s", "ack_ms_p50", "ack_ms_p99", "machine"} <= set(line)


def test_the_reads_bench_counts_stored_reads(repository: Path) -> None:
    line = smoke("reads", repository, *EMBEDDED)
    assert line["smoke"] is True
    assert line["acknowledged"] == line["stored"]
    assert line["hits"]
    assert (line["lost"], line["doubled"], line["alerts_missed"]) == (0, 0, 0)
    assert {"reads_per_s", "alert_ms_p50", "alert_ms_p99", "machine"} <= set(line)


def test_the_realistic_reads_bench_counts_stored_reads_and_passes(repository: Path) -> None:
    line = smoke("life", repository, *EMBEDDED)
    assert line["smoke"] is True
    assert isinstance(line["acknowledged"], int)
    assert isinstance(line["warm_reads"], int)
    assert line["stored"] == line["acknowledged"] + line["warm_reads"]
    assert (line["lost"], line["doubled"], line["alerts_missed"]) == (0, 0, 0)
    assert line["passes_per_s"]
    assert {"reads_per_s", "cpu_us_per_read", "lag_left", "alert_ms_p99", "machine"} <= set(line)


def test_the_recognition_bench_counts_published_reads(repository: Path) -> None:
    line = smoke("recognition", repository, *EMBEDDED)
    assert line["smoke"] is True
    rounds = line["rounds"]
    assert isinstance(rounds, list)
    [engines] = rounds
    assert len(engines) == 2
    for figures in engines.values():
        assert figures["frames"] >= 1
        assert figures["reads_per_frame"] > 0
        assert figures["starved"] is False
    assert line["ratios"] == [line["ratio"]]
    assert line["ratio"]


def test_the_bench_of_the_audit_log_measures_each_search(repository: Path) -> None:
    line = smoke("audit", repository)
    assert line["smoke"] is True
    assert line["ok"] is True
    assert isinstance(line["search"], dict)
    assert {"newest", "plate", "kind, unknown"} <= line["search"].keys()
    assert {"append_per_s", "findings_per_s", "verify_s", "wal_bytes_per_entry"} <= set(line)


def test_the_purge_bench_counts_destroyed_records(repository: Path) -> None:
    line = smoke("purge", repository)
    assert line["smoke"] is True
    assert line["reads"] == line["listed"] == 3980
    assert (line["kept_under_hold"], line["left_behind"]) == (20, 40)
    assert {"us_per_read", "longest_transaction_ms", "store_ms_max", "objects_per_s"} <= set(line)


def test_the_restore_bench_loses_nothing_that_was_acknowledged_before_the_backup(
    repository: Path,
) -> None:
    line = smoke("restore", repository, *EMBEDDED)
    assert line["smoke"] is True
    assert isinstance(line["acknowledged_before"], int)
    assert line["acknowledged_before"] >= 5_000
    assert (line["lost_acknowledged_before"], line["entries_of_searches_lost"]) == (0, 0)
    assert (line["stored_before"], line["objects"], line["objects_differing"]) == (2_000, 50, 0)
    assert isinstance(line["lost_after"], int)
    assert line["lost_after"] > 0, "nothing was posted after the backup: this restore proves little"
    assert line["log_verified"] is True
    assert {"backup_s", "waited_s", "restore_s", "ready_s", "machine"} <= set(line)


def test_the_search_bench_runs_each_kind_of_search(repository: Path) -> None:
    line = smoke("search", repository)
    assert line["smoke"] is True
    kinds = ("exact", "partial", "lookalike", "canvass", "next")
    assert {f"{kind}_ms_p95" for kind in kinds} <= line.keys()
    alone = line["alone_ms_p95"]
    assert isinstance(alone, dict)
    assert all(figure > 0 for figure in alone.values()), "a kind of question had no answer"
    assert line["refused"] == {}
    assert (line["rows"], line["short_pages"]) == (20_000, 0)
    assert line["bytes_per_row"]
    at_store, designs = line["at_store_ms_p95"], line["designs"]
    assert isinstance(at_store, dict)
    assert at_store.keys() == {"exact", "partial", "lookalike", "canvass"}
    assert all(figure > 0 for figure in at_store.values())
    assert isinstance(designs, dict)
    assert designs["pg_trgm"].keys() == designs["scan"].keys()
    assert {"exact", "partial 2 middle", "partial 5 both"} <= designs["scan"].keys()
    assert designs["scan"].keys() <= designs["ours"].keys()
    assert line["answers_differing"] == 0
    stored = ("in_order_rows_per_s", "in_order_wal_per_row", "late_rows_per_s", "late_wal_per_row")
    figures = [line[key] for key in stored]
    assert all(isinstance(figure, int) and figure > 0 for figure in figures)


def test_the_video_bench_reads_a_film_and_forms_a_pass(repository: Path) -> None:
    line = smoke("video", repository, *EMBEDDED)
    assert line["smoke"] is True
    assert line["frames"] == 4
    assert line["reads"] == line["reads_right"] == 4
    assert line["passes"] == line["passes_right"] == 1


def test_the_sign_in_bench_counts_every_attempt(repository: Path) -> None:
    line = smoke("sign_in", repository, *EMBEDDED)
    assert line["smoke"] is True
    wrong, right, known = line["wrong"], line["right"], line["known"]
    assert isinstance(wrong, dict)
    assert isinstance(right, dict)
    assert isinstance(known, dict)
    assert wrong["refused"] == wrong["n"] == 160
    assert "201" not in wrong["statuses"]
    assert right["n"] == known["n"] == 8
    assert set(known["statuses"]) <= {"201", "0"}, "0: no answer in time, on a machine that is busy"
    assert {"wrong_per_s", "right_p95_ms", "known_refused", "load_average", "machine"} <= set(line)


def test_the_plateless_bench_reads_every_frame_and_reports_false_reads(
    repository: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    line = smoke("plateless", repository, "--cache", str(tmp_path), "--out", str(page))
    assert line["n"] == 6
    assert line["by_kind"] == {"rendered": {"n": 6, "false_share": line["false_share"]}}
    assert f"Reads where there is no plate: {line['false_reads']}" in page.read_text()


def test_a_folder_without_dashcam_frames_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["plateless", "--dashcam", str(tmp_path)])
    assert plateless.main() == 2
    assert "holds no boxes.csv" in capsys.readouterr().err


@pytest.fixture
def a_scene(tmp_path: Path) -> Path:
    """A folder with one rendered photo and its truth; the folder's name is hard on a shell."""
    folder = tmp_path / "an officer's photos"
    folder.mkdir()
    scene = render_scene(468, plates=["7ABC123"], condition="day")
    (folder / "a b.jpg").write_bytes(encode_jpeg(scene.frame, scene.jpeg_quality))
    x, y, w, h = scene.truth[0].box
    (folder / "truth.csv").write_text(f"file,x,y,w,h,plate\na b.jpg,{x},{y},{w},{h},7abc 123\n")
    return folder


def test_accuracy_is_measured_on_a_folder_with_a_single_scene_by_make(
    a_scene: Path, tmp_path: Path, repository: Path
) -> None:
    page = tmp_path / "page.html"
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "-o",
            ".venv/.installed",
            "bench-accuracy",
            f"PHOTOS={a_scene}",
            "N=1",
            f"OUT={page}",
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = json.loads(done.stdout.splitlines()[-1])
    assert list(line)[:8] == ["n", "exact", "folded", "le1", "no_read", "ms_p50", "ms_p95", "ece"]
    assert (line["n"], line["exact"], line["extra_reads"]) == (1, 1.0, 0)
    assert "Misses: 0" in page.read_text()


@pytest.mark.parametrize(
    ("truth", "named"),
    [
        (None, "holds no truth.csv"),
        ("file,x,y,w,h,plate\n", "names no plate"),
        ("file,x,y,w,h,plate\ngone.jpg,1,2,3,4,AB1\n", "1 files that are not there: gone.jpg"),
    ],
)
def test_a_folder_that_accuracy_cannot_be_measured_on_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truth: str | None, named: str
) -> None:
    if truth is not None:
        (tmp_path / "truth.csv").write_text(truth)
    monkeypatch.setattr(sys, "argv", ["accuracy", "--photos", str(tmp_path)])
    with pytest.raises(SystemExit, match=named):
        accuracy.main()


def test_the_bench_of_what_is_observed_counts_both_ways(repository: Path) -> None:
    line = smoke("observed", repository, "--pairs", "1", "--load-s", "3")
    us = line["us"]
    assert isinstance(us, dict)
    assert all(len(us[name]) == 1 and us[name][0] > 0 for name in ("without", "observed"))
    assert {"ratio_median", "median_us", "machine"} <= set(line)
