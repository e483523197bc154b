"""The page of a list's layout: a form for what the API takes as JSON, and a sample read by it."""

import json
from base64 import b64decode
from typing import get_args

import pytest

from services.console.actions import layouts
from services.console.actions.layouts import SAMPLE_BYTES, SAMPLE_LINES
from services.console.domain.layouts import (
    DATES,
    DELIMITERS,
    ENCODINGS,
    FIELDS,
    form_of_layout,
    layout_of,
)
from services.hotlist.api.fields import FieldName
from services.hotlist.domain.layouts import DateForm, Delimiter, Encoding
from tests.unit.console.services import HIT, problem

LIST = HIT
HERE = f"/hotlists/{LIST}/layout"
MANAGER = ("account:self", "hotlist:read", "hotlist:manage", "purpose:declare")
DECLARED = {
    "kind": "criminal_investigation", "offence_type": "vehicle theft", "case_number": "26-001234",
    "justification": "To see how the lines of the new extract are read",
}  # fmt: skip
A_LIST = {
    "list_id": LIST, "name": "SVS", "agency_ori": "CA0520100", "source": "state", "enabled": True,
    "staleness_hours": 24, "record_kinds_off": [], "active_version": None, "entries": 0, "as_of": None,
    "activated_at": None, "stale": False, "created_at": "2026-01-01T10:00:00Z", "created_by": "Sgt. Lee",
    "has_layout": False,
}  # fmt: skip
EMPTY = {
    "name": None, "number": None, "first": None, "last": None, "constant": None, "texts": {},
}  # fmt: skip
STORED = {
    "encoding": "latin-1", "delimiter": None, "header": False, "line_characters": 40,
    "columns": [
        {**EMPTY, "field": "plate", "first": 1, "last": 10},
        {**EMPTY, "field": "state", "first": 11, "last": 12, "texts": {"NB": "US-NE", "XX": ""}},
        {**EMPTY, "field": "record_kind", "first": 13, "last": 13},
        {**EMPTY, "field": "reason", "constant": "SVS"},
    ],
    "kinds": [
        {"code": "SV", "record_kind": "stolen_vehicle", "on": True},
        {"code": "LP", "record_kind": "lost_plate", "on": False},
    ],
    "dates": "YYYYMMDD", "zone": "America/Los_Angeles",
}  # fmt: skip
TYPED = {
    "encoding": "latin-1", "line_characters": "40", "dates": "YYYYMMDD", "zone": "America/Los_Angeles",
    "place_plate": "1-10", "place_state": "11 - 12", "place_record_kind": "13", "place_reason": '"SVS"',
    "kinds": "SV = stolen_vehicle\nLP = lost_plate, left out", "texts": "state: NB = US-NE\nstate:XX=",
}  # fmt: skip
SENT = {
    **{name: STORED[name] for name in STORED if name not in ("columns", "delimiter")}, "delimiter": None,
    "columns": [
        {name: value for name, value in column.items() if value not in (None, {})}
        for column in STORED["columns"]
    ],
}  # fmt: skip
TRIED = {
    "entries": [
        {
            "line": 1, "plate": "7ABC123", "plate_listed": "7ABC123", "partial": False, "state": "US-CA",
            "record_kind": "stolen_vehicle", "reason": "SVS", "entering_ori": "CA0520100",
            "entering_reference": "26-1", "make": "TOYT", "model": None, "colour": "blue", "year": 2019,
            "caution": "Armed and dangerous", "valid_from": "2026-06-01T07:00:00Z", "expires_at": None,
        }
    ],
    "set_aside": [{"line": 2, "column": 3, "field": "state", "fault": "no such state", "content": "8XYZ"}],
    "skipped": {"lost_plate": 4},
}  # fmt: skip


@pytest.fixture
async def manager(sign_in, show):
    show(f"/lists/{LIST}", A_LIST)
    browser = await sign_in(*MANAGER)
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED)
    await browser.open(HERE)
    return browser


async def send(browser, path, file=b"", **fields):
    """Send the page's form as browsers do: without a file, its field has no name of one, and no content."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in {"form_token": browser.token(), **fields}.items()
    ]
    named = f'name="sample"; filename="{"extract.dat" if file else ""}"'
    parts += [f"--edge\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode(), file]
    browser.page = await browser.http.post(
        path,
        content=b"".join(parts) + b"\r\n--edge--\r\n",
        headers={
            "Origin": browser.origin,
            "Content-Type": "multipart/form-data; boundary=edge",
        },
    )
    return browser.page


async def test_a_layout_is_stored_as_its_form_describes_it(manager, services, show):
    assert "reads files of this list as its own CSV" in manager.said
    show(f"/lists/{LIST}/layout", STORED, method="PUT")
    answer = await send(manager, HERE, **TYPED)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/hotlists/{LIST}")
    [asked] = services.asked("PUT", "/layout")
    assert json.loads(asked.content) == SENT


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"header": "yes", "delimiter": "pipe"}, {"name": "11 - 12"}),
        ({"delimiter": "tab"}, {"number": "11 - 12"}),
        ({"delimiter": "tab", "place_state": "7"}, {"number": 7}),
        ({}, {"first": 11, "last": 12}),
        ({"place_state": "7"}, {"first": 7, "last": 7}),
        ({"place_state": "STATE"}, {"first": "STATE", "last": "STATE"}),
        ({"place_state": '"CA"'}, {"constant": "CA"}),
        ({"place_state": '"'}, {"first": '"', "last": '"'}),
    ],
)
def test_a_place_is_read_as_the_file_is_written(typed, expected):
    [state] = [
        one
        for one in layout_of({**TYPED, "texts": "", **typed})["columns"]
        if one["field"] == "state"
    ]
    assert state == {"field": "state", **expected}


async def test_a_stored_layout_is_shown_as_it_is_typed_and_stored_again_unchanged(
    sign_in, services, show
):
    show(f"/lists/{LIST}", {**A_LIST, "has_layout": True})
    show(f"/lists/{LIST}/layout", STORED)
    browser = await sign_in(*MANAGER)
    await browser.open(HERE)
    for value in (
        'value="1-10"',
        'value="13-13"',
        'value="&#34;SVS&#34;"',
        'value="America/Los_Angeles"',
    ):
        assert value in browser.page.text
    assert ">SV = stolen_vehicle\nLP = lost_plate, left out</textarea>" in browser.page.text
    assert ">state: NB = US-NE\nstate: XX = </textarea>" in browser.page.text
    assert layout_of(form_of_layout(STORED)) == SENT
    for places, delimiter, header in (
        ({"name": "LIC"}, "pipe", True),
        ({"number": 3}, "comma", False),
    ):
        columns = [{**EMPTY, "field": "plate", **places}]
        stored = {**STORED, "columns": columns, "delimiter": delimiter, "header": header}
        again = layout_of(form_of_layout({**stored, "line_characters": None}))
        assert again["columns"] == [{"field": "plate", **places}]
        assert (again["delimiter"], again["header"]) == (delimiter, header)
        assert "line_characters" not in again


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"kinds": "SV = stolen_vehicle\nLP"}, "line 2: write a code, = and its record kind"),
        ({"kinds": "= stolen_vehicle"}, "line 1: write a code"),
        ({"kinds": "SV ="}, "line 1: write a code"),
        ({"kinds": "SV = stolen_vehicle, off"}, "line 1: write a code"),
        ({"texts": "state: XX=\n\nstate NB = US-NE"}, "line 3: write a field, a colon"),
        ({"texts": "colour: SIL = silver"}, "line 1: colour has no place above"),
        ({"texts": "tint: SIL = silver"}, "line 1: write a field"),
        ({"texts": "state: NB"}, "line 1: write a field"),
        ({"texts": "state: = US-NE"}, "line 1: write a field"),
        ({"texts": "state: NB = US-NE\nstate: NB = US-NV"}, "line 2: state has this text already"),
    ],
)
@pytest.mark.parametrize("path", [HERE, f"{HERE}/preview"])
async def test_a_line_that_says_nothing_is_named_and_all_that_was_typed_stays(
    manager, services, typed, says, path
):
    answer = await send(manager, path, b"7ABC123   CASV", **{**TYPED, **typed})
    assert answer.status_code == 422
    assert says in manager.said
    assert f'<strong class="wrong" id="{next(iter(typed))}-wrong">' in answer.text
    for value in ('value="1-10"', 'value="11 - 12"', 'value="&#34;SVS&#34;"', 'value="40"'):
        assert value in answer.text
    assert '<option value="YYYYMMDD" selected>' in answer.text
    assert not services.asked("PUT", "/layout")
    assert not services.asked("POST", "/layout/preview")


@pytest.mark.parametrize(
    ("method", "path", "prefix"),
    [("PUT", HERE, "body"), ("POST", f"{HERE}/preview", "body.layout")],
)
@pytest.mark.parametrize(
    ("field", "shown"),
    [("columns.1.first", "place_state"), ("kinds.0.record_kind", "kinds"), ("zone", "zone")],
)
async def test_what_the_service_refuses_is_named_beside_its_field(
    manager, services, method, path, prefix, field, shown
):
    services.lenient = True
    refused = problem(
        422, "A value is not acceptable", "no whole number", field=f"{prefix}.{field}"
    )
    asked = path.removeprefix(f"/hotlists/{LIST}")
    services.answers[f"{method} /lists/{LIST}{asked}"] = lambda _: refused
    answer = await send(manager, path, b"7ABC123", **{**TYPED, "place_state": "S"})
    assert answer.status_code == 422
    assert f'<strong class="wrong" id="{shown}-wrong">no whole number</strong>' in answer.text
    assert 'value="S"' in answer.text


async def test_a_layout_is_tried_on_the_first_lines_of_a_file(manager, services, show):
    show(f"/lists/{LIST}/layout/preview", TRIED, method="POST")
    answer = await send(manager, f"{HERE}/preview", b"7ABC123\r\n8XYZ", **TYPED)
    assert answer.status_code == 200
    [asked] = services.asked("POST", "/layout/preview")
    body = json.loads(asked.content)
    assert (body["layout"], b64decode(body["sample"])) == (SENT, b"7ABC123\r\n8XYZ")
    assert "X-ALPR-Purpose" in asked.headers
    assert "Read: 1 entry; set aside: 1 line; left out as lost plate: 4" in manager.said
    assert "2 3 state no such state 8XYZ" in manager.said
    assert (
        "1 7ABC123 US-CA stolen vehicle Caution: Armed and dangerous SVS 2019 blue TOYT"
        " CA0520100, 26-1 2026-06-01 07:00:00 UTC never"
    ) in manager.said
    assert 'value="11 - 12"' in answer.text, "what was typed stays"
    assert not services.asked("PUT", "/layout"), "nothing is stored"


async def test_of_a_large_file_whole_lines_alone_are_sent_and_not_too_many(manager, services, show):
    show(f"/lists/{LIST}/layout/preview", TRIED, method="POST")

    async def sent(file):
        services.seen.clear()
        assert (await send(manager, f"{HERE}/preview", file, **TYPED)).status_code == 200
        [asked] = services.asked("POST", "/layout/preview")
        return b64decode(json.loads(asked.content)["sample"])

    wide = b"%06d" + b"x" * 993 + b"\n"
    file = b"".join(wide % number for number in range(3000))
    sample = await sent(file)
    assert sample == file[: len(sample)]
    assert sample.endswith(b"x\n")
    assert SAMPLE_BYTES - 1000 < len(sample) <= SAMPLE_BYTES
    narrow = b"".join(b"%06d\n" % number for number in range(3000))
    assert await sent(narrow) == narrow[: 7 * SAMPLE_LINES]


async def test_a_file_that_does_not_end_is_refused(manager, services, monkeypatch):
    monkeypatch.setattr(layouts, "LARGEST_FILE_BYTES", 2 * 1024 * 1024)
    for path in (HERE, f"{HERE}/preview"):
        answer = await send(manager, path, b"7ABC123\n" * 300_000, **TYPED)
        assert answer.status_code == 422
        assert "choose a file of at most 2 MiB" in manager.said
    assert not services.asked("PUT", "/layout")


async def test_a_sample_is_needed_to_try_a_layout_and_a_purpose_to_see_plates(
    manager, sign_in, services, show
):
    answer = await send(manager, f"{HERE}/preview", **TYPED)
    assert answer.status_code == 422
    assert "choose a file whose first lines are read" in manager.said
    browser = await sign_in(*MANAGER)
    await browser.open(HERE)
    assert "Try it" not in browser.page.text
    assert f'href="/purpose?back={HERE}"' in browser.page.text


async def test_a_layout_is_removed(sign_in, services, show):
    show(f"/lists/{LIST}", {**A_LIST, "has_layout": True})
    show(f"/lists/{LIST}/layout", STORED)
    show(f"/lists/{LIST}/layout/removal", A_LIST, method="POST")
    browser = await sign_in(*MANAGER)
    await browser.open(HERE)
    assert f'action="{HERE}/removal"' in browser.page.text
    answer = await browser.ask(f"{HERE}/removal")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/hotlists/{LIST}")
    assert len(services.asked("POST", "/layout/removal")) == 1
    services.answers[f"POST /lists/{LIST}/layout/removal"] = lambda _: problem(
        404, "Not found", "this list has no layout", code="layout_unknown"
    )
    browser.page = await browser.ask(f"{HERE}/removal")
    assert "this list has no layout" in browser.said


async def test_the_page_is_for_people_who_change_lists(sign_in, services, show):
    show(f"/lists/{LIST}", A_LIST)
    browser = await sign_in("account:self", "hotlist:read")
    answer = await browser.open(HERE)
    assert answer.status_code == 403
    assert "your role does not let you change the hot lists" in browser.said


async def test_settings_and_upload_lead_to_the_layout(sign_in, show):
    show(f"/lists/{LIST}", A_LIST)
    browser = await sign_in(*MANAGER)
    for page in ("settings", "upload"):
        await browser.open(f"/hotlists/{LIST}/{page}")
        assert f'href="{HERE}"' in browser.page.text, page


def test_the_form_offers_what_hotlist_reads():
    assert get_args(FieldName) == FIELDS
    assert get_args(DateForm) == DATES
    assert get_args(Delimiter) == tuple(DELIMITERS)
    assert get_args(Encoding) == tuple(ENCODINGS)
