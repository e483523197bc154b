"""`plateward feed` against hotlist over a real socket: each complete file of a folder once, and what stays or fails."""

import asyncio
import fcntl
import json
import os
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from plateward.__main__ import status
from tests.integration.hotlist.feeds import Source, plates, rows


class Folder:
    """An inbox, and the command on it."""

    def __init__(self, folder, source, url, capsys):
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.source = source
        self.url = url
        self._credential = folder / "credential"
        self._credential.write_text(source.credential + "\n")
        self._capsys = capsys

    def put(self, name, text, *, ago=timedelta()):
        path = self.inbox / name
        path.write_text(text)
        made_s = (self.source.hotlist.clock.now() - ago).timestamp()
        os.utime(path, (made_s, made_s))
        return path

    async def run(self, *options, steady_s="0"):
        """Run the command; return its exit status and what it says."""
        words = ["feed", "--inbox", str(self.inbox), "--url", self.url, "--json"]
        words += ["--credential-file", str(self._credential), "--steady-s", steady_s]
        ended = await asyncio.to_thread(status, [*words, *options])
        said = self._capsys.readouterr()
        # What another test left in the log of this process may stand before it.
        return ended, json.loads(said.out or said.err.splitlines()[-1])

    def names(self, folder="."):
        found = (self.inbox / folder).iterdir() if (self.inbox / folder).exists() else ()
        return sorted(path.name.partition("-")[2] or path.name for path in found if path.is_file())


@pytest.fixture
async def folder(hotlist, streams, tmp_path, capsys):
    source = Source(hotlist, await hotlist.listed(*plates(4), source="state"))
    await source.issue()
    hotlist.clock.advance(hours=6)
    return Folder(tmp_path, source, streams.base_url, capsys)


async def test_the_files_of_a_folder_are_delivered_once_the_oldest_first(folder):
    folder.put("b.csv", rows(*plates(5)), ago=timedelta(hours=2))
    folder.put("a.csv", rows(*plates(6)), ago=timedelta(hours=1))
    ended, said = await folder.run()
    assert ended == 0
    assert [(one["file"], one["version"]) for one in said["files"]] == [("b.csv", 2), ("a.csv", 3)]
    assert (folder.names(), folder.names("done")) == ([], ["a.csv", "b.csv"])
    assert (await folder.source.in_force())["entries"] == 6
    folder.put("again.csv", rows(*plates(6)), ago=timedelta(hours=1))
    ended, said = await folder.run()
    assert (ended, said["files"][0]["version"]) == (0, 3)
    assert (await folder.run())[1] == {"files": []}


async def test_a_file_that_is_being_written_waits(folder):
    folder.put("fresh.csv", rows(*plates(5)))
    for name in ("new.csv.part", "new.csv.filepart", ".new.csv"):
        folder.put(name, rows(*plates(5)))
    (folder.inbox / "link.csv").symlink_to("/etc/hostname")
    assert await folder.run(steady_s="60") == (0, {"files": []})
    ended, said = await folder.run()
    assert (ended, [one["file"] for one in said["files"]]) == (0, ["fresh.csv"])
    assert len(list(folder.inbox.iterdir())) == 5, "the others and `done`"


async def test_a_file_that_is_refused_fails_with_its_reason_and_others_go_on(folder):
    folder.put("older.csv", rows(*plates(5)), ago=timedelta(days=1))
    folder.put("odd.csv", "7ABC123;stolen\n", ago=timedelta(hours=2))
    folder.put("good.csv", rows(*plates(5)))
    ended, said = await folder.run()
    assert ended == 2
    assert [(one["file"], one["code"]) for one in said["files"]] == [
        ("older.csv", "version_older"),
        ("odd.csv", "sheet_header_refused"),
        ("good.csv", None),
    ]
    assert "7ABC123" not in json.dumps(said)
    assert folder.names("failed") == [
        "odd.csv",
        "odd.csv.reason.json",
        "older.csv",
        "older.csv.reason.json",
    ]
    [reason] = (folder.inbox / "failed").glob("*older.csv.reason.json")
    assert json.loads(reason.read_text())["params"]["in_force_as_of"]


async def test_a_version_that_waits_for_a_person_ends_with_1(folder):
    folder.put("small.csv", rows(*plates(2)))
    ended, said = await folder.run()
    assert (ended, "it loses much of the list" in said["files"][0]["text"]) == (1, True)
    assert folder.names("done") == ["small.csv"]


async def test_what_became_of_each_file_is_said(folder):
    """An outcome as JSON has it: the file, its exit status, what became of it, the code of a refusal, the version."""
    hour = timedelta(hours=1)
    folder.put("good.csv", rows(*plates(5)), ago=3 * hour)
    folder.put("small.csv", rows(*plates(2)), ago=2 * hour)
    folder.put("odd.csv", "7ABC123;stolen\n", ago=hour)
    ended, said = await folder.run()
    [reason] = (folder.inbox / "failed").glob("*.reason.json")
    code, waits = "sheet_header_refused", "waits for a person to put it in force"
    assert (ended, [tuple(one.values()) for one in said["files"]]) == (
        2,
        [
            ("good.csv", 0, "version 2 is in force", None, 2),
            ("small.csv", 1, f"version 3 {waits}: it loses much of the list", None, 3),
            ("odd.csv", 2, f"refused ({code}); the reason is in {reason.name!r}", code, None),
        ],
    )
    await folder.source.path("POST", "withdrawal", json={"reason": "wrong county"})
    folder.put("again.csv", rows(*plates(5)), ago=3 * hour)
    folder.put("next.csv", rows(*plates(6)), ago=hour)
    ended, said = await folder.run()
    before = "was delivered before, as version 2, which is not in force any more"
    assert (ended, [tuple(one.values()) for one in said["files"]]) == (
        1,
        [
            ("again.csv", 0, before, None, 2),
            ("next.csv", 1, f"version 4 {waits}: no version of the list was in force", None, 4),
        ],
    )
    folder.put("late\n.csv", rows(*plates(6)))
    ended, said = await folder.run("--time-in-name", "svs_%Y%m%d.csv")
    unnamed = "its name is not as --time-in-name says; it stays"
    assert (ended, [tuple(one.values()) for one in said["files"]]) == (
        2,
        [("late?.csv", 2, unnamed, None, None)],
    )


async def test_files_stay_while_the_credential_is_refused_or_hotlist_is_away(folder):
    folder.put("a.csv", rows(*plates(5)))
    feed = folder.source.feed["feed_id"]
    await folder.source.path("POST", f"feeds/{feed}/revocation", json={"reason": "replaced"})
    ended, said = await folder.run()
    assert (ended, said["files"][0]["code"]) == (2, "feed_credential_refused")
    folder.url = "http://127.0.0.1:9"
    ended, said = await folder.run()
    assert (ended, "hotlist gave no answer" in said["files"][0]["text"]) == (2, True)
    assert folder.names() == ["a.csv"]


async def test_names_say_when_an_extract_was_made(folder):
    at = folder.source.hotlist.clock.now() - timedelta(hours=1)
    folder.put(f"svs_{at:%Y%m%d%H%M}.csv", rows(*plates(5)), ago=timedelta(days=9))
    folder.put("readme.txt", "x")
    ended, said = await folder.run("--time-in-name", "svs_%Y%m%d%H%M.csv")
    assert (ended, [one["version"] for one in said["files"]]) == (2, [2, None])
    assert folder.names() == ["readme.txt"]
    assert (await folder.source.in_force())["as_of"].startswith(f"{at:%Y-%m-%dT%H:%M}")


@contextmanager
def published(text, modified):
    """Serve an extract as a source does; yields its address and the headers of requests."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(dict(self.headers))
            self.send_response(200)
            if modified is not None:
                self.send_header("Last-Modified", format_datetime(modified, usegmt=True))
            if "unknown" not in self.path:
                missing = 9 if "cut" in self.path else 0
                self.send_header("Content-Length", str(len(text) + missing))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


async def test_an_extract_is_fetched_and_delivered_with_the_time_that_its_source_gives(
    folder, tmp_path
):
    modified = folder.source.hotlist.clock.now() - timedelta(hours=1)
    header = tmp_path / "authorization"
    header.write_text("Basic c3ZzOnNlY3JldA==\n")
    with published(rows(*plates(5)), modified) as (address, asked):
        given = ("--from", f"{address}/svs.csv", "--authorization-file", str(header))
        ended, said = await folder.run(*given, steady_s="60")
        assert (ended, said["files"][0]["version"]) == (0, 2)
        assert asked[0]["Authorization"] == "Basic c3ZzOnNlY3JldA=="
        assert (await folder.source.in_force())["as_of"] == modified.isoformat().replace(
            "+00:00", "Z"
        )
        ended, said = await folder.run(*given)
        assert (ended, said["files"][0]["version"]) == (0, 2)
        for name, why in (("cut", "gave no whole extract"), ("unknown", "does not say how long")):
            ended, said = await folder.run("--from", f"{address}/{name}.csv")
            assert (ended, why in said["errors"][0]) == (2, True)
    with published(rows(*plates(5)), None) as (address, _):
        ended, said = await folder.run("--from", f"{address}/svs.csv")
        assert (ended, "when the extract was made" in said["errors"][0]) == (2, True)
    for odd in ("http://example.gov/svs.csv", "https://a:b@example.gov/svs.csv"):
        assert (await folder.run("--from", odd))[0] == 2
    assert folder.names() == []


async def test_one_run_at_a_time_works_on_a_folder(folder):
    other = os.open(folder.inbox, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        ended, said = await folder.run()
    finally:
        os.close(other)
    assert (ended, "another run works" in said["errors"][0]) == (2, True)


async def test_files_that_were_delivered_are_deleted_in_time_and_nothing_elsewhere(
    folder, tmp_path
):
    folder.put("a.csv", rows(*plates(5)))
    await folder.run()
    assert folder.names("done") == ["a.csv"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (folder.inbox / "failed").symlink_to(elsewhere)
    await folder.run("--keep-days", "0")
    assert (folder.names("done"), (elsewhere / "kept").exists()) == ([], True)
    folder.put("odd.csv", "x\n")
    assert (await folder.run())[0] == 2
    assert list(elsewhere.iterdir()) == [elsewhere / "kept"]
