"""Searches answer as a plain search of the same reads does: random questions of every kind, page by page.

`make test-search` asks 10,000 questions about 200,000 reads; the tests of every day ask fewer.
"""

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs
from sqlalchemy import text

from services.retention.store import search as search_module
from services.retention.store import search_plan
from shared.core.areas import area_of
from shared.core.ids import derive_id
from shared.events import Place, Read
from tests.integration.retention.conftest import ORI, a_read, started
from tests.integration.retention.plain_search import (
    ASKED_COLOURS,
    ASKED_MAKES,
    COLOURS,
    MAKES,
    PlainSearch,
    Question,
)

READS = int(os.environ.get("SEARCH_READS", "20000"))
QUESTIONS = int(os.environ.get("SEARCH_QUESTIONS", "300"))
SEED = int(os.environ.get("SEARCH_SEED", "20260601"))

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAYS = 120
SOUTH, WEST, SIDE = 39.90, -122.20, 0.10
DEVICES = [UUID(int=0xD000 + number) for number in range(40)]
MOVING = DEVICES[32:]
LETTERS, DIGITS = "ABDGIOQSXZ", "0125678"
REFUSED = {"window_too_long", "plate_too_open"}
PAGES = 6


def some_reads(draw: random.Random) -> list[Read]:
    """Return reads with ties of time, of fixed and moving devices, of two agencies, some without place or region."""
    plates = [_plate(draw) for _ in range(READS // 12)]
    places = {device: _place(draw) for device in DEVICES}
    reads = {}
    for _ in range(READS):
        device = draw.choice(DEVICES)
        age_s = int(DAYS * 86400 * draw.random() ** 3) // 60 * 60
        at = NOON - timedelta(seconds=age_s)
        place = _place(draw) if device in MOVING else places[device]
        plate = plates[int(len(plates) * draw.random() ** 2)]
        read = a_read(
            plate,
            at,
            read_id=derive_id("read", device, at.isoformat(), plate),
            device_id=device,
            device_name=f"Camera {device.int}",
            agency_ori=ORI if device.int % 8 else "CA0520200",
            place=None if draw.random() < 0.02 else place,
            region=draw.choice(["US-CA", "US-CA", "US-NV", None]),
            confidence=round(draw.uniform(0.5, 1), 3),
            vehicle_colour=draw.choice(list(COLOURS)) if device.int % 3 else None,
            vehicle_make=draw.choice(list(MAKES)) if device.int % 3 else None,
        )
        reads[read.read_id] = read
    return list(reads.values())


def _plate(draw: random.Random) -> str:
    if draw.random() < 0.7:
        groups = (DIGITS, LETTERS, LETTERS, LETTERS, DIGITS, DIGITS, DIGITS)
        return "".join(map(draw.choice, groups))
    return "".join(draw.choices(LETTERS + DIGITS, k=draw.randint(2, 8)))


def _place(draw: random.Random) -> Place:
    return Place(round(SOUTH + SIDE * draw.random(), 5), round(WEST + SIDE * draw.random(), 5), 0.0)


def a_question(draw: random.Random, reads: list[Read]) -> Question:
    """Return a question about one of the reads, of any kind."""
    about = draw.choice(reads)
    width = timedelta(hours=draw.choice([1, 6, 24, 24 * 7, 24 * 31, 24 * 31, 24 * DAYS]))
    start = about.captured_at - width * draw.random()
    body: dict[str, Any] = {
        "captured_from": start.isoformat(),
        "captured_to": (start + width).isoformat(),
    }
    kind = draw.choice(["exact", "pattern", "pattern", "pattern", "place"])
    if kind != "place":
        body["plate"] = about.plate if kind == "exact" else _pattern(draw, about.plate)
        body["lookalike"] = draw.random() < 0.3
    if kind == "place" or draw.random() < 0.3:
        body |= _somewhere(draw, about)
    if draw.random() < 0.15:
        body["region"] = draw.choice(["US-CA", "US-NV"])
    if draw.random() < 0.15:
        body["minimum_confidence"] = draw.choice([0.6, 0.9, 0.99])
    if draw.random() < 0.3:
        body |= _a_vehicle(draw)
    return Question(body, _scope(draw, body) if draw.random() < 0.2 else {})


def _a_vehicle(draw: random.Random) -> dict[str, Any]:
    """Return a colour, a make or both, for all reads or for those alone that are described."""
    colour, make = (
        {"colour": draw.choice(list(ASKED_COLOURS))},
        {"make": draw.choice(list(ASKED_MAKES))},
    )
    return draw.choice([colour, make, colour | make]) | {"described_only": draw.random() < 0.5}


def _pattern(draw: random.Random, plate: str) -> str:
    """Return a pattern of the plate, as people remember one: a start, an end, a middle, single characters."""
    size = len(plate)
    known = draw.randint(1, max(1, size - 1))
    begin = draw.randint(0, size - known)
    apart = "".join(c if draw.random() < 0.6 else "?" for c in plate)
    return draw.choice(
        [
            plate[:known] + "*",
            "*" + plate[size - known :],
            "*" + plate[begin : begin + known] + "*",
            "?" * begin + plate[begin : begin + known] + "?" * (size - begin - known),
            plate[:begin] + "*" + plate[begin + known :] or "*",
            apart if apart.strip("?") else plate,
            apart[:-1] + "*" if apart[:-1].strip("?") else plate,
            "*" + apart[1:] if apart[1:].strip("?") else plate,
        ]
    )


def _somewhere(draw: random.Random, about: Read) -> dict[str, Any]:
    place = about.place or _place(draw)
    reach = draw.choice([0.002, 0.01, 0.05])
    south, west = place.latitude - reach * draw.random(), place.longitude - reach * draw.random()
    devices = {str(about.device_id), *map(str, draw.sample(DEVICES, draw.choice([0, 1, 5, 30])))}
    area = draw.choice(
        [
            {
                "latitude": place.latitude + reach * draw.uniform(-0.5, 0.5),
                "longitude": place.longitude,
                "radius_m": draw.choice([100.0, 400.0, 2000.0, 20000.0]),
            },
            {"south": south, "west": west, "north": south + reach, "east": west + reach},
            {
                "points": [
                    [west, south],
                    [west + 2 * reach, south + reach * draw.random()],
                    [west + reach * draw.random(), south + 2 * reach],
                ]
            },
        ]
    )
    named = draw.choice(["area", "area", "devices", "both"])
    return {
        **({"area": area} if named != "devices" else {}),
        **({"device_ids": sorted(devices)} if named != "area" else {}),
    }


def _scope(draw: random.Random, body: dict[str, Any]) -> dict[str, Any]:
    """Return limits of a purpose that allow the question and may narrow its answer."""
    limits = [{name: body[name]} for name in ("captured_from", "captured_to")]
    if "area" in body:
        limits.append({"area": area_of(body["area"]).bounds._asdict()})
    if "plate" in body:
        limits.append({"plate": body["plate"]})
    if "device_ids" in body:
        limits.append({"device_ids": body["device_ids"]})
    return draw.choice(limits)


async def answer_of(
    retention: Any, question: Question, limit: int, *, counted: bool
) -> tuple[list[UUID], list[Any]] | None:
    """Return the ids of at least PAGES whole pages of an answer, or all, and each page's count; None if refused."""
    headers = retention.authority.headers(purpose=False)
    headers["X-ALPR-Purpose"] = retention.authority.purpose_token(
        kind="crime_scene_canvass", scope=question.scope
    )
    found: list[UUID] = []
    counts: list[Any] = []
    after = None
    pages = 0
    while pages < PAGES:
        body = {**question.body, "limit": limit, "after": after, "count": counted}
        answer = await retention.client.post("/v1/reads/search", json=body, headers=headers)
        if answer.status_code == 422:
            assert answer.json()["code"] in REFUSED, answer.text
            return None
        assert answer.status_code == 200, answer.text
        page = answer.json()
        counts.append(page["count"])
        found += [UUID(read["read_id"]) for read in page["items"]]
        after = page["next"]
        pages += len(page["items"]) == limit
        assert after is None or len(page["items"]) == limit or page["searched_from"]
        if after is None:
            break
    return found, counts


@pytest.mark.clause("468.4(c)/partial-back")
@pytest.mark.clause("468.4(c)/canvass")
@pytest.mark.clause("468.4(c)/counts")
@pytest.mark.clause("468.4(c)/vehicle-back")
async def test_answers_equal_those_of_a_plain_search_in_ids_order_and_number(
    settings, bus, objects, clock, authority, policy, as_owner, monkeypatch
):
    draw = random.Random(SEED)
    reads = some_reads(draw)
    policy = structs.replace(policy, limits=structs.replace(policy.limits, disclosed_refused=10**9))
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        for begin in range(0, len(reads), 1000):
            await retention.store(*reads[begin : begin + 1000])
        async with as_owner("retention") as connection:
            await connection.execute(text("ANALYZE reads, plates, device_days"))
        plain = PlainSearch(reads, ORI)
        answered = found = 0
        for number in range(QUESTIONS):
            monkeypatch.setattr(search_plan, "MOST_PLATES", draw.choice([10, 100, 5000]))
            in_time = draw.random() < 0.8  # or else a page ends after its first window
            monkeypatch.setattr(search_module, "PAGE_S", 60 if in_time else 0)
            first = timedelta(hours=2) if in_time else timedelta(days=20)
            monkeypatch.setattr(search_plan, "_DEVICES_FIRST", first)
            question = a_question(draw, reads)
            limit = draw.choice([1, 3, 20, 100])
            counted = in_time and draw.random() < 0.3
            answer = await answer_of(retention, question, limit, counted=counted)
            if answer is None:
                continue
            ids, counts = answer
            wanted = plain.answer(question)
            if counted:
                in_all = {"value": min(len(wanted), 10_000), "at_least": len(wanted) > 10_000}
                assert counts == [in_all] * len(counts), (SEED, number, question)
            # Pages that end for their time are not counted, so that there may be more than PAGES of them.
            assert len(ids) >= min(len(wanted), limit * PAGES), (SEED, number, question)
            assert ids == wanted[: len(ids)], (SEED, number, question)
            answered += 1
            found += len(ids)
    assert answered > 0.7 * QUESTIONS
    assert found > 5 * answered
