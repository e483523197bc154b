"""`plateward pictures`: posts the pictures that cameras put in folders, as they come."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread

import click

from plateward.camera_folders import CameraFolder, read_folders
from plateward.gpsd import Gpsd
from plateward.inbox import Inbox
from plateward.picture_posts import ENDS, Camera, Ingest
from plateward.places import Places
from plateward.running import FOLDER, address_of
from plateward.secret_files import FILE
from plateward.track import Track
from shared.core.logs import configure_logging
from shared.service.command import DONE, UNFINISHED, Answer, command


@command(
    "pictures",
    click.Argument(["cameras_file"], metavar="FILE", type=FILE),
    click.Option(["--once"], is_flag=True, help="Post what waits and end, as for a run of cron."),
    click.Option(
        ["--steady-s"],
        type=click.FloatRange(min=0),
        default=2.0,
        show_default=True,
        help="How long a picture must be unchanged to be complete.",
    ),
    click.Option(
        ["--keep-days", "most_days"],
        type=click.FloatRange(min=0),
        default=7.0,
        show_default=True,
        help="How long refused pictures stay in `failed`.",
    ),
    click.Option(
        ["--wait-s"],
        type=click.FloatRange(min=1),
        default=60.0,
        show_default=True,
        help="How long to wait for an answer.",
    ),
    FOLDER,
)
def pictures_command(
    *,
    cameras_file: Path,
    once: bool,
    steady_s: float,
    most_days: float,
    wait_s: float,
    folder: Path,
) -> Answer:
    """Post the pictures that come to the folders of cameras, each as its camera, until it is stopped.

    FILE names the folders (docs/cameras.md). A picture that is stored is deleted here; one that is refused goes to
    `failed`, beside the reason; the others wait. Prints no name of a file, since names may have plates.
    """
    configure_logging()
    given = read_folders(cameras_file)
    url = given.url or address_of("ingest", folder, f"url in {cameras_file}")
    stop, track = Event(), Track()

    def camera_of(name: str, one: CameraFolder) -> Camera:
        files = Inbox(one.folder, steady_s=steady_s, most_days=most_days, below=True, ends=ENDS)
        ingest = Ingest(url, one.credential_file, wait_s)
        places = None if one.faces_deg is None else Places(track, one.faces_deg)
        return Camera(name, files, one.times(), ingest, stop, places)

    cameras = [camera_of(name, one) for name, one in given.cameras.items()]
    # Threads: each waits for the disk and for answers.
    threads = [Thread(target=one.work, args=(once,), name=one.name) for one in cameras]
    with _stopped_by_signals(stop):
        if (address := given.gpsd_address()) is not None:
            Gpsd(*address, track, stop).start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = [one.counts for one in cameras]
    text = "\n".join(one.sentence for one in counts)
    ok = all(one.is_done for one in counts)
    return Answer(text, {"cameras": [asdict(one) for one in counts]}, DONE if ok else UNFINISHED)


@contextmanager
def _stopped_by_signals(stop: Event) -> Iterator[None]:
    """Set `stop` at SIGINT and SIGTERM, if this is the main thread, which alone receives them."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
