"""`plateward pictures` against ingest over a real socket: each picture of a folder once, and what stays or fails."""

import asyncio
import fcntl
import json
import logging
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from zoneinfo import ZoneInfo

import pytest

from plateward import pictures
from plateward.__main__ import status
from plateward.picture_posts import Ingest
from shared.events import Place
from shared.testing import eventually
from tests.integration.ingest.frames import FRAME
from tests.integration.serving import on_a_socket
from tests.unit.ingest import pictures as p

DAYS = timedelta(days=1)


class Uploads:
    """Folders to which cameras upload, and the command on them."""

    def __init__(self, folder, station, url, capsys):
        self.folder = folder
        self.station = station
        self.file = folder / "cameras.toml"
        self._url = url
        self._capsys = capsys

    async def camera(self, name, more="", **fields):
        """Register a camera with a folder of its own; return its device id."""
        answer = await self.station.register(name, **fields)
        (self.folder / name).mkdir()
        self.credential(name, answer["credential"])
        with self.file.open("a") as file:
            file.write(
                f'[cameras.{name}]\nfolder = "{name}"\ncredential_file = "{name}.key"\n{more}\n'
            )
        return answer["device"]["device_id"]

    def credential(self, name, text):
        (self.folder / f"{name}.key").write_text(text + "\n")

    def put(self, path, data=FRAME, *, ago=timedelta()):
        """Upload a picture, made some time before the clock of ingest; return its path."""
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(data)
        made_s = (self.station.clock.now() - ago).timestamp()
        os.utime(whole, (made_s, made_s))
        return whole

    async def run(self, *options, steady_s="0"):
        """Post what waits; return the exit status and what is said of each camera."""
        words = ["pictures", str(self.address()), "--once", "--json", "--steady-s", steady_s]
        ended = await asyncio.to_thread(status, [*words, *options])
        said = self._capsys.readouterr()
        if not said.out:
            return ended, json.loads(said.err.splitlines()[-1])
        return ended, {one.pop("camera"): one for one in json.loads(said.out)["cameras"]}

    def address(self, url=None):
        """Write the address into the file, before its cameras; return the file."""
        cameras = re.sub(r"^url = .*\n", "", self.file.read_text())
        self.file.write_text(f'url = "{url or self._url}"\n{cameras}')
        return self.file

    def names(self, folder):
        return sorted(
            path.name.partition("-")[2] or path.name
            for path in (self.folder / folder).iterdir()
            if path.is_file()
        )


@pytest.fixture
async def uploads(station, tmp_path, capsys, monkeypatch):
    # It would have the log of this process go elsewhere.
    monkeypatch.setattr(pictures, "configure_logging", lambda: None)
    async with on_a_socket(station.app) as url:
        yield Uploads(tmp_path, station, url, capsys)


def counts(posted=0, refused=0, waiting=0, unnamed=0, unreadable=0, unplaced=0, trouble=None):
    return {
        "posted": posted,
        "refused": refused,
        "waiting": waiting,
        "unnamed": unnamed,
        "unreadable": unreadable,
        "unplaced": unplaced,
        "trouble": trouble,
    }


async def test_pictures_are_posted_once_each_as_its_camera_with_its_time(uploads):
    north, south = await uploads.camera("north"), await uploads.camera("south")
    uploads.put("north/2026/06/b.JPG", p.jpeg(quality=80), ago=timedelta(hours=2))
    uploads.put("north/a.jpeg", ago=timedelta(hours=1))
    uploads.put("south/a.jpg", ago=timedelta(minutes=1))
    assert await uploads.run() == (0, {"north": counts(posted=2), "south": counts(posted=1)})
    now = uploads.station.clock.now()
    assert sorted(
        (str(one.device_id), now - one.captured_at) for one in uploads.station.captures
    ) == (
        sorted(
            [
                (north, timedelta(hours=2)),
                (north, timedelta(hours=1)),
                (south, timedelta(minutes=1)),
            ]
        )
    )
    assert {one.time_source for one in uploads.station.captures} == {"device"}
    assert list(uploads.folder.rglob("*.jp*g")) + uploads.names("north") == []
    assert await uploads.run() == (0, {"north": counts(), "south": counts()})


async def test_the_oldest_late_picture_is_first(uploads):
    await uploads.camera("north")
    for hours in (5, 9, 7):
        uploads.put(f"north/{hours}.jpg", p.jpeg(quality=90 - hours), ago=timedelta(hours=hours))
    await uploads.run()
    now = uploads.station.clock.now()
    assert [now - one.captured_at for one in uploads.station.captures] == [
        timedelta(hours=hours) for hours in (9, 7, 5)
    ]


async def test_what_is_no_complete_picture_is_left_alone(uploads, tmp_path):
    await uploads.camera("north")
    uploads.put("north/fresh.jpg")
    for name in (".a.jpg", "a.jpg.part", "a.jpg.tmp", "a.txt", "a.mp4", ".hidden/a.jpg"):
        uploads.put(f"north/{name}")
    (tmp_path / "elsewhere").mkdir()
    uploads.put("elsewhere/a.jpg")
    (uploads.folder / "north" / "link.jpg").symlink_to("/etc/hostname")
    (uploads.folder / "north" / "linked").symlink_to(tmp_path / "elsewhere")
    assert await uploads.run(steady_s="60") == (0, {"north": counts()})
    assert await uploads.run() == (0, {"north": counts(posted=1)})
    assert len(uploads.station.captures) == 1
    assert uploads.names("elsewhere") == ["a.jpg"]


async def test_names_say_when_a_picture_was_taken(uploads):
    form = 'time_in_name = "*_%Y%m%d%H%M%S%f*.jpg"\nzone = "America/Los_Angeles"'
    await uploads.camera("north", form)
    at = uploads.station.clock.now().replace(microsecond=250_000) - timedelta(hours=3)
    local = at.astimezone(ZoneInfo("America/Los_Angeles"))
    uploads.put(f"north/gate_1_{local:%Y%m%d%H%M%S}250_7ABC123.jpg", ago=DAYS)
    unnamed = uploads.put("north/gate_1.jpg")
    assert await uploads.run() == (2, {"north": counts(posted=1, waiting=1, unnamed=1)})
    assert [one.captured_at for one in uploads.station.captures] == [at]
    assert unnamed.exists()


async def test_a_refused_picture_lies_in_failed_beside_the_reason_and_others_go_on(uploads, caplog):
    caplog.set_level(logging.INFO)
    await uploads.camera("north")
    uploads.put("north/7ABC123_1.jpg", b"no picture", ago=timedelta(hours=3))
    uploads.put("north/7ABC123_2.jpg", ago=timedelta(days=9000))
    uploads.put("north/7ABC123_3.jpg", ago=timedelta(hours=1))
    ended, said = await uploads.run()
    assert (ended, said) == (2, {"north": counts(posted=1, refused=2)})
    assert uploads.names("north/failed") == [
        "7ABC123_1.jpg",
        "7ABC123_1.jpg.reason.json",
        "7ABC123_2.jpg",
        "7ABC123_2.jpg.reason.json",
    ]
    reasons = [
        json.loads(path.read_text())["code"]
        for path in sorted((uploads.folder / "north" / "failed").glob("*.json"))
    ]
    assert sorted(reasons) == ["captured_at_too_old", "image_kind_unknown"]
    assert "a picture was refused (image_kind_unknown)" in caplog.text
    assert "7ABC123" not in caplog.text + json.dumps(said), "names of files may have plates"
    assert await uploads.run() == (0, {"north": counts()})
    assert await uploads.run("--keep-days", "0") == (0, {"north": counts()})
    assert uploads.names("north/failed") == []


async def test_a_picture_that_may_still_be_arriving_waits(uploads, monkeypatch):
    await uploads.camera("north")
    uploads.put("north/a.jpg", FRAME[:-200])
    assert await uploads.run() == (2, {"north": counts(waiting=1)})
    uploads.put("north/a.jpg")
    assert await uploads.run() == (0, {"north": counts(posted=1)})
    uploads.put("north/b.jpg", FRAME[:-200])
    monkeypatch.setattr("plateward.picture_posts.BROKEN_FOR_S", 0.0)
    assert await uploads.run() == (2, {"north": counts(refused=1)})


async def test_pictures_wait_while_the_credential_is_refused_and_go_with_another(uploads):
    device = await uploads.camera("north")
    right = (uploads.folder / "north.key").read_text().strip()
    uploads.put("north/a.jpg")
    uploads.credential("north", f"{device}.wrong")
    ended, said = await uploads.run()
    why = "the camera's credential is refused (device_credential_unknown)"
    assert (ended, said) == (2, {"north": counts(waiting=1, trouble=why)})
    uploads.credential("north", "two words")
    ended, said = await uploads.run()
    assert (ended, "a token alone, on one line" in said["north"]["trouble"]) == (2, True)
    assert "two words" not in said["north"]["trouble"]
    (uploads.folder / "north.key").unlink()
    ended, said = await uploads.run()
    assert (ended, said["north"]["trouble"]) == (
        2,
        f"{uploads.folder / 'north.key'}: No such file or directory",
    )
    assert uploads.station.stored_nothing()
    uploads.credential("north", right)
    assert await uploads.run() == (0, {"north": counts(posted=1)})


async def test_pictures_wait_while_ingest_is_away_or_stores_nothing(uploads, monkeypatch):
    await uploads.camera("north")
    path = uploads.put("north/a.jpg")
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_url", "http://127.0.0.1:9")
        ended, said = await uploads.run()
    assert (ended, said["north"]["waiting"]) == (2, 1)
    assert "no answer at 127.0.0.1:9" in said["north"]["trouble"]
    uploads.station.objects.down = True
    ended, said = await uploads.run()
    assert (ended, said["north"]["waiting"], path.exists()) == (2, 1, True)
    uploads.station.objects.down = False
    assert await uploads.run() == (0, {"north": counts(posted=1)})


async def test_the_rate_of_a_camera_slows_and_refuses_none(uploads):
    await uploads.camera("north", frames_per_s=1)
    for number in range(11):  # ten seconds' worth may come at once
        uploads.put(f"north/{number}.jpg", p.jpeg(quality=80 + number))
    began = asyncio.get_running_loop().time()
    assert await uploads.run() == (0, {"north": counts(posted=11)})
    assert asyncio.get_running_loop().time() - began > 0.5
    assert len(uploads.station.captures) == 11


async def test_one_run_at_a_time_works_on_a_folder_and_others_go_on(uploads):
    await uploads.camera("north")
    await uploads.camera("south")
    uploads.put("north/a.jpg")
    uploads.put("south/a.jpg")
    other = os.open(uploads.folder / "north", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        ended, said = await uploads.run()
    finally:
        os.close(other)
    assert (ended, said["south"]) == (2, counts(posted=1))
    assert "another run works on this folder" in said["north"]["trouble"]


async def test_empty_folders_of_past_days_are_deleted(uploads):
    await uploads.camera("north")
    uploads.put("north/2026/06/01/a.jpg")
    uploads.put("north/2026/06/02/notes.txt")
    (uploads.folder / "north" / "failed").mkdir()
    await uploads.run()
    past_s = (datetime.now(UTC) - 2 * DAYS).timestamp()
    for path in (*(uploads.folder / "north").rglob("*"), uploads.folder / "north"):
        os.utime(path, (past_s, past_s))
    (uploads.folder / "north" / "2026" / "06" / "03").mkdir()
    await uploads.run()
    days = (uploads.folder / "north" / "2026" / "06").iterdir()
    assert sorted(path.name for path in days) == ["02", "03"]
    assert (uploads.folder / "north" / "failed").is_dir()


async def test_it_posts_pictures_as_they_come_until_it_is_stopped(uploads):
    await uploads.camera("north")
    command = [sys.executable, "-m", "plateward", "pictures", str(uploads.address())]
    process = await asyncio.create_subprocess_exec(
        *command, "--json", "--steady-s", "0.1", stdout=asyncio.subprocess.PIPE
    )
    try:
        for number in range(2):
            path = uploads.put(f"north/{number}.jpg", p.jpeg(quality=80 + number))
            await eventually(lambda path=path: not path.exists(), within_s=30)
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert json.loads(said) == {"cameras": [{"camera": "north", **counts(posted=2)}]}
    assert len(uploads.station.captures) == 2


class Gps:
    """Stands in for gpsd: reports a vehicle that drives east, ten times a second."""

    def __init__(self):
        self.asked = b""
        self.reports = 0

    async def serve(self, reader, writer):
        writer.write(b'{"class":"VERSION","release":"3.25","proto_major":3,"proto_minor":15}\n')
        self.asked = await reader.readline()
        writer.write(b'{"class":"SKY","satellites":[{"PRN":5,"used":true}]}\n')
        while True:
            now = datetime.now(UTC)
            report = {"class": "TPV", "mode": 3, "time": now.isoformat(), "lat": 39.93}
            report |= {"lon": -122.18, "track": 90.0, "speed": 11.0}
            writer.write(json.dumps(report).encode() + b"\n")
            self.reports += 1
            await asyncio.sleep(0.1)


async def test_pictures_of_a_vehicle_are_posted_with_the_place_that_gpsd_reports(uploads):
    gps = Gps()
    server = await asyncio.start_server(gps.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = uploads.station.clock

    def set_clock():
        clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())

    set_clock()
    await uploads.station.running.secrets.load()
    await uploads.camera("hood", "faces_deg = 315", kind="vehicle", place=None)
    await uploads.camera("gate")
    uploads.file.write_text(f'gpsd = "127.0.0.1:{port}"\n{uploads.file.read_text()}')
    command = [sys.executable, "-m", "plateward", "pictures", str(uploads.address())]
    process = await asyncio.create_subprocess_exec(
        *command, "--json", "--steady-s", "0.1", stdout=asyncio.subprocess.PIPE
    )
    try:
        await eventually(lambda: gps.reports > 5, within_s=30)
        set_clock()
        for path in (uploads.put("hood/a.jpg"), uploads.put("gate/b.jpg", p.jpeg(quality=81))):
            await eventually(lambda path=path: not path.exists(), within_s=30)
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        server.close()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert gps.asked == b'?WATCH={"enable":true,"json":true};\n'
    assert process.returncode == 0
    hood, gate = json.loads(said)["cameras"]
    assert (hood, gate) == (
        {"camera": "hood", **counts(posted=1)},
        {"camera": "gate", **counts(posted=1)},
    )
    places = {one.device_name: one.place for one in uploads.station.captures}
    assert places["hood"] == Place(39.93, -122.18, 45.0)
    assert places["gate"] != places["hood"], "a fixed camera is where it is registered"


def test_a_connection_that_was_closed_meanwhile_is_opened_again(tmp_path):
    """Ingest closes a connection that was idle; the picture after that is not lost and is no trouble."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path.partition("?")[0], self.client_address))
            self.send_response(202)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            self.close_connection = len(requests) == 2

        def log_message(self, *_):
            """Log nothing."""

    path = tmp_path / "a.jpg"
    path.write_bytes(FRAME)
    (tmp_path / "key").write_text("id.secret")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        ingest = Ingest(f"http://127.0.0.1:{server.server_port}/ingest", tmp_path / "key", 5)
        try:
            for _ in range(3):
                assert ingest.post(path, datetime.now(UTC), {}).status == 202
        finally:
            ingest.close()
            server.shutdown()
            thread.join()
    assert [one[0] for one in requests] == ["/ingest/v1/captures"] * 3
    first, second, third = (one[1] for one in requests)
    assert first == second != third


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "missing required field `cameras`"),
        ("[cameras]", "it names no camera"),
        ("cameras = ", "Invalid value"),
        ('[cameras.a]\nfolder = "a"', "missing required field `credential_file`"),
        ('[cameras.a]\nfolder = "a"\ncredential_file = "k"\nwait = 1', "unknown field `wait`"),
        ('[cameras.a]\nfolder = "none"\ncredential_file = "k"', "none is no folder"),
        ('[cameras.a]\nfolder = 3\ncredential_file = "k"', "give a path as text"),
        ('url = "ftp://x"\n[cameras.a]\nfolder = "a"\ncredential_file = "k"', "url: give an"),
        (
            '[cameras.a]\nfolder = "a"\ncredential_file = "k"\n'
            '[cameras.b]\nfolder = "a/below"\ncredential_file = "k"',
            "the folder of b lies in that of a",
        ),
        *(
            (
                f'[cameras.a]\nfolder = "a"\ncredential_file = "k"\ntime_in_name = "{form}"',
                "time_in_name: give %Y",
            )
            for form in ("*.jpg", "%H%M.jpg", "%Y%m%d.jpg", "%Y%m%d%H%q", "%Y%m%d%H%H", "%Y%H%")
        ),
        *(
            (
                f'gpsd = "{address}"\n[cameras.a]\nfolder = "a"\ncredential_file = "k"\nfaces_deg = 0',
                "gpsd: give host and port, such as 127.0.0.1:2947",
            )
            for address in (
                "localhost",
                ":2947",
                "localhost:none",
                "localhost:2947/x",
                "localhost:99999",
            )
        ),
        (
            '[cameras.a]\nfolder = "a"\ncredential_file = "k"\nfaces_deg = 0',
            "a: faces_deg needs gpsd",
        ),
        (
            'gpsd = "localhost:2947"\n[cameras.a]\nfolder = "a"\ncredential_file = "k"',
            "gpsd: give faces_deg of the cameras in the vehicle",
        ),
        *(
            (
                'gpsd = "localhost:2947"\n[cameras.a]\nfolder = "a"\ncredential_file = "k"\n'
                f"faces_deg = {degrees}",
                "faces_deg: give degrees",
            )
            for degrees in (-1, 360)
        ),
        (
            '[cameras.a]\nfolder = "a"\ncredential_file = "k"\ntime_in_name = "%Y%m%d%H"\nzone = "PT"',
            "zone: give a name",
        ),
    ],
)
def test_a_fault_of_the_file_is_named(content, said, tmp_path, capsys):
    (tmp_path / "a" / "below").mkdir(parents=True)
    (tmp_path / "cameras.toml").write_text(content)
    assert status(["pictures", str(tmp_path / "cameras.toml"), "--once"]) == 2
    assert said in capsys.readouterr().err
