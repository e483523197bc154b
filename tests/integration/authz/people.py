"""The person and the tokens of a case."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.core.permissions import Permission
from shared.testing import TestAuthority
from tests.integration.authz.expected import PLATE_OF_SCOPE, Case, Matter, Tables

ELSEWHERE = "CA0529999"


class Sender:
    """A person of a role who sends one request."""

    def __init__(self, authority: TestAuthority, case: Case, tables: Tables) -> None:
        self.account_id = str(uuid4())
        self._authority = authority
        self._case = case
        self._tables = tables

    def headers(self) -> dict[str, str]:
        """Return the headers of the request; a suspension is published first."""
        matter = self._case.matter
        if self._case.route.machine:
            return {"authorization": f"Bearer {self._access()}"}
        if matter is Matter.NO_TOKEN:
            return {"x-alpr-purpose": self._purpose()}
        headers = {"authorization": f"Bearer {self._access()}"}
        if matter is not Matter.NO_PURPOSE:
            headers["x-alpr-purpose"] = self._purpose()
        if matter is Matter.SUSPENDED:
            now = self._authority.clock.now()
            self._authority.people.know(
                self._authority.account(UUID(self.account_id), "disabled", now)
            )
        return headers

    def privileged(self, *, same_person: bool) -> dict[str, str]:
        """Return headers of a person with every permission; of this person if `same_person`."""
        account_id = self.account_id if same_person else str(uuid4())
        token = self._authority.access_token(account_id=account_id)
        purpose = self._authority.purpose_token(account_id=account_id)
        return {"authorization": f"Bearer {token}", "x-alpr-purpose": purpose}

    def _access(self) -> str:
        matter, now = self._case.matter, self._authority.clock.now()
        permissions = [Permission(name) for name in self._tables.roles[self._case.role]]
        claims: dict[str, Any] = {}
        if matter is Matter.EXPIRED:
            earlier = now - timedelta(hours=2)
            claims |= {
                "iat": earlier.timestamp(),
                "exp": (earlier + timedelta(minutes=10)).timestamp(),
            }
        if matter is Matter.WRONG_AUDIENCE:
            claims["aud"] = "somebody-else"
        if matter is Matter.WRONG_AGENCY:
            claims["ori"] = ELSEWHERE
        trained = now - timedelta(days=1) if matter is Matter.LAPSED else "current"
        token = self._authority.access_token(
            permissions, account_id=self.account_id, trained_until=trained, **claims
        )
        if matter is Matter.TAMPERED:
            head, body, signature = token.split(".")
            other = self._authority.access_token(account_id=str(uuid4())).split(".")[1]
            token = ".".join((head, other if other != body else body[::-1], signature))
        return token

    def _purpose(self) -> str:
        permission, matter = self._case.route.permission or "", self._case.matter
        kind = self._tables.right_kind(permission)
        if matter is Matter.WRONG_KIND:
            kind = self._tables.wrong_kind(permission)
        scope = {"plate": PLATE_OF_SCOPE} if matter is Matter.NARROWED else {}
        return self._authority.purpose_token(account_id=self.account_id, kind=kind, scope=scope)
