"""A day of an insider who collects all data in reach: every operation of every OpenAPI document, until it is refused.

Each insider tries forbidden operations, too. They know all ids: those of records from a colleague.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from shared.testing import eventually
from tests.integration.authz.expected import Route, routes_of
from tests.integration.insiders.department import SERVICES, Department
from tests.integration.insiders.insider import OTHER_CASE, Asked, Insider

FIRST_PAGE = 7
"""So small that the way to the last page is long."""

PATTERNS = ("7KX*", "?KX*", "7KX0??", "7KX?1?", "*X00*", "???0??", "*", "7K?0*")
ENDS_SESSION = {
    ("DELETE", "/v1/sessions/current"),
    ("POST", "/v1/me/password"),
    ("POST", "/v1/me/second-factor"),
    ("POST", "/v1/me/second-factor/confirmation"),
    ("POST", "/v1/me/security-keys/offer"),
    ("POST", "/v1/me/security-keys/{key_id}/removal"),
    ("POST", "/v1/me/keys-only"),
    ("POST", "/v1/me/sessions/closure"),
}


@dataclass(frozen=True)
class Known:
    """Ids for the parameters of paths: some to read, some whose change loses no data."""

    hit_ids: tuple[str, ...]
    pass_ids: tuple[str, ...]
    list_id: str
    decoy_list_id: str
    decoy_device_id: str
    decoy_account_id: str
    request_id: str


def documents(department: Department) -> list[Route]:
    """Return every operation for people, of all services."""
    found = [
        route for name in SERVICES for route in routes_of(name, department.apps[name].openapi())
    ]
    return [route for route in found if route.permission is not None]


class Day:
    """The acts of one insider."""

    def __init__(self, insider: Insider, known: Known, *, whole: bool) -> None:
        """`whole`: every operation with every kind of purpose, every record by its id; otherwise some of each."""
        self.insider = insider
        self.known = known
        self._whole = whole
        self._step = 1 if whole else 4
        self._now = insider.department.clock.now
        self._policy = insider.department.policy
        self.hold_ids: list[str] = []
        self.tried: set[tuple[str, str, str]] = set()

    # --- the purposes that they may declare ---------------------------------------------------

    async def declare_everything(self) -> None:
        """Declare every kind of the policy, and those that the law forbids."""
        purposes = self._policy.purposes
        for kind in (*sorted(purposes.allowed), *sorted(purposes.prohibited), purposes.patrol):
            await self.insider.declare(kind)

    def _kinds(self, permission: str) -> Iterable[str | None]:
        """Yield no purpose, and every one that was declared, or one that opens the permission."""
        declared = sorted(name for name in self.insider.purposes if name)
        opening = [k for k in declared if k in self._policy.purposes.kinds_for(permission)]
        yield None
        yield from declared if self._whole else opening[:1]

    # --- every operation -----------------------------------------------------------------------

    async def sweep(self) -> None:
        """Send the example of every operation but those that end the session, with and without purposes."""
        own = self._policy.roles[self.insider.role]
        for route in documents(self.insider.department):
            if (route.method, route.path) in ENDS_SESSION:
                continue
            if self._whole or route.permission in own:
                for kind in self._kinds(route.permission or ""):
                    await self._example(route, kind)

    async def act_on_themselves(self) -> None:
        """Try every operation on an account on one's own."""
        for route in documents(self.insider.department):
            if "{account_id}" in route.path:
                await self._example(route, None, account_id=self.insider.account_id)

    async def end_sessions(self) -> None:
        """Try the operations that end a session, with a wrong password where one is needed."""
        for route in documents(self.insider.department):
            if (route.method, route.path) in ENDS_SESSION:
                await (
                    self.insider.person.renew()
                )  # the end of other sessions ends this access token
                await self._example(route, None)

    async def _example(self, route: Route, kind: str | None, **own: str) -> Asked:
        self.tried.add((route.service, route.method, route.path))
        reads = route.method == "GET" or route.path.endswith("/search")
        record = self.insider.store.records[0]
        ids = {
            "read_id": str(record.read_id),
            "capture_id": str(record.capture.capture_id),
            "hit_id": self.known.hit_ids[0],
            "pass_id": self.known.pass_ids[0] if self.known.pass_ids else str(uuid4()),
            "list_id": self.known.list_id if reads else self.known.decoy_list_id,
            "device_id": self.known.decoy_device_id,
            "account_id": self.known.decoy_account_id,
            "request_id": self.known.request_id,
            "hold_id": self.hold_ids[0] if self.hold_ids else str(uuid4()),
            "ori": "CA0500000",
            "digest": "ab" * 32,
            "seq": "0",
            "number": "1",
            "version": "1",
            **own,
        }
        names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        return await self.insider.ask(
            route.service,
            route.method,
            route.path,
            purpose=kind,
            body=self._own(route),
            headers={"idempotency-key": f"insider-{uuid4()}"},
            listen_s=0.3,
            **{name: ids.get(name, str(uuid4())) for name in names},
        )

    def _own(self, route: Route) -> Any:
        """Return the example body with unused names, and with this account where it names one."""
        body = route.body
        if not isinstance(body, dict):
            return body
        if "username" in body:
            return {**body, "username": f"of.{uuid4().hex[:12]}"}
        if "account_id" in body:
            return {**body, "account_id": self.insider.account_id}
        if route.path == "/v1/devices":
            return {"name": f"device {uuid4().hex[:8]}", "kind": "vehicle"}
        if route.path == "/v1/lists":
            return {**body, "name": f"list {uuid4().hex[:8]}"}
        return body

    # --- retention -----------------------------------------------------------------------------

    @property
    def window(self) -> dict[str, str]:
        """The last thirty days."""
        now = self._now()
        return {
            "captured_from": (now - timedelta(days=30)).isoformat(),
            "captured_to": (now + timedelta(hours=1)).isoformat(),
        }

    async def search(self, purpose: str, **body: Any) -> Asked:
        """Search once."""
        asked = {**self.window, **body}
        return await self.insider.ask(
            "retention", "POST", "/v1/reads/search", purpose=purpose, body=asked
        )

    async def search_to_the_last_page(self, purpose: str, **body: Any) -> None:
        """Search, and go on until there is no more or no more is given."""
        after = None
        while True:
            asked = await self.search(purpose, limit=FIRST_PAGE, after=after, **body)
            after = asked.answer.json.get("next") if asked.succeeded else None
            if after is None:
                return

    async def search_at_once(self, purpose: str) -> None:
        """Search twelve times at the same time."""
        await asyncio.gather(*(self.search(purpose, plate="7KX*", limit=10) for _ in range(12)))

    async def collect_records(self, purpose: str) -> None:
        """Search in every way, open every record by its id, and fetch its pictures."""
        await self.search_at_once(purpose)
        for pattern in PATTERNS:
            await self.search_to_the_last_page(purpose, plate=pattern)
        await self.search(purpose, plate="7KX", lookalike=True)
        for kind in ("geojson", "csv"):
            body = {**self.window, "plate": "7KX*", "format": kind}
            await self.insider.ask(
                "retention", "POST", "/v1/reads/export", purpose=purpose, body=body
            )
        device = str(self.insider.store.records[0].capture.device_id)
        await self.search_to_the_last_page(purpose, device_ids=[device])
        await self.search_to_the_last_page(
            purpose, area={"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400}
        )
        for record in self.insider.store.records[:: self._step]:
            ids = {"read_id": record.read_id, "capture_id": record.capture.capture_id}
            for route in (
                "/v1/reads/{read_id}",
                "/v1/reads/{read_id}/crop",
                "/v1/captures/{capture_id}",
                "/v1/captures/{capture_id}/image",
            ):
                await self.insider.ask(
                    "retention", "GET", route, purpose=purpose,
                    **{k: str(v) for k, v in ids.items() if k in route},
                )  # fmt: skip
        for pass_id in self.known.pass_ids:
            await self.insider.ask(
                "retention", "GET", "/v1/passes/{pass_id}", purpose=purpose, pass_id=pass_id
            )
        for record in self.insider.store.named:
            await self.search(purpose, plate=record.plate)

    async def collect_through_holds(self, purpose: str) -> None:
        """Hold records inside and outside a search's reach, view the hold, confirm it, export and fetch it."""
        wide = {"captured_from": (self._now() - timedelta(days=90)).isoformat()}
        device = str(self.insider.store.records[0].capture.device_id)
        few, all_of_them = ({"plate": p, **self.window} for p in ("7KX02?", "7KX*"))
        for criteria in (few, all_of_them, {"device_ids": [device], **self.window}, wide):
            placed = await self.insider.ask(
                "retention", "POST", "/v1/holds", purpose=purpose,
                body={
                    "basis": "evidence",
                    "case_number": "26-000468",
                    "description": "Held by an insider",
                    "criteria": criteria,
                },
            )  # fmt: skip
            hold_id = placed.answer.json["hold_id"] if placed.succeeded else str(uuid4())
            self.hold_ids.append(hold_id)
            await self._confirm(purpose, hold_id)
            await self._export(purpose, hold_id)
            await self._page_through_hold(purpose, hold_id)
        for _ in range(8):
            await self.insider.ask(
                "retention", "GET", "/v1/holds", purpose=purpose, query={"limit": 100}
            )
        for hold_id in self.hold_ids:
            await self.insider.ask(
                "retention", "POST", "/v1/holds/{hold_id}/release", purpose=purpose,
                body={"reason": "no longer needed"}, hold_id=hold_id,
            )  # fmt: skip

    async def _confirm(self, purpose: str, hold_id: str) -> None:
        await self.insider.ask(
            "retention", "POST", "/v1/holds/{hold_id}/confirmation", purpose=purpose,
            body={"reason": "I stand behind it myself"}, hold_id=hold_id,
        )  # fmt: skip

    async def _page_through_hold(self, purpose: str, hold_id: str) -> None:
        after = None
        while True:
            asked = await self.insider.ask(
                "retention", "GET", "/v1/holds/{hold_id}/records", purpose=purpose,
                query={"limit": FIRST_PAGE, "after": after}, hold_id=hold_id,
            )  # fmt: skip
            after = asked.answer.json.get("next") if asked.succeeded else None
            if after is None:
                return

    async def _export(self, purpose: str, hold_id: str) -> None:
        asked = await self.insider.ask(
            "retention", "POST", "/v1/evidence-exports", purpose=purpose,
            body={"hold_id": hold_id}, headers={"idempotency-key": f"insider-{uuid4()}"},
        )  # fmt: skip
        if not asked.succeeded:
            return
        export_id = asked.answer.json["export_id"]
        await self._made("retention", "evidence_exports", "export_id", "requested", export_id)
        for _ in range(2):
            await self.insider.ask(
                "retention", "GET", "/v1/evidence-exports/{export_id}/package", purpose=purpose,
                export_id=export_id,
            )  # fmt: skip
        await self.insider.ask(
            "retention", "POST", "/v1/evidence-exports/{export_id}/withdrawal", purpose=purpose,
            body={"reason": "it was for me"}, export_id=export_id,
        )  # fmt: skip

    async def _made(self, service: str, table: str, key: str, before: str, value: str) -> None:
        """Wait until the software has made a package, without asking it."""
        column = "status" if service == "release" else "state"
        statement = text(f"SELECT {column} FROM {table} WHERE {key} = :id")

        async def is_made() -> bool:
            async with self.insider.department.runtimes[service].db.begin() as connection:
                return (await connection.execute(statement, {"id": value})).scalar() != before

        await eventually(is_made, within_s=60, every_s=0.2)

    # --- hotlist -------------------------------------------------------------------------------

    async def collect_hits(self, purpose: str | None) -> None:
        """Page through hits, open each with its pictures, work it, and listen from the first alert on."""
        after = None
        while True:
            asked = await self.insider.ask(
                "hotlist", "GET", "/v1/hits", purpose=purpose,
                query={"limit": FIRST_PAGE, "after": after},
            )  # fmt: skip
            after = asked.answer.json.get("next") if asked.succeeded else None
            if after is None:
                break
        for hit_id in self.known.hit_ids[:: self._step]:
            for route in ("/v1/hits/{hit_id}/crop", "/v1/hits/{hit_id}/image", "/v1/hits/{hit_id}"):
                await self.insider.ask("hotlist", "GET", route, purpose=purpose, hit_id=hit_id)
        for hit_id in self.known.hit_ids[-3:]:
            await self.insider.ask(
                "hotlist", "POST", "/v1/hits/{hit_id}/verification", purpose=purpose,
                body={"method": "clets", "reference": "IN-1", "outcome": "correct_read"},
                hit_id=hit_id,
            )  # fmt: skip
        await self.insider.ask(
            "hotlist", "GET", "/v1/alerts", purpose=purpose, query={"last_event_id": 0}, listen_s=1
        )

    async def collect_lists(self, purpose: str | None) -> None:
        """Page through a list's entries, and ask for each by its plate."""
        after = None
        route, ids = "/v1/lists/{list_id}/entries/search", {"list_id": self.known.list_id}
        while True:
            body = {"limit": FIRST_PAGE, **({"after": after} if after else {})}
            asked = await self.insider.ask(
                "hotlist", "POST", route, purpose=purpose, body=body, **ids
            )
            after = asked.answer.json.get("next") if asked.succeeded else None
            if after is None:
                break
        for record in self.insider.store.named:
            await self.insider.ask(
                "hotlist", "POST", route, purpose=purpose, body={"plate": record.plate}, **ids
            )
        for name in ("set-aside", "set-aside.csv"):
            await self.insider.ask(
                "hotlist", "GET", f"/v1/lists/{{list_id}}/versions/{{version}}/{name}",
                purpose=purpose, version="1", **ids,
            )  # fmt: skip

    # --- release and audit ---------------------------------------------------------------------

    async def collect_requests(self, purpose: str | None) -> None:
        """File requests, decide on one's own, read all, and fetch packages."""
        filed = []
        for record in self.insider.store.named:
            asked = await self.insider.ask(
                "release", "POST", "/v1/requests", purpose=purpose,
                body={
                    "purpose": "Locate the vehicle that left the scene of a robbery",
                    "purpose_kind": "criminal_investigation",
                    "case_number": "TCS-26-0417",
                    "offence_type": "robbery",
                    "criteria": {**self.window, "plate": record.plate, "include_images": False},
                },
            )  # fmt: skip
            filed += [asked.answer.json["request_id"]] if asked.succeeded else []
        for request_id in filed[:1]:
            await self.insider.department.approve(request_id)
            await self._made("release", "requests", "request_id", "approved", request_id)
        for request_id in (*filed, self.known.request_id):
            await self.insider.ask(
                "release", "POST", "/v1/requests/{request_id}/decision", purpose=purpose,
                body={"decision": "approve", "reason": "It is my own"}, request_id=request_id,
            )  # fmt: skip
            for route in ("/v1/requests/{request_id}", "/v1/agency/requests/{request_id}"):
                await self.insider.ask(
                    "release", "GET", route, purpose=purpose, request_id=request_id
                )
            await self.insider.ask(
                "release", "GET", "/v1/requests/{request_id}/package", purpose=purpose,
                request_id=request_id,
            )  # fmt: skip

    async def collect_log(self, purpose: str | None) -> None:
        """Read the log by every question, entry by entry, and export it with and without its values."""
        values = {"first": 0, "with_values": True}
        await self.insider.ask("audit", "POST", "/v1/exports", purpose=purpose, body=values)
        await self._collect_entries(purpose)
        for person in {self.insider.account_id, self.insider.department.administrator.account_id}:
            body = {
                "person_id": person,
                "occurred_from": (self._now() - timedelta(days=1)).isoformat(),
                "occurred_to": (self._now() + timedelta(hours=1)).isoformat(),
            }
            await self.insider.ask(
                "audit", "POST", "/v1/breach-reports", purpose=purpose, body=body
            )
        await self.insider.ask("audit", "POST", "/v1/exports", purpose=purpose, body={"first": 0})
        await self.insider.ask(
            "audit", "GET", "/v1/findings", purpose=purpose, query={"limit": 100}
        )

    async def _collect_entries(self, purpose: str | None) -> None:
        for wanted in ({"kind": "hit.raised"}, {"kind": "records.disclosed"}, {}):
            after = None
            while True:
                body = {"limit": FIRST_PAGE, **wanted, **({"after": after} if after else {})}
                asked = await self.insider.ask(
                    "audit", "POST", "/v1/entries/search", purpose=purpose, body=body
                )
                after = asked.answer.json.get("next") if asked.succeeded else None
                if after is None:
                    break
        for seq in range(0, 60, 3):
            await self.insider.ask(
                "audit", "GET", "/v1/entries/{seq}", purpose=purpose, seq=str(seq)
            )

    # --- round the limit -----------------------------------------------------------------------

    async def go_round_the_limit(self, purpose: str) -> None:
        """Try other purposes and another case once a door has shut."""
        for kind in sorted(name for name in self.insider.purposes if name):
            await self.search(kind, plate="7KX05?")
        await self.insider.declare(purpose, case=OTHER_CASE, name="other case")
        await self.search("other case", plate="7KX05?")
        await self.insider.ask(
            "identity", "POST", "/v1/accounts/{account_id}/limit-lifts",
            body={"case_number": OTHER_CASE, "reason": "I release myself"},
            account_id=self.insider.account_id,
        )  # fmt: skip
        await self.insider.declare(purpose, case=OTHER_CASE, name="other case")
        await self.search("other case", plate="7KX05?")

    async def come_back(self, purpose: str) -> None:
        """Sign in anew, and go on."""
        self.insider.department.clock.advance(seconds=30)
        answer = await self.insider.person.try_sign_in()
        if answer.status_code != 201:  # the password's door may have shut on the wrong ones
            return
        self.insider.person.access = answer.json()["access_token"]
        self.insider.person.refresh = answer.json()["refresh_token"]
        await self.insider.department.heard()
        await self.insider.declare(purpose)
        await self.search(purpose, plate="7KX*", limit=1)
