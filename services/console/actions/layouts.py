"""The layout of a list's files: read, tried on a sample, stored and removed."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any
from uuid import UUID

from services.console.actions.errors import Refused, value_refused
from services.console.actions.hotlists import MANAGE
from services.console.actions.person_client import PersonClient
from services.console.domain.layouts import LineUnread, faulty_field, layout_of

SAMPLE_BYTES = 65_536
SAMPLE_LINES = 200
"""Of a file that a layout is tried on, hotlist gets no more."""

LARGEST_FILE_BYTES = 256 * 1024 * 1024
"""Of a larger file, the console refuses to read the end."""


async def read(client: PersonClient, list_id: UUID) -> Any:
    """Return the layout of a list that has one. Raises: Refused, SignedOut."""
    return await client.request_json("hotlist", "GET", _path(list_id), with_purpose=False)


async def store(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> Any:
    """Have each file of a list read by the layout that a form describes. Raises: Refused, SignedOut, PurposeNeeded."""
    layout, path = _described(form), _path(list_id)
    stored = client.request_json("hotlist", "PUT", path, json=layout, purpose_for=MANAGE)
    return await _by_form(stored, layout)


async def remove(client: PersonClient, list_id: UUID) -> Any:
    """Have each file of a list read as our own CSV. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"{_path(list_id)}/removal"
    return await client.request_json("hotlist", "POST", path, purpose_for=MANAGE)


async def try_out(
    client: PersonClient, list_id: UUID, form: Mapping[str, str], sample: bytes
) -> Any:
    """Return how the lines of a sample would be read by the layout that a form describes.

    Raises: Refused, also for an empty sample; SignedOut, PurposeNeeded.
    """
    layout, path = _described(form), f"{_path(list_id)}/preview"
    if not sample:
        raise value_refused("choose a file whose first lines are read", "sample")
    body = {"layout": layout, "sample": b64encode(sample).decode()}
    tried = client.request_json("hotlist", "POST", path, json=body, purpose_for=MANAGE)
    return await _by_form(tried, layout)


async def first_lines(file: AsyncIterator[bytes]) -> bytes:
    """Return the first whole lines of a file, and read the rest of it, as a browser expects, without storing any.

    Raises: Refused for a file of more than `LARGEST_FILE_BYTES`.
    """
    begin, size = bytearray(), 0
    async for piece in file:
        begin += piece[: SAMPLE_BYTES - len(begin)]
        size += len(piece)
        if size > LARGEST_FILE_BYTES:
            raise value_refused(
                f"choose a file of at most {LARGEST_FILE_BYTES >> 20} MiB", "sample"
            )
    lines = bytes(begin).splitlines(keepends=True)
    return b"".join((lines[:-1] if size > len(begin) else lines)[:SAMPLE_LINES])


def _described(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the layout that a form describes. Raises: Refused."""
    try:
        return layout_of(form)
    except LineUnread as exc:
        raise value_refused(str(exc), exc.field) from None


async def _by_form(answer: Awaitable[Any], layout: Mapping[str, Any]) -> Any:
    """Return hotlist's answer. Raises: Refused naming the form's field; SignedOut, PurposeNeeded."""
    try:
        return await answer
    except Refused as exc:
        exc.field = faulty_field(exc.field, layout)
        raise


def _path(list_id: UUID) -> str:
    return f"/v1/lists/{list_id}/layout"
