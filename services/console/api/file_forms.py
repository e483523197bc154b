"""A form with a file, forwarded as it arrives: the console stores none of it, in memory or on disk."""

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from services.console.actions.errors import Refused, value_refused
from shared.http.multipart import MultipartCallbacks

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs its input

MAX_FIELDS = 40
MAX_FIELD_BYTES = 4096
STALLED_S = 30.0
"""Longest wait for the browser's next data."""


class FileForm(MultipartCallbacks):
    """Reads a form whose last field is a file: first the fields, then the file piece by piece."""

    def __init__(self, request: Request) -> None:
        """Raises: Refused if the request has no such form."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "This form was not accepted",
                "it carries no file",
            )
        super().__init__()
        self._stream = request.stream()
        self._fields: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._name = ""
        self._text = bytearray()
        self._has_file = False
        try:
            self._parser = MultipartParser(boundary, self.callbacks())
        except FormParserError:
            raise _unread("its boundary is not valid") from None

    async def fields(self) -> dict[str, str]:
        """Return the fields before the file, stripped. Raises: Refused unless a file follows them."""
        while not self._has_file:
            if not await self._read():
                raise value_refused("choose a file", "file")
        return self._fields

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file's content. Raises: Refused if the form is cut off.

        The pieces yielded before then are an incomplete file: the receiver must not accept it as whole.
        """
        more = True
        while more:
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
            more = await self._read()
        for piece in self._pieces:
            yield piece

    async def _read(self) -> bool:
        """Read the next data. Returns False at the form's end. Raises: Refused if the end is missing."""
        try:
            async with asyncio.timeout(STALLED_S):
                piece = await anext(self._stream, None)
        except TimeoutError:
            raise _unread(f"no data arrived for {STALLED_S:g} s") from None
        except ClientDisconnect:
            raise _unread("it did not arrive whole") from None
        if piece is None:
            if not self.ended:
                raise _unread("it did not arrive whole")
            return False
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _unread("it does not parse") from None
        return True

    def field_begun(self) -> None:
        """Refuse a field after the file, and too many."""
        if self._has_file:
            raise _unread("its file is not the last field")
        if len(self._fields) >= MAX_FIELDS:
            raise _unread(f"it has more than {MAX_FIELDS} fields")

    def field_named(self, disposition: bytes) -> None:
        """Note the name of a field, and whether it is the file."""
        _, options = parse_options_header(disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")[:64]
        self._has_file = b"filename" in options

    def field_data(self, data: bytes) -> None:
        """Pass on a piece of the file, or add to a field, whose length is limited."""
        if self._has_file:
            self._pieces.append(data)
            return
        self._text += data
        if len(self._text) > MAX_FIELD_BYTES:
            raise _unread(f"a field has more than {MAX_FIELD_BYTES} bytes")

    def field_ended(self) -> None:
        """Store a complete field, stripped."""
        if not self._has_file:
            self._fields[self._name] = self._text.decode("utf-8", "replace").strip()
        self._text.clear()


def _unread(why: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "This form was not accepted", why)
