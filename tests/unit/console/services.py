"""Fakes of the services that the console calls, held to docs/openapi in both directions."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema

OPENAPI = Path(__file__).parents[3] / "docs" / "openapi"
HIT = "0199c0de-0000-7000-8000-00000000a11e"
OTHER_HIT = "0199c0de-0000-7000-8000-00000000a11f"
HOLD = "0199c0de-0000-7000-8000-000000000401"
EXPORT = "0199c0de-0000-7000-8000-000000000e01"
BOOKING = "0199c0de-0000-7000-8000-00000000b001"
READ = "0199c0de-0000-7000-8000-00000000beef"
PERSON = {
    "person_id": "p-1",
    "name": "Ola Lindqvist",
    "title": "Police Officer",
    "agency_ori": "CA0520100",
}
BROWSER_TOKEN = "k" * 64
PERMISSIONS = [
    "account:self",
    "purpose:declare",
    "alert:receive",
    "hit:read",
    "hit:verify",
    "hit:dispose",
    "record:search",
    "image:read",
]


def a_camera(**changes: Any) -> dict[str, Any]:
    """Return a camera like `GET /v1/devices/{device_id}`."""
    return {
        "device_id": HIT,
        "name": "Main St",
        "kind": "fixed",
        "place": None,
        "frames_per_s": 1.0,
        "reads_per_s": 1.0,
        "may_buffer_h": 1.0,
        "status": "active",
        "registered_at": "2026-06-01T11:00:00+00:00",
        "last_seen_at": None,
        "late_since": None,
        **changes,
    }


def page_of(
    *items: dict[str, Any], after: str | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers a list with these items."""
    return lambda _: httpx.Response(200, json={"items": list(items), "next": after})


def a_hit(**changes: Any) -> dict[str, Any]:
    """Return a hit like `GET /v1/hits/{hit_id}`."""
    return {
        "hit_id": HIT,
        "seq": 17,
        "changed_seq": None,
        "status": "unverified",
        "notice": "Unverified. A machine match alone.",
        "outcome": None,
        "result": None,
        "acknowledgements": [],
        "unanswered": False,
        "unfinished": False,
        "tier": "high",
        "record_kind": "stolen_vehicle",
        "agency_ori": "CA0520100",
        "list_id": HIT,
        "list_name": "Stolen vehicles",
        "list_version": 3,
        "list_age_s": 90_000,
        "list_stale": False,
        "source": "state",
        "entry_id": HIT,
        "entry": {
            "plate_listed_as": "7ABC128",
            "reason": "reported stolen",
            "entering_ori": "CA0520000",
            "entering_reference": "26-1",
            "make": "Toyota",
            "model": None,
            "colour": "blue",
            "year": 2019,
            "caution": None,
            "valid_from": None,
            "expires_at": None,
            "listed_by": None,
        },
        "plate_listed": "7ABC128",
        "region_listed": "US-CA",
        "plate_read": "7ABC12B",
        "plate_as_read": "7ABC12B",
        "region_read": None,
        "confidence": 0.91,
        "differences": [{"position": 6, "read": "B", "listed": "8"}],
        "warnings": [{"code": "state_unknown", "text": "the state was not read"}],
        "read_id": READ,
        "capture_id": READ,
        "device_id": READ,
        "device_name": "Solano St east",
        "place": {"latitude": 39.9, "longitude": -122.1},
        "captured_at": "2026-06-01T11:59:00+00:00",
        "received_at": "2026-06-01T11:59:01+00:00",
        "raised_at": "2026-06-01T11:59:02+00:00",
        "age_s": 60,
        "late": False,
        "first_at": "2026-06-01T11:59:00+00:00",
        "last_at": "2026-06-01T11:59:00+00:00",
        "sightings": 1,
        "box": None,
        "crop_url": f"/v1/hits/{HIT}/crop?link_token=a.1.b",
        "image_url": f"/v1/hits/{HIT}/image",
        "purged_at": None,
        "twins": [],
        "verification": None,
        "dispositions": [],
        "sightings_seen": [],
        **changes,
    }


def a_read(**changes: Any) -> dict[str, Any]:
    """Return a read like a search."""
    return {
        "read_id": READ,
        "plate": "7ABC128",
        "plate_as_read": "7ABC128",
        "confidence": 0.97,
        "captured_at": "2026-06-01T11:00:00+00:00",
        "received_at": "2026-06-01T11:00:01+00:00",
        "device_id": READ,
        "device_name": "Solano St east",
        "source": "recognition",
        "model": "ppocr",
        "has_crop": True,
        "crop_url": f"/v1/reads/{READ}/crop?link_token=a.1.b",
        "has_image": False,
        **changes,
    }


COPY = {
    "evidence_number": "E26-0417-3",
    "custodian_name": "P. Room",
    "custodian_title": "Property Officer",
    "media_description": "DVD-R, write once",
    "media_serial": "MID-0417-A",
    "sha256": "ab" * 32,
}


def a_hold(**changes: Any) -> dict[str, Any]:
    """Return a hold as retention shows it."""
    return {
        "hold_id": HOLD,
        "basis": "criminal_action",
        "case_number": "26-001234",
        "description": "Homicide on Solano Street",
        "criteria": {"plate": "7ABC123", "captured_from": "2026-05-01T00:00:00Z"},
        "in_force": True,
        "placed_by": PERSON | {"person_id": "p-placer"},
        "placed_at": "2026-05-30T10:00:00Z",
        "owner": PERSON | {"person_id": "p-placer"},
        "review_by": "2027-05-30T10:00:00Z",
        "reviewed_by": None,
        "reviewed_at": None,
        "review_reason": None,
        "released_by": None,
        "released_at": None,
        "release_reason": None,
        "wide": False,
        "awaits_confirmation": False,
        "confirmed_by": None,
        "confirmed_at": None,
        "confirmation_reason": None,
        **changes,
    }


def an_export(**changes: Any) -> dict[str, Any]:
    """Return an export of a hold as retention shows it."""
    empty = (
        "fault", "omitted", "withdrawn_by", "withdrawn_at", "withdrawal_reason", "removed_at",
    )  # fmt: skip
    return {
        "export_id": EXPORT,
        "hold_id": HOLD,
        "case_number": "26-001234",
        "state": "ready",
        "requested_by": PERSON,
        "requested_at": "2026-05-31T10:00:00Z",
        "built_at": "2026-05-31T10:00:05Z",
        "sha256": "cd" * 32,
        "size_bytes": 183220,
        "reads": 3,
        "hits": 2,
        "captures": 3,
        "images": 3,
        "signed_by": "retention-1",
        "copies_booked": 0,
        **dict.fromkeys(empty),
        **changes,
    }


def a_booking(**changes: Any) -> dict[str, Any]:
    """Return a booking of an export as retention shows it."""
    return {
        "booking_id": BOOKING,
        "export_id": EXPORT,
        **COPY,
        "note": None,
        "booked_by": PERSON,
        "booked_at": "2026-06-01T10:00:00Z",
        "in_force": True,
        "corrects": None,
        "corrected_by": None,
        **changes,
    }


def problem(status: int, title: str, detail: str = "", **members: Any) -> httpx.Response:
    """Return a problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


NOTHING_WAITS = {
    "count": 0,
    "oldest_at": None,
    "tiers": [],
    "unanswered": 0,
    "unanswered_since": None,
    "listed_by_me": 0,
}
NO_OUTCOMES = {
    "hits": 0,
    "unverified": 0,
    "verified": 0,
    "outcomes": {},
    "results": {},
    "by_tier": {},
    "enforcement": 0,
    "correct_share": None,
}
DECLARED = {
    "kind": "release",
    "offence_type": "vehicle theft",
    "case_number": "26-001234",
    "justification": "Review of what the county sheriff asked for",
}


@dataclass
class FakeServices:
    """The services that the console calls: one person may sign in; the test sets other answers."""

    clock: Any
    answers: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    seen: list[httpx.Request] = field(default_factory=list)
    permissions: list[str] = field(default_factory=lambda: list(PERMISSIONS))
    trained_until: str | None = "2100-01-01T00:00:00Z"
    number: int = 0
    """Tokens handed out so far; only the newest access and refresh token hold."""

    closed: bool = False
    down: bool = False
    tokens_for: str = HIT
    """The session that a sign-in opens."""

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer, and hold request and answer to the service's OpenAPI document."""
        if self.down:
            raise httpx.ConnectError("down", request=request)
        await asyncio.sleep(0)  # as over a network, others get their turn meanwhile
        await request.aread()
        self.seen.append(request)
        operation, spec = operation_of(request)
        if request.content and request.headers["content-type"] == "application/json":
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self.check_body(json.loads(request.content), schema, spec)
        answer = self.answer(request)
        kind = answer.headers.get("content-type", "")
        if answer.is_success and kind == "application/json":
            found = operation["responses"][str(answer.status_code)]["content"][kind]["schema"]
            check(answer.json(), found, spec)
        return answer

    def check_body(self, body: Any, schema: Any, spec: Any) -> None:
        """Check a request's body; a test of refusals may send others."""
        if not getattr(self, "lenient", False):
            check(body, schema, spec)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/v1", 1)[1]
        key = f"{request.method} {path}"
        if key in self.answers:
            return self.answers[key](request)
        if key == "POST /sessions":
            return self.sign_in(json.loads(request.content))
        if key == "POST /sessions/renewal":
            return self.refresh(json.loads(request.content))
        if request.headers.get("authorization") != f"Bearer access-{self.number}" or self.closed:
            return problem(401, "A valid credential is required", "the token was revoked")
        if key == "DELETE /sessions/current":
            self.closed = True
            return httpx.Response(204)
        if key == "GET /me":
            return httpx.Response(200, json=self.me())
        if key == "POST /purposes":
            ends = self.clock.now() + timedelta(minutes=60)
            taken = {"purpose_id": HIT, "purpose_token": "purpose-token"}
            return httpx.Response(201, json={**taken, "expires_at": ends.isoformat()})
        if key == "GET /hits/waiting":
            return httpx.Response(200, json=NOTHING_WAITS)
        if key == "GET /hits/outcomes":
            return httpx.Response(200, json=NO_OUTCOMES)
        if path.endswith("/yield"):
            return httpx.Response(200, json={**NO_OUTCOMES, "list_id": HIT, "since": None})
        return problem(404, "Not found")

    def sign_in(self, body: dict[str, str]) -> httpx.Response:
        if body != {"username": "o.lindqvist", "password": "right words", "totp": "123456"}:
            return problem(401, "A valid credential is required", "these do not belong together")
        self.closed = False
        return httpx.Response(201, json={**self.tokens(), "browser_token": BROWSER_TOKEN})

    def refresh(self, body: dict[str, str]) -> httpx.Response:
        """Refresh like identity: a refresh token used twice closes the session."""
        if self.closed or body["refresh_token"] != f"refresh-token-of-session-{self.number}":
            self.closed = True
            return problem(401, "A valid credential is required", "sign in again")
        return httpx.Response(200, json=self.tokens())

    def tokens(self) -> dict[str, Any]:
        self.number += 1
        now = self.clock.now()
        return {
            "session_id": self.tokens_for,
            "account_id": READ,
            "access_token": f"access-{self.number}",
            "refresh_token": f"refresh-token-of-session-{self.number}",
            "expires_at": (now + timedelta(minutes=10)).isoformat(),
            "idle_until": (now + timedelta(minutes=30)).isoformat(),
            "trained_until": self.trained_until,
            "withheld_roles": [],
            "permissions": self.permissions,
            "token_type": "Bearer",
        }

    def me(self) -> dict[str, Any]:
        at = self.clock.now().isoformat()
        return {
            "account_id": READ,
            "username": "o.lindqvist",
            "name": "Ola Lindqvist",
            "title": "Police Officer",
            "agency_ori": "CA0520100",
            "status": "active",
            "roles": ["officer"],
            "held_roles": ["officer"],
            "sources": ["department"],
            "permissions": self.permissions,
            "trained_until": self.trained_until,
            "sign_in_locked_at": None,
            "keys_only": False,
            "withheld_roles": [],
            "refresher_due": False,
            "last_active_at": at,
            "reviewed_at": at,
            "created_at": at,
        }

    def asked(self, method: str, end: str) -> list[httpx.Request]:
        """Return the requests that arrived for a path."""
        return [r for r in self.seen if r.method == method and r.url.path.endswith(end)]


def operation_of(request: httpx.Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the operation that a request is for; fails if the console calls an unknown one."""
    service = request.url.host
    spec = json.loads((OPENAPI / f"{service}.json").read_text())
    for path, operations in spec["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", path)
        if re.fullmatch(pattern, request.url.path) and request.method.lower() in operations:
            operation = operations[request.method.lower()]
            known = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
            assert set(request.url.params) <= known, f"{path} takes no such query"
            return operation, spec
    raise AssertionError(f"{service} has no {request.method} {request.url.path}")


def check(body: Any, schema: dict[str, Any], spec: dict[str, Any]) -> None:
    """Hold a body to a schema of the document."""
    jsonschema.validate(body, {**schema, "components": spec["components"]})
