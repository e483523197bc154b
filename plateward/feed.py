"""`plateward feed`: delivers the extracts of a source to their hot list, once for each run of cron."""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from plateward.answers import Changing, Response
from plateward.deliveries import Hotlist, Source, refuses_file
from plateward.inbox import Inbox, TimeInName, Waiting, zone_of
from plateward.running import FOLDER, address_of
from plateward.secret_files import FILE, line_in, token_in
from shared.service.command import DONE, FAULT, UNFINISHED, Answer, Unfinished, command


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: str
    status: int
    """The exit status that it asks for."""

    text: str
    code: str | None = None
    """The code of a refusal."""

    version: int | None = None


@command(
    "feed",
    click.Option(
        ["--inbox"],
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        required=True,
        help="The folder to which extracts come.",
    ),
    click.Option(
        ["--credential-file"], type=FILE, required=True, help="The feed's credential, alone."
    ),
    click.Option(["--url"], help="Where hotlist answers; default: the running embedded stack."),
    click.Option(
        ["--from", "source"],
        metavar="ADDRESS",
        help="First fetch the extract from here, over HTTPS.",
    ),
    click.Option(
        ["--authorization-file"], type=FILE, help="The Authorization header for --from, alone."
    ),
    click.Option(
        ["--time-in-name"],
        metavar="FORM",
        help="How names of files have the extract's time, such as svs_%Y%m%d%H%M.csv, where * stands for any "
        "characters; default: the time at which a file was last modified.",
    ),
    click.Option(
        ["--zone"], default="UTC", show_default=True, help="The IANA zone of times in names."
    ),
    click.Option(
        ["--steady-s"],
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="How long a file must be unchanged to be complete.",
    ),
    click.Option(
        ["--keep-days", "most_days"],
        type=click.FloatRange(min=0),
        default=7.0,
        show_default=True,
        help="How long files stay in `done` and `failed`.",
    ),
    click.Option(
        ["--wait-s"],
        type=click.FloatRange(min=1),
        default=600.0,
        show_default=True,
        help="How long to wait for an answer.",
    ),
    FOLDER,
)
def feed_command(
    *,
    inbox: Path,
    credential_file: Path,
    url: str | None,
    source: str | None,
    authorization_file: Path | None,
    time_in_name: str | None,
    zone: str,
    steady_s: float,
    most_days: float,
    wait_s: float,
    folder: Path,
) -> Answer:
    """Deliver each complete file of a folder to the hot list of a feed, once. Shows no plate.

    A file that was delivered goes to `done`, one that was refused to `failed`, beside the reason; one that could not be
    delivered stays for the next run. Exit status 1 if a version waits for a person, 2 if a file was not delivered.
    """
    hotlist = Hotlist(url or address_of("hotlist", folder), token_in(credential_file), wait_s)
    files = Inbox(inbox, steady_s=steady_s, most_days=most_days)
    times = None if time_in_name is None else TimeInName(time_in_name, _zone(zone))
    with files.locked():
        fetched = []
        if source is not None:
            authorization = None if authorization_file is None else line_in(authorization_file)
            fetched.append(_fetched(Source(source, authorization, wait_s), files))
        now_s = time.time()
        outcomes = list(_delivered(hotlist, files, files.waiting(now_s, times, fetched)))
        files.prune(now_s)
    text = "\n".join(f"{one.file}: {one.text}" for one in outcomes) or "no complete file waits"
    status = max((one.status for one in outcomes), default=DONE)
    return Answer(text, {"files": [asdict(one) for one in outcomes]}, status)


def _delivered(hotlist: Hotlist, files: Inbox, waiting: list[Waiting]) -> Iterator[Outcome]:
    """Deliver files one after another; end with the first that could not be delivered, since the next could not."""
    for one in waiting:
        if one.as_of is None:
            yield Outcome(
                one.printable_name, UNFINISHED, "its name is not as --time-in-name says; it stays"
            )
            continue
        try:
            response = hotlist.deliver(one.path, one.as_of)
        except Changing:
            yield Outcome(one.printable_name, DONE, "changed while it was read, and stays")
            continue
        except Unfinished as exc:
            yield Outcome(one.printable_name, UNFINISHED, f"{exc}; it stays")
            return
        now = datetime.now(UTC)
        if refuses_file(response):
            reason = files.failed(one, now, response.body)
            text = f"refused ({response.code}); the reason is in {reason.name!r}"
            yield Outcome(one.printable_name, UNFINISHED, text, response.code)
        elif response.status != HTTPStatus.OK:
            text = f"not delivered ({response.code}), and stays"
            yield Outcome(one.printable_name, UNFINISHED, text, response.code)
            return
        else:
            files.done(one, now)
            yield _stored(one, response)


def _stored(one: Waiting, response: Response) -> Outcome:
    """Return what became of a file that is a version of its list."""
    made = response.body
    state, version = made.get("state"), made.get("version")
    if state == "active":
        return Outcome(one.printable_name, DONE, f"version {version} is in force", None, version)
    if state != "draft":
        text = f"was delivered before, as version {version}, which is not in force any more"
        return Outcome(one.printable_name, DONE, text, None, version)
    why = "no version of the list was in force"
    if made.get("needs_second_word"):
        why = "it loses much of the list"
    text = f"version {version} waits for a person to put it in force: {why}"
    return Outcome(one.printable_name, FAULT, text, None, version)


def _fetched(source: Source, files: Inbox) -> str:
    """Fetch an extract into the folder, with its time; return its name. Raises: Unfinished, OSError."""
    with files.put(source.name) as opened:
        modified_s = source.fetch(opened).timestamp()
        opened.flush()
        os.utime(opened.fileno(), (modified_s, modified_s))
    return source.name


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except ValueError as exc:
        raise Unfinished(f"--zone {name}: {exc}") from None
