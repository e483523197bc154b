"""Posts the pictures in one camera's folder to ingest, live ones first, and bears what ingest answers."""

import http.client
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from random import SystemRandom
from threading import Event
from urllib.parse import urlencode, urlsplit

from plateward.answers import Changing, Response, connection_to, response_of, whole
from plateward.inbox import Inbox, TimeInName, Waiting
from plateward.places import Places
from plateward.secret_files import token_in
from shared.service.command import Unfinished

log = logging.getLogger(__name__)

ENDS = (".jpg", ".jpeg", ".png", ".webp")
"""Ends of the names of pictures; what else a camera uploads is not ours."""

LIVE_S = 900.0
"""A younger capture still raises a live alert, as `live_within_s` of the policy comes."""

SCAN_EVERY_S = 1.0
POST_FOR_S = 2.0
BROKEN_FOR_S = 60.0
"""For so long a picture that ends too early may still be arriving."""

PRUNE_EVERY_S = 3600.0
REPORT_EVERY_S = 600.0
MOST_BYTES = 32 << 20
"""More than any ingest accepts, which refuses it by its length."""

FIRST_WAIT_S, LAST_WAIT_S = 1.0, 60.0
MOST_RETRY_AFTER_S = 600.0
REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""Statuses by which ingest refuses the picture itself: the same picture is refused again."""

_RANDOM = SystemRandom()


class NoAnswer(Exception):
    """Ingest gave no answer."""


class Ingest:
    """A running ingest, as one camera, over one connection that stays open."""

    def __init__(self, url: str, credential_file: Path, within_s: float) -> None:
        self._url = urlsplit(url.rstrip("/"))
        self._credential_file = credential_file
        self._within_s = within_s
        self._credential: str | None = None
        self._connection: http.client.HTTPConnection | None = None

    @property
    def host(self) -> str:
        """Where it answers, for people."""
        return self._url.netloc

    def post(self, path: Path, captured_at: datetime, place: Mapping[str, str]) -> Response:
        """Send a picture, with its place if it is known.

        Raises: Changing, NoAnswer; Unfinished for the credential's file; OSError for the picture.
        """
        with whole(path) as file:
            data = file.read(MOST_BYTES)
        if self._credential is None:
            self._credential = self._read_credential()
        fields = {"captured_at": captured_at.isoformat(), **place}
        response = self._answer_to(data, fields, self._credential)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._credential = None  # the file may have another one next time
        return response

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read_credential(self) -> str:
        try:
            return token_in(self._credential_file)
        except OSError as exc:
            raise Unfinished(f"{self._credential_file}: {exc.strerror}") from None

    def _answer_to(self, data: bytes, fields: Mapping[str, str], credential: str) -> Response:
        """Send once, and once more if a connection that stayed open turns out to be closed at the other end."""
        path = f"{self._url.path}/v1/captures?{urlencode(fields)}"
        headers = {
            "Authorization": f"Bearer {credential}",
            "Content-Type": "application/octet-stream",
        }
        if self._connection is not None:
            with suppress(OSError):
                return self._sent(path, data, headers)
        try:
            return self._sent(path, data, headers)
        except OSError as exc:
            raise NoAnswer(str(exc)) from None

    def _sent(self, path: str, data: bytes, headers: Mapping[str, str]) -> Response:
        if self._connection is None:
            self._connection = connection_to(self._url, self._within_s)
        try:
            broken = False
            try:
                self._connection.request("POST", path, data, headers)
            except (BrokenPipeError, ConnectionResetError):
                broken = True  # ingest may refuse a picture before its end: the answer says why
            response = response_of(self._connection)
        except BaseException:
            self.close()
            raise
        if broken:
            self.close()
        return response


@dataclass(frozen=True)
class Postponed:
    """A picture that waits while others are posted."""

    until_s: float
    unreadable: bool
    """Whether this program may not read it; else it may still be arriving."""


@dataclass
class Counts:
    """What became of a camera's pictures."""

    camera: str
    posted: int = 0
    refused: int = 0
    waiting: int = 0
    unnamed: int = 0
    """Of those waiting: their names do not have the time where they should."""

    unreadable: int = 0
    """Of those waiting: this program may not read them."""

    unplaced: int = 0
    """Of those posted: pictures of a camera in a vehicle whose place was not known."""

    trouble: str | None = None
    """Why the others wait."""

    @property
    def is_done(self) -> bool:
        """Whether nothing waits and nothing was refused."""
        return not (self.waiting or self.refused or self.trouble)

    @property
    def sentence(self) -> str:
        """The counts for people."""
        text = (
            f"{self.camera}: {self.posted} posted, {self.refused} refused, {self.waiting} waiting"
        )
        if self.unnamed:
            text += f", {self.unnamed} of them without the time in their names"
        if self.unreadable:
            text += f", {self.unreadable} of them unreadable for this program"
        if self.unplaced:
            text += f"; {self.unplaced} were posted without a place"
        return text if self.trouble is None else f"{text}; {self.trouble}"


class Camera:
    """One camera's folder, whose pictures a thread posts."""

    def __init__(
        self,
        name: str,
        files: Inbox,
        times: TimeInName | None,
        ingest: Ingest,
        stop: Event,
        places: Places | None = None,
    ) -> None:
        """`places`: of a camera in a vehicle; without them ingest knows where the camera is."""
        self.name = name
        self.counts = Counts(name)
        self._files = files
        self._times = times
        self._ingest = ingest
        self._stop = stop
        self._places = places
        self._wait_s = FIRST_WAIT_S
        self._postponed: dict[Path, Postponed] = {}
        self._next_prune_s = 0.0
        self._next_report_s = time.monotonic() + REPORT_EVERY_S
        self._reported = 0

    def work(self, once: bool) -> None:
        """Post pictures until the signal to stop; with `once` until none waits or ingest takes none."""
        try:
            with self._files.locked():
                while not self._stop.is_set():
                    pause_s = self._turn()
                    if once and (self.counts.trouble or not self._postable()):
                        break
                    self._stop.wait(pause_s)
        except Unfinished as exc:
            self._in_trouble(str(exc))
            if not once:
                self._stop.set()  # what supervises it sees that it ended
        except Exception:  # the thread ends with it; alone, it would leave this camera's pictures unposted in silence
            self.counts.trouble = "an error of the program"
            self._stop.set()
            raise
        finally:
            self._ingest.close()

    def _postable(self) -> int:
        return self.counts.waiting - self.counts.unnamed - len(self._postponed)

    def _turn(self) -> float:
        """Post what waits, for two seconds or as long as it took to find it; return how many seconds later to go on."""
        began_s = time.monotonic()
        try:
            waiting = self._scan()
            found_s = time.monotonic()
            ends_s = found_s + max(POST_FOR_S, found_s - began_s)
            for one in waiting:
                if (pause_s := self._deal_with(one)) is not None:
                    return pause_s
                if self._stop.is_set() or time.monotonic() > ends_s:
                    return 0.0
        except OSError as exc:
            self._in_trouble(f"its folder: {exc.strerror}")
            return LAST_WAIT_S
        return SCAN_EVERY_S

    def _scan(self) -> list[Waiting]:
        """Return what can be posted now, in its order. Raises: OSError."""
        now_s = time.time()
        found = self._files.waiting(now_s, self._times)
        paths = {one.path for one in found}
        self._postponed = {
            path: one
            for path, one in self._postponed.items()
            if path in paths and one.until_s > now_s
        }
        self.counts.waiting = len(found)
        self.counts.unnamed = sum(one.as_of is None for one in found)
        self.counts.unreadable = sum(one.unreadable for one in self._postponed.values())
        self._now_and_then(now_s)
        self._note_places(found, now_s)
        postable = [one for one in found if one.as_of and one.path not in self._postponed]
        return list(in_order(postable, now_s))

    def _note_places(self, found: list[Waiting], now_s: float) -> None:
        """Note where pictures were taken, before the vehicle's way is forgotten. Raises: OSError."""
        if self._places is None:
            return
        for one in found:
            if one.path not in self._postponed and not self._places.note(one, now_s):
                self._postpone(one, SCAN_EVERY_S)

    def _deal_with(self, one: Waiting) -> float | None:
        """Post one picture; return the seconds to wait if others cannot be posted either. Raises: OSError."""
        if one.as_of is None or not one.is_unchanged():
            return None
        try:
            place = {} if self._places is None else self._places.fields_of(one)
            response = self._ingest.post(one.path, one.as_of, place)
        except (Changing, FileNotFoundError):
            return None
        except NoAnswer as exc:
            return self._fail(f"no answer at {self._ingest.host}: {exc}")
        except Unfinished as exc:  # the file of the credential
            self._in_trouble(str(exc))
            return LAST_WAIT_S
        except OSError as exc:
            self._postpone(one, LAST_WAIT_S, unreadable=str(exc.strerror))
            return None
        if response.status == HTTPStatus.ACCEPTED:
            self._files.delete(one)
            self._well()
            self.counts.posted += 1
            if self._places is not None:
                self._places.forget(one)
                self.counts.unplaced += not place
            self.counts.waiting -= 1
            return None
        if response.status in REFUSED:
            self._well()
            self._refused(one, response)
            return None
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            return min(MOST_RETRY_AFTER_S, response.retry_after_s or FIRST_WAIT_S)
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._in_trouble(f"the camera's credential is refused ({response.code})")
            return LAST_WAIT_S
        return self._fail(f"{self._ingest.host} answered {response.code}", response.retry_after_s)

    def _refused(self, one: Waiting, response: Response) -> None:
        """Put a picture aside, unless it is broken and may still be arriving. Raises: OSError."""
        if not one.is_unchanged():  # another lies there now
            return
        age_s = time.time() - one.path.lstat().st_ctime
        if response.code == "image_broken" and age_s < BROKEN_FOR_S:
            self._postpone(one, BROKEN_FOR_S - age_s)
            return
        self._files.failed(one, datetime.now(UTC), response.body)
        if self._places is not None:
            self._places.forget(one)
        self.counts.refused += 1
        self.counts.waiting -= 1
        log.warning(
            "%s: a picture was refused (%s) and lies in `failed`, beside the reason",
            self.name,
            response.code,
        )

    def _postpone(self, one: Waiting, for_s: float, unreadable: str | None = None) -> None:
        if unreadable is not None and not self.counts.unreadable:
            log.warning("%s: a picture cannot be read (%s), and waits", self.name, unreadable)
        self._postponed[one.path] = Postponed(time.time() + for_s, unreadable is not None)
        self.counts.unreadable += unreadable is not None

    def _fail(self, why: str, retry_after_s: int | None = None) -> float:
        """Note that ingest does not answer as it should; return the seconds to wait, longer each time."""
        self._in_trouble(why)
        wait_s = self._wait_s
        self._wait_s = min(LAST_WAIT_S, 2 * wait_s)
        if retry_after_s is not None:
            wait_s = max(wait_s, min(MOST_RETRY_AFTER_S, retry_after_s))
        return wait_s * _RANDOM.uniform(0.75, 1.25)  # cameras come back one after another

    def _in_trouble(self, why: str) -> None:
        if why != self.counts.trouble:
            log.warning("%s: %s; its pictures wait", self.name, why)
        self.counts.trouble = why

    def _well(self) -> None:
        self._wait_s = FIRST_WAIT_S
        if self.counts.trouble is not None:
            log.info("%s: its pictures are posted again", self.name)
            self.counts.trouble = None

    def _now_and_then(self, now_s: float) -> None:
        """Delete what was refused long ago, and log what was posted. Raises: OSError."""
        if now_s >= self._next_prune_s:
            self._files.prune(now_s)
            self._files.prune_folders(now_s)
            self._next_prune_s = now_s + PRUNE_EVERY_S
        if time.monotonic() >= self._next_report_s:
            self._next_report_s = time.monotonic() + REPORT_EVERY_S
            if self.counts.waiting or self.counts.posted + self.counts.refused > self._reported:
                log.info("%s", self.counts.sentence)
            self._reported = self.counts.posted + self.counts.refused


def in_order(waiting: list[Waiting], now_s: float) -> Iterator[Waiting]:
    """Yield live captures, then those that are too late for an alert; of each the oldest first, as they are given."""
    late = []
    for one in waiting:
        if one.as_of is not None and now_s - one.as_of.timestamp() < LIVE_S:
            yield one
        else:
            late.append(one)
    yield from late
