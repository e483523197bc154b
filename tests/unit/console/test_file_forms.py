"""A form with a file, as it arrives piece by piece from a browser."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request

from services.console.actions.errors import Refused
from services.console.api import file_forms
from services.console.api.file_forms import MAX_FIELD_BYTES, MAX_FIELDS, FileForm

pytestmark = pytest.mark.clause("468.4(c)/upload")

END = b"--x--\r\n"


def field(name: str, text: str) -> bytes:
    """Return a field as a browser sends it."""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()


def file(text: str) -> bytes:
    """Return a file as a browser sends it."""
    return field('file"; filename="list.csv', text)


class Stalls:
    """A browser that sends no more, and stays."""


class Leaves:
    """A browser that goes away."""


def form_of(*arriving: bytes | type[Stalls | Leaves], kind: str = "") -> FileForm:
    """Return the form that arrives in these pieces."""
    waiting = list(arriving)

    async def receive() -> dict[str, object]:
        if not waiting:
            return {"type": "http.request", "body": b"", "more_body": False}
        piece = waiting.pop(0)
        if piece is Stalls:
            await asyncio.sleep(60)
        if piece is Leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": True}

    given = (kind or "multipart/form-data; boundary=x").encode()
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", given)]}
    return FileForm(Request(scope, receive))


async def read(form: FileForm) -> tuple[dict[str, str], bytes]:
    """Return the fields and the whole file."""
    return await form.fields(), b"".join([piece async for piece in form.pieces()])


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_fields_and_file_arrive_whole_however_they_are_cut(size: int) -> None:
    body = field("as_of", " 2026-06-01 ") + file("plate\r\n7ABC123\r\n") + END
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert await read(form_of(*pieces)) == ({"as_of": "2026-06-01"}, b"plate\r\n7ABC123\r\n")


WHOLE = file("plate\r\n7ABC123")


@pytest.mark.parametrize(
    ("arriving", "why"),
    [
        ([WHOLE], "did not arrive whole"),
        ([WHOLE, Leaves], "did not arrive whole"),
        ([WHOLE[:-9], Leaves], "did not arrive whole"),
        ([WHOLE, Stalls], "no data arrived for 0.01 s"),
        ([WHOLE, field("activate", "yes"), END], "its file is not the last field"),
        ([WHOLE, file("another"), END], "its file is not the last field"),
        ([b"no form"], "it does not parse"),
        ([field("n", "v"), END], "choose a file"),
        ([*(field(f"n{n}", "v") for n in range(MAX_FIELDS)), WHOLE, END], "more than 40 fields"),
        ([field("n", "v" * (MAX_FIELD_BYTES + 1)), WHOLE, END], "more than 4096 bytes"),
    ],
)
async def test_another_form_is_refused(
    arriving: Sequence[bytes | type[Stalls | Leaves]], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_forms, "STALLED_S", 0.01)
    with pytest.raises(Refused) as refused:
        await read(form_of(*arriving))
    assert why in refused.value.detail


async def test_as_many_fields_and_as_long_a_one_as_the_form_has_are_taken() -> None:
    fields = [field(f"n{n}", "v" * MAX_FIELD_BYTES) for n in range(MAX_FIELDS - 1)]
    found, content = await read(form_of(*fields, WHOLE, END))
    assert (len(found), len(found["n0"])) == (MAX_FIELDS - 1, MAX_FIELD_BYTES)
    assert content == b"plate\r\n7ABC123"


@pytest.mark.parametrize("kind", ["text/csv", "multipart/form-data", "application/json"])
async def test_what_carries_no_file_is_no_such_form(kind: str) -> None:
    with pytest.raises(Refused, match="not accepted") as refused:
        form_of(kind=kind)
    assert refused.value.status == 415
