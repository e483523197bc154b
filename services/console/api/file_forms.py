"""A form with a file, forwarded as it arrives: the console stores none of it, in memory or on disk."""

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from services.console.actions.errors import Refused

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it logs its input

MAX_FIELDS = 40
MAX_FIELD_BYTES = 4096
STALLED_S = 30.0
"""Longest wait for the browser's next data."""


class FileForm:
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
        self._stream = request.stream()
        self._fields: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._name = ""
        self._header = bytearray()
        self._text = bytearray()
        self._disposition = b""
        self._has_file = False
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError:
            raise _unread("its boundary is not valid") from None

    async def fields(self) -> dict[str, str]:
        """Return the fields before the file, stripped. Raises: Refused unless a file follows them."""
        while not self._has_file:
            if not await self._read():
                raise Refused(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "A value is not acceptable",
                    "choose a file",
                    "file",
                )
        return self._fields

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file's content. Raises: Refused if the form is cut off.

        The pieces yielded before then are an incomplete file: the receiver must not accept it as whole.
        """
        more = True
        while more:
            taken, self._pieces = self._pieces, []
            for piece in taken:
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
            raise _unread(f"nothing arrived for {STALLED_S:g} s") from None
        except ClientDisconnect:
            raise _unread("it did not arrive whole") from None
        if piece is None:
            if not self._ended:
                raise _unread("it did not arrive whole")
            return False
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _unread("it does not parse") from None
        return True

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._text.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if self._has_file:
            raise _unread("its file is not the last field")
        if len(self._fields) >= MAX_FIELDS:
            raise _unread(f"it has more than {MAX_FIELDS} fields")
        self._disposition = b""

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._text)
        self._header.clear()
        self._text.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")[:64]
        self._has_file = b"filename" in options

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._has_file:
            self._pieces.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise _unread(f"a field has more than {MAX_FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        if not self._has_file:
            self._fields[self._name] = self._text.decode("utf-8", "replace").strip()
        self._text.clear()

    def _end(self) -> None:
        self._ended = True


def _unread(why: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "This form was not accepted", why)
