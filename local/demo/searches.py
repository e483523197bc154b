"""Searches, allowed and refused, as people of a department make them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from local.demo.client import Person, problem
from local.demo.department import Device
from local.demo.records import search
from local.demo.story import Step, StepFailed
from shared.core.problem_codes import Common

PROBLEM = "application/problem+json"
CASE = "26-000412"
CANVASS = {
    "kind": "crime_scene_canvass",
    "offence_type": "vehicle theft",
    "case_number": CASE,
    "justification": "All cars that passed the cameras near Solano Street around the theft",
}


async def search_plate(person: Person, plate: str, window: tuple[datetime, datetime]) -> Step:
    """Search one plate under a purpose that is limited to it."""
    said: dict[str, Any] = {
        "kind": "stolen_or_wanted_vehicle",
        "offence_type": "vehicle theft",
        "case_number": CASE,
        "justification": "Where the listed vehicle was seen since its owner reported the theft",
        "scope": {"plate": plate},
    }
    requests: list[str] = []
    found = await search(person, await person.declare(**said), window, requests, plate=plate)
    if not found or any(read["plate"] != plate for read in found):
        raise StepFailed("the search did not find the plate that was read, or found another")
    what, answer = f"searched plate {plate}", _count(len(found), "record")
    return _step(person, what, said, HTTPStatus.OK, answer, requests[0])


async def search_pattern(
    person: Person, plate: str, devices: Sequence[Device], window: tuple[datetime, datetime]
) -> Step:
    """Search the part of a plate that a witness remembers, look-alike characters included."""
    requests, pattern = list[str](), f"{plate[: max(1, len(plate) - 3)]}*"
    purpose = await person.declare(**CANVASS)
    passed = [device.device_id for device in devices]
    found = await search(
        person, purpose, window, requests, plate=pattern, lookalike=True, device_ids=passed
    )
    if plate not in {read["plate"] for read in found}:
        raise StepFailed("the search for a part of a plate did not find it")
    what, answer = f"searched {pattern}, look-alikes too", _count(len(found), "record")
    return _step(person, what, CANVASS, HTTPStatus.OK, answer, requests[0])


async def refused_untrained(person: Person, plate: str, window: tuple[datetime, datetime]) -> Step:
    """Search as an officer without training on record, who is refused (policy 468.4(d))."""
    body = {
        "plate": plate,
        "captured_from": window[0].isoformat(),
        "captured_to": window[1].isoformat(),
    }
    answer = await person.ask("retention", "POST", "/v1/reads/search", json=body)
    request_id = answer.headers.get("X-Request-ID", "")
    _must_refuse(answer, Common.TRAINING_MISSING.code)
    detail = answer.json()["detail"]
    return _step(person, f"searched plate {plate}", None, answer.status_code, detail, request_id)


async def refused_purpose(person: Person) -> Step:
    """Declare a purpose that the law forbids, which is refused by name (policy 468.4(a))."""
    said = {
        "kind": "immigration_enforcement",
        "offence_type": "civil immigration",
        "case_number": CASE,
        "justification": "Asked by telephone where this family's car is parked at night",
    }
    answer = await person.ask("identity", "POST", "/v1/purposes", json=said)
    request_id = answer.headers.get("X-Request-ID", "")
    _must_refuse(answer, "purpose_prohibited")
    detail, what = answer.json()["detail"], "declared a prohibited purpose"
    step = _step(person, what, said, answer.status_code, detail, request_id)
    # The attempt to declare was allowed; the purpose was refused.
    return replace(step, kind="purpose.declared")


def _must_refuse(answer: httpx.Response, code: str) -> None:
    """Raise StepFailed unless this is a 403 problem document with that code."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code != HTTPStatus.FORBIDDEN or media_type != PROBLEM:
        raise StepFailed(f"this should have been refused: {problem(answer)}")
    if answer.json().get("code") != code:
        raise StepFailed(f"refused for another reason than {code}: {problem(answer)}")


def _step(
    person: Person,
    what: str,
    said: dict[str, Any] | None,
    status: int,
    answer: str,
    request_id: str,
) -> Step:
    purpose = ""
    if said is not None:
        kind = said["kind"].replace("_", " ")
        purpose = f"{kind}, {said['offence_type']}, case {said['case_number']}"
    return Step(person.known_as, what, purpose, status, answer, person.account_id, request_id)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
