"""Sends the cases of one service and compares each answer with the expected one."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI

from services.identity.domain.accounts import Account
from services.identity.store.accounts import Accounts
from shared.events import AccessAttempted
from shared.service.api_runtime import ApiRuntime
from shared.testing import FakeBus, TestAuthority
from tests.integration.authz.asking import Answer, ask
from tests.integration.authz.expected import NO_ROLE, Case, Expected, Matter, Tables, expected
from tests.integration.authz.people import Sender

IDS = {
    "ori": "CA0500000",
    "digest": "ab" * 32,
    "seq": "0",
    "number": "1",
    "version": "1",
}
SECRET_PLATE = "5MARK55"
"""For a record of the department: people of another agency do not see it."""


class Matrix:
    """The service under test."""

    def __init__(
        self,
        app: FastAPI,
        runtime: ApiRuntime,
        bus: FakeBus,
        authority: TestAuthority,
        tables: Tables,
        seeded: dict[str, str],
    ) -> None:
        self._app = app
        self._runtime = runtime
        self._bus = bus
        self._authority = authority
        self._tables = tables
        self._seeded = seeded
        self._sent = 0
        self.shown = 0
        """Answers that showed the department's record to one of its own."""

    async def wrong(self, cases: Iterable[Case]) -> list[str]:
        """Send every case; return the wrong answers."""
        found = []
        for case in cases:
            fault = await self._one(case)
            if fault is not None:
                found.append(f"{case}: {fault}")
        return found

    async def _one(self, case: Case) -> str | None:
        sender = Sender(self._authority, case, self._tables)
        if case.route.service == "identity":
            await self._enter(case, sender)
        path, body = await self._place(case, sender)
        await self._runtime.relay.drain()
        self._bus.records.clear()
        answer = await self._ask(case.route.method, path, sender.headers(), body)
        await self._runtime.relay.drain()
        attempts = self._bus.events(AccessAttempted)
        shown = SECRET_PLATE.encode() in answer.body
        if case.matter is Matter.NOTHING and shown:
            self.shown += 1
        wanted = expected(case, self._tables)
        if shown and (not wanted.allowed or case.matter is Matter.WRONG_AGENCY):
            return "shows a record"
        return _fault(case, wanted, answer, attempts)

    async def _enter(self, case: Case, sender: Sender) -> None:
        """Put the case's person into identity's tables, as an active account of the role."""
        now = self._authority.clock.now()
        account = Account(
            account_id=UUID(sender.account_id),
            username=sender.account_id,
            name="Officer Seven",
            title="Police Officer",
            agency_ori=self._runtime.policy.department.ori,
            status="active",
            roles=() if case.role == NO_ROLE else (case.role,),
            sources=(),
            tokens_valid_from=now,
            last_active_at=now,
            reviewed_at=now,
            created_at=now,
            changed_at=now,
        )
        async with self._runtime.db.begin() as connection:
            await Accounts(connection, self._runtime.policy.training.course).add(account)

    async def _place(self, case: Case, sender: Sender) -> tuple[str, Any]:
        """Return a path with its parameters, and the body; creates the person's own records first."""
        ids: dict[str, str] = {**IDS, **self._seeded}
        body = case.route.body
        if case.matter is Matter.OWN:
            ids |= await self._own(case, sender)
            if case.route.service == "identity":
                ids["account_id"] = sender.account_id
                body = {**body, "account_id": sender.account_id} if "account_id" in body else body
        names = [part[1:-1] for part in case.route.path.split("/") if part.startswith("{")]
        path = case.route.path
        for name in names:
            path = path.replace(f"{{{name}}}", ids.get(name) or str(uuid4()))
        return path, body

    async def _own(self, case: Case, sender: Sender) -> dict[str, str]:
        """Have the case's person place a wide hold or propose a purge, as its route is of one."""
        headers = sender.privileged(same_person=True)
        if "{hold_id}" in case.route.path:
            body = {
                "basis": "evidence",
                "case_number": "26-001234",
                "description": "Their own hold, wide",
                "criteria": {"captured_from": "2026-05-01T00:00:00Z"},
            }
            made = await self._ask("POST", "/v1/holds", headers, body)
            return {"hold_id": _made(made, "hold_id")}
        if "{run_id}" in case.route.path:
            made = await self._ask(
                "POST", "/v1/purge-runs", headers, {"kind": "standing", "reason": "schedule"}
            )
            return {"run_id": _made(made, "run_id")}
        return {}

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        self._sent += 1
        address = f"10.{self._sent >> 16 & 255}.{self._sent >> 8 & 255}.{self._sent & 255}"
        return await ask(self._app, method, path, headers, body, address)


def _made(answer: Answer, name: str) -> str:
    assert answer.status in (200, 201), answer.body
    return str(json.loads(answer.body)[name])


def _fault(
    case: Case, wanted: Expected, answer: Answer, attempts: list[AccessAttempted]
) -> str | None:
    """Return the fault of an answer, or None."""
    said = f"answered {answer.status} {answer.problem.get('code', '')}".strip()
    if case.route.machine:
        return None if answer.status == wanted.status else said
    if not attempts:
        return f"no attempt on record; {said}"
    first = attempts[0]
    if first.permission != case.route.permission:
        return f"recorded as {first.permission}"
    if (first.method, first.route) != (case.route.method, case.route.path):
        return f"recorded as {first.method} {first.route}"
    if first.allowed != wanted.allowed:
        return f"{'let in' if first.allowed else 'refused'}: {first.reason}; {said}"
    if wanted.status is not None:
        as_said = wanted.says in answer.problem.get("detail", "")
        right = (answer.status, _code(wanted, answer)) == (wanted.status, wanted.code)
        return None if right and as_said else f"{said}: {answer.problem.get('detail')}"
    return None if answer.status not in (0, 401) and answer.status < 500 else said


def _code(wanted: Expected, answer: Answer) -> str | None:
    return answer.problem.get("code") if wanted.code is not None else None
