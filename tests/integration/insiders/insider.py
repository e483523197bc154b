"""A person with a role's full rights, who stores every answer."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.integration.authz.asking import Answer
from tests.integration.identity.conftest import Person
from tests.integration.insiders.department import Department, monotonic
from tests.integration.insiders.records import PLATE, Revealed, Store, plain

CASE, OTHER_CASE = "26-000468", "26-000469"
RENEWED_AFTER_S = 300


@dataclass(frozen=True)
class Asked:
    """One request with its answer."""

    service: str
    method: str
    route: str
    path: str
    purpose: str | None
    answer: Answer
    told: Revealed
    at: float
    """When the answer came."""
    pushed: bool
    """Whether the software chose the content: live alerts."""
    named: frozenset[str]
    """Plates that the request named."""

    @property
    def request_id(self) -> str:
        """As the service calls it."""
        return self.answer.headers.get("x-request-id", "")

    @property
    def succeeded(self) -> bool:
        """2xx."""
        return 200 <= self.answer.status < 300

    @property
    def is_picture(self) -> bool:
        """Whether it is the picture of one record."""
        return self.route.endswith(("/crop", "/image"))

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path} for {self.purpose}: {self.answer.status}"


@dataclass
class Insider:
    """A person, the purposes that they declared, and all that was answered to them."""

    role: str
    person: Person
    department: Department
    store: Store
    purposes: dict[str | None, str] = field(default_factory=dict)
    """Tokens by the purpose declared."""
    asked: list[Asked] = field(default_factory=list)
    _renewed: float = -RENEWED_AFTER_S

    @property
    def account_id(self) -> str:
        """The account."""
        return self.person.account_id

    async def ask(
        self,
        service: str,
        method: str,
        route: str,
        *,
        purpose: str | None = None,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        listen_s: float = 0,
        **ids: str,
    ) -> Asked:
        """Send one request, as a client of this role would; store the records of its answer."""
        await self._renew()
        path = route
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", str(value))
        if query:
            path += f"?{urlencode({k: v for k, v in query.items() if v is not None})}"
        sent = dict(self.person.headers) | (headers or {})
        if purpose is not None and purpose in self.purposes:
            sent["x-alpr-purpose"] = self.purposes[purpose]
        answer = await self.department.ask(service, method, path, sent, body, listen_s=listen_s)
        request = plain(body if not isinstance(body, bytes) else body.decode()) + path.encode()
        named = frozenset(m.decode() for m in PLATE.findall(request))
        if service == "audit":
            named |= {record.plate for record in self.store.named}
        told = (
            self.store.revealed(answer.body)
            if answer.status < 300
            else Revealed(*[frozenset()] * 3)
        )
        asked = Asked(
            service,
            method,
            route,
            path,
            purpose,
            answer,
            told.without(named),
            monotonic(),
            pushed=route == "/v1/alerts",
            named=named,
        )
        if answer.status >= 300 or not answer.body:
            refused = self.store.revealed(answer.body).without(named)
            assert not refused.all, f"{asked} tells {refused} in a refusal"
        self.asked.append(asked)
        return asked

    async def _renew(self) -> None:
        if monotonic() - self._renewed > RENEWED_AFTER_S:
            self._renewed = monotonic()
            await self.person.renew()

    async def declare(self, kind: str, *, case: str = CASE, name: str | None = None) -> bool:
        """Declare a purpose of a kind and store its token; return whether it was accepted."""
        asked = await self.ask(
            "identity",
            "POST",
            "/v1/purposes",
            body={
                "kind": kind,
                "offence_type": "vehicle theft",
                "case_number": case,
                "justification": "What this person says it is for",
            },
        )
        if asked.succeeded:
            self.purposes[name or kind] = asked.answer.json["purpose_token"]
        return asked.succeeded

    def carried(self, service: str | None = None) -> frozenset[str]:
        """Return every record that the answers of a route showed, without live alerts."""
        return frozenset(
            plate
            for asked in self.asked
            if service in (None, asked.service) and not asked.pushed
            for plate in asked.told.all
        )

    @property
    def refusals(self) -> list[Asked]:
        """Answers that refused a right."""
        return [asked for asked in self.asked if asked.answer.status == 403]

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return Counter(asked.answer.status for asked in self.asked)


def first(asked: Iterable[Asked]) -> Asked | None:
    """Return the first one that succeeded."""
    return next((one for one in asked if one.succeeded), None)
