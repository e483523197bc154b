"""The process that crops pictures: it has no secrets, no network and no files, and its crash stops no other."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.retention.actions import cutter, cutting
from services.retention.actions.cutting import CutFailed, cut
from services.retention.domain.frame_cuts import PlaceUnknown, frame_cuts

PICTURE = cv2.imencode(".png", np.full((90, 160, 3), 7, np.uint8))[1].tobytes()
PARTS = frame_cuts([(40, 40, 20, 10)], [], margin_widths=1)


def a_program(tmp_path, text):
    """Return a command that runs `text` in the cutter's place."""
    path = tmp_path / "program.py"
    path.write_text(text)
    return (sys.executable, "-I", str(path))


REACHES = """
import ctypes, errno, importlib.util, json, os, socket, sys
spec = importlib.util.spec_from_file_location("cutter", {path!r})
cutter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cutter)
cutter.limit()
cutter.confine()
def tried(what):
    try:
        what()
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "done"
told = {{
    "open": tried(lambda: os.open("/etc/passwd", os.O_RDONLY)),
    "create": tried(lambda: os.open("/tmp/left-behind", os.O_CREAT | os.O_WRONLY)),
    "tcp": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)),
    "fork": tried(os.fork),
    "exec": tried(lambda: os.execv("/bin/true", ["true"])),
    "kill": tried(lambda: os.kill(os.getppid(), 0)),
    "list": tried(lambda: os.listdir("/")),
}}
os.write(1, json.dumps(told).encode())
"""


@pytest.mark.clause("wall/pictures")
def test_the_confined_process_cannot_reach_files_network_or_other_processes():
    program = REACHES.format(path=cutter.__file__)
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    told = json.loads(done.stdout)
    assert len(told) == 8
    assert set(told.values()) == {"EPERM"}


@pytest.mark.clause("wall/pictures")
async def test_the_process_is_confined_before_it_opens_a_picture(monkeypatch, tmp_path):
    """If the confinement fails, no picture is cut."""
    source = Path(cutter.__file__).read_text()
    elsewhere = source.replace("platform.machine()", '"another machine"')
    assert elsewhere != source
    with pytest.raises(CutFailed, match="cannot confine"):
        await cut(PICTURE, PARTS, command=a_program(tmp_path, elsewhere))


@pytest.mark.clause("wall/pictures")
async def test_the_cutter_gets_no_environment_and_no_open_file_of_the_service(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    kept = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(kept, True)
    program = (
        "import os, sys; sys.stdin.buffer.read()\n"
        "assert not [n for n in os.environ if n != 'LC_CTYPE'], os.environ\n"
        "assert {int(n) for n in os.listdir('/proc/self/fd')} - {3} == {0, 1, 2}\n"
        "assert os.getcwd() == '/'\n"
        f"sys.stdout.buffer.write(bytes.fromhex('{PICTURE.hex()}'))\n"
    )
    try:
        assert await cut(PICTURE, PARTS, command=a_program(tmp_path, program)) == PICTURE
    finally:
        os.close(kept)


@pytest.mark.clause("wall/pictures")
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed on it"),
        ("raise SystemExit(1)", "crashed on it"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "more time"),
        ("import time; time.sleep(60)", "more time"),
        ("import sys\nwhile True: sys.stdout.buffer.write(bytes(65536))", "more memory"),
        ("print('<svg/>')", "not a plain picture"),
        ("", "not a plain picture"),
        (
            "import sys; sys.stdin.buffer.read()\n"
            f"data = bytes.fromhex('{PICTURE.hex()}')\n"
            "sys.stdout.buffer.write(data[:33] + b'\\0\\0\\0\\4tEXtmore\\0\\0\\0\\0' + data[33:])",
            "not a plain picture",
        ),
        (
            "import sys; sys.stdin.buffer.read()\n"
            f"sys.stdout.buffer.write(bytes.fromhex('{PICTURE.hex()}') + b'more')",
            "not a plain picture",
        ),
    ],
)
async def test_every_failure_of_a_picture_cut_has_a_named_reason(tmp_path, program, reason):
    start = time.monotonic()
    with pytest.raises(CutFailed, match=reason):
        await cut(PICTURE, PARTS, timeout_s=2, command=a_program(tmp_path, program))
    assert time.monotonic() - start < 10
    assert await cut(PICTURE, PARTS)  # the next one is cut


@pytest.mark.clause("wall/pictures")
def test_memory_and_processor_time_are_bounded_and_no_file_can_grow():
    program = (
        "import importlib.util, json, resource as r\n"
        f"spec = importlib.util.spec_from_file_location('cutter', {cutter.__file__!r})\n"
        "cutter = importlib.util.module_from_spec(spec); spec.loader.exec_module(cutter)\n"
        "cutter.limit()\n"
        "print(json.dumps([r.getrlimit(x) for x in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE)]))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == [[640 * 1024**2] * 2, [20] * 2, [0] * 2]


async def test_a_picture_that_is_too_large_starts_no_process(monkeypatch):
    async def none(*_, **__):
        raise AssertionError("it was started")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none)
    with pytest.raises(CutFailed, match="more memory"):
        await cut(bytes(cutting.MAX_PICTURE_BYTES + 1), PARTS)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
async def test_each_kind_of_picture_that_cameras_send_is_cut(kind):
    pixels = np.full((90, 160, 3), 7, np.uint8)
    done = await cut(cv2.imencode(kind, pixels)[1].tobytes(), PARTS)
    after = cv2.imdecode(np.frombuffer(done, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (abs(after[20:70, 20:80].astype(int) - 7) < 4).all()
    assert (after[:20] == cutter.FILL).all()
    assert (after[:, 80:] == cutter.FILL).all()


async def test_a_picture_with_one_of_its_plates_outside_is_not_cut():
    parts = frame_cuts([(40, 40, 20, 10), (300, 300, 20, 10)], [], margin_widths=1)
    with pytest.raises(CutFailed, match="lies outside it"):
        await cut(PICTURE, parts)


def test_a_part_is_around_its_plate_and_other_plates_lie_with_a_margin_in_what_is_filled():
    parts = frame_cuts([(100, 50, 40, 20)], [(200, 50, 40, 20)], margin_widths=1.5)
    assert parts.visible == ((40, -10, 160, 140),)
    assert parts.fill == ((190, 40, 60, 40),)
    assert parts.plates == ((100, 50, 40, 20),)


@pytest.mark.parametrize(
    ("released", "others", "reason"),
    [
        ([None], [], "the plate's place"),
        ([(1, 1, 0, 5)], [], "the plate's place"),
        ([(1, 1, 5, 5)], [None], "another plate"),
        ([], [(1, 1, 5, 5)], "no released plate"),
    ],
)
def test_a_frame_with_a_plate_of_unknown_place_is_not_cut(released, others, reason):
    with pytest.raises(PlaceUnknown, match=reason):
        frame_cuts(released, others, margin_widths=2)
