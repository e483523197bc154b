"""What `plateward feed` asks over HTTP: hotlist to take a file, and a source for its extract."""

import hashlib
import http.client
import os
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from plateward.answers import Response, connection_to, response_of, whole
from plateward.running import is_address
from shared.service.command import Unfinished

BLOCK_BYTES = 1 << 20
REFUSED = (
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""Statuses by which hotlist refuses the file itself: the same file is refused again."""

PASSING = ("sheet_layout_changed",)
"""Codes of such refusals that end by themselves."""


def refuses_file(response: Response) -> bool:
    """Whether the file is at fault, so that it makes no sense to send it again."""
    return response.status in REFUSED and response.code not in PASSING


class Hotlist:
    """A running hotlist, as one feed."""

    def __init__(self, url: str, credential: str, within_s: float) -> None:
        if not is_address(url):
            raise Unfinished("--url: give an address, such as https://alpr.example.gov/hotlist")
        self._url = urlsplit(url.rstrip("/"))
        self._credential = credential
        self._within_s = within_s

    def deliver(self, path: Path, as_of: datetime) -> Response:
        """Send a file. Raises: Changing; Unfinished if no answer comes; OSError for the file."""
        with whole(path) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            return self._post(file, size_bytes, as_of, sha256)

    def _post(self, file: BinaryIO, size_bytes: int, as_of: datetime, sha256: str) -> Response:
        query = urlencode({"as_of": as_of.isoformat(), "sha256": sha256})
        headers = {
            "Authorization": f"Bearer {self._credential}",
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size_bytes),
        }
        connection = connection_to(self._url, self._within_s)
        try:
            try:
                path = f"{self._url.path}/v1/deliveries?{query}"
                connection.request("POST", path, file, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # hotlist may refuse a file before its end: the answer says why
            return response_of(connection)
        except OSError as exc:
            raise Unfinished(f"hotlist gave no answer at {self._url.netloc}: {exc}") from None
        finally:
            connection.close()


class Source:
    """An address at which a source publishes its extract."""

    def __init__(self, url: str, authorization: str | None, within_s: float) -> None:
        self._url = urlsplit(url)
        local = self._url.hostname in ("localhost", "127.0.0.1", "::1")
        if not is_address(url) or not (self._url.scheme == "https" or local) or self._url.username:
            raise Unfinished(
                "--from: give an address that begins with https:// and has no password"
            )
        self._authorization = authorization
        self._within_s = within_s

    @property
    def name(self) -> str:
        """The name of the file that it gives."""
        return (
            re.sub(r"[^A-Za-z0-9._-]", "_", self._url.path.rpartition("/")[2]).lstrip(".")
            or "extract"
        )

    def fetch(self, into: BinaryIO) -> datetime:
        """Write the extract whole; return when it was last modified. Raises: Unfinished; OSError for the file."""
        headers = {} if self._authorization is None else {"Authorization": self._authorization}
        connection = connection_to(self._url, self._within_s)
        try:
            query = f"?{self._url.query}" if self._url.query else ""
            connection.request("GET", f"{self._url.path or '/'}{query}", headers=headers)
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise Unfinished(
                    f"{self._url.netloc} answered {answer.status} instead of an extract"
                )
            if answer.length is None and not answer.chunked:
                raise Unfinished(f"{self._url.netloc} does not say how long the extract is")
            while block := answer.read(BLOCK_BYTES):
                into.write(block)
            if answer.length:  # of its Content-Length: `read` does not miss what did not come
                raise Unfinished(f"{self._url.netloc} gave no whole extract")
            return self._modified(answer.headers.get("Last-Modified"))
        except (ConnectionError, TimeoutError, http.client.HTTPException) as exc:
            raise Unfinished(f"{self._url.netloc} gave no whole extract: {exc}") from None
        finally:
            connection.close()

    def _modified(self, text: str | None) -> datetime:
        """Return the time of an extract, which is never guessed: an old one would look new. Raises: Unfinished."""
        try:
            return parsedate_to_datetime(text or "").astimezone(UTC)
        except ValueError:
            raise Unfinished(
                f"{self._url.netloc} does not say when the extract was made (Last-Modified)"
            ) from None
