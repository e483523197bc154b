"""The expected answers by the policy's tables and each route's declaration, independent of the services' code.

A case is one request: a route, a role of `policy.toml` (or none), and a condition of the request.
"""

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

PUBLIC = {
    "/livez": "whether the process runs",
    "/readyz": "whether it can work",
    "/metrics": "figures for operations",
    "/v1/checkpoint": "audit: the newest signed checkpoint, for anybody to keep",
    "/v1/figures": "audit: counts of whole months without small ones, for anybody to see",
    "/v1/keys": "audit: public keys",
    "/v1/signing-key": "retention: the public key of packages",
    "/.well-known/jwks.json": "identity: public keys of tokens",
    "/v1/set-up": "identity: the set-up link is the credential",
    "/v1/enrolment": "identity: an invitation is the credential",
    "/v1/enrolment/confirmation": "identity: the same",
    "/v1/sessions": "identity: sign-in; password and second factor are the credential",
    "/v1/sessions/challenge": "identity: what a security key signs at sign-in, which shows nothing of anyone",
    "/v1/sessions/renewal": "identity: a refresh token is the credential",
}
"""Routes without a permission, and why. They show no ALPR data."""

WITHOUT_TRAINING = frozenset(
    [
        "account:self",
        "account:read",
        "account:manage",
        "account:deliver",
        "training:record",
        "release:request",
        "release:download",
    ]
)
"""Permissions that operate no function and show no ALPR data within the department (468.4(d))."""

WITH_PURPOSE = frozenset(
    ["record:search", "record:export", "image:read", "audit:read", "hold:manage"]
)
"""Permissions of which each use carries a purpose (468.4(a)), on every route; some routes of others do too."""

DEPARTMENT_ALONE = frozenset({"audit:read"})
"""Permissions that people of another agency are refused whole; elsewhere they see their own agency's records."""

NOT_ONES_OWN = {
    ("retention", "POST", "/v1/holds/{hold_id}/release"): (403, "placed this hold"),
    ("retention", "POST", "/v1/holds/{hold_id}/confirmation"): (403, "placed this hold"),
    ("retention", "POST", "/v1/purge-runs/{run_id}/authorisation"): (409, "proposed this purge"),
    ("identity", "PATCH", "/v1/accounts/{account_id}"): (403, "your own account"),
    ("identity", "PUT", "/v1/accounts/{account_id}/roles"): (403, "your own account"),
    ("identity", "PUT", "/v1/accounts/{account_id}/sources"): (403, "your own account"),
    ("identity", "POST", "/v1/accounts/{account_id}/lock"): (403, "your own account"),
    ("identity", "POST", "/v1/accounts/{account_id}/lock/release"): (403, "your own account"),
    ("identity", "POST", "/v1/accounts/{account_id}/reinstatement"): (403, "your own account"),
    ("identity", "POST", "/v1/accounts/{account_id}/separation"): (403, "your own account"),
    ("identity", "POST", "/v1/accounts/{account_id}/limit-lifts"): (403, "your own account"),
    ("identity", "POST", "/v1/training"): (403, "your own account"),
}
"""Actions that a person may not perform on their own hold, purge run, account or training, with the status and the
words of the refusal."""

NO_ROLE = "no role"
PLATE_OF_SCOPE = "1SCOPE1"


class Matter(StrEnum):
    """The fault of a request."""

    NOTHING = "in order"
    NO_TOKEN = "no token"
    EXPIRED = "expired"
    WRONG_AUDIENCE = "wrong audience"
    TAMPERED = "tampered"
    LAPSED = "lapsed training"
    SUSPENDED = "suspended"
    WRONG_AGENCY = "wrong agency"
    NO_PURPOSE = "missing purpose"
    WRONG_KIND = "wrong kind"
    NARROWED = "narrowed purpose"
    OWN = "own request"


NOBODY = frozenset(
    {Matter.NO_TOKEN, Matter.EXPIRED, Matter.WRONG_AUDIENCE, Matter.TAMPERED, Matter.SUSPENDED}
)
"""The sender of these is unknown, or no longer known."""


@dataclass(frozen=True)
class Route:
    """One operation of a service's OpenAPI document."""

    service: str
    method: str
    path: str
    permission: str | None
    """As `x-permission` declares it."""
    needs_purpose: bool
    """Whether a purpose is needed, as `x-needs-purpose` declares it."""
    by_record: bool
    """Whether a purpose's scope is held against the record, not the request (`x-purpose-scope`)."""
    machine: bool
    """Whether the credential of a machine guards it (`x-credential`)."""
    body: Any = None
    """The example of its JSON body."""

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.service} {self.method} {self.path}"


@dataclass(frozen=True)
class Case:
    """One request."""

    route: Route
    role: str
    matter: Matter

    def __str__(self) -> str:
        return f"{self.route.name} as {self.role}, {self.matter.value}"


@dataclass(frozen=True)
class Expected:
    """The answer: the guard grants access, or a status with the code that gives the reason."""

    allowed: bool
    status: int | None = None
    """The status; None for any of the service's own after the guard, except 401 and 403."""
    code: str | None = None
    says: str = ""
    """Words of the refusal."""


@dataclass(frozen=True)
class Tables:
    """The tables of `policy.toml`, as written."""

    roles: Mapping[str, frozenset[str]]
    opens: Mapping[str, frozenset[str]]
    allowed: frozenset[str]

    @classmethod
    def of(cls, path: Path) -> "Tables":
        """Read them from the file, not through the services' loader."""
        plain = tomllib.loads(path.read_text())
        opens = {
            permission: frozenset(row["kinds"])
            for row in plain["purposes"]["opens"]
            for permission in row["permissions"]
        }
        roles = {name: frozenset(held) for name, held in plain["roles"].items()}
        return cls({**roles, NO_ROLE: frozenset()}, opens, frozenset(plain["purposes"]["allowed"]))

    def right_kind(self, permission: str) -> str:
        """Return a kind of purpose that opens a permission."""
        return min(self.opens.get(permission, self.allowed))

    def wrong_kind(self, permission: str) -> str:
        """Return a kind of the closed list that does not; any kind opens a permission without a row."""
        return min(self.allowed - self.opens.get(permission, self.allowed), default="audit")


def routes_of(service: str, document: Mapping[str, Any]) -> list[Route]:
    """Return a document's operations."""
    return [
        Route(
            service=service,
            method=method.upper(),
            path=path,
            permission=operation.get("x-permission"),
            needs_purpose=operation.get("x-needs-purpose", False),
            by_record=operation.get("x-purpose-scope") == "record",
            machine=operation.get("x-credential") is not None,
            body=_example(document, operation),
        )
        for path, operations in sorted(document["paths"].items())
        for method, operation in sorted(operations.items())
    ]


def _example(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = document.get("components", {}).get("schemas", {}).get(name, schema)
    return next(iter(schema.get("examples", [])), {} if content else None)


def undeclared(routes: list[Route]) -> list[str]:
    """Return the routes that declare no guard and are not public."""
    return [
        route.name
        for route in routes
        if route.permission is None and not route.machine and route.path not in PUBLIC
    ]


def cases_of(routes: list[Route], tables: Tables) -> Iterator[Case]:
    """Yield every case of the guarded routes."""
    for route, role, matter in product(routes, tables.roles, Matter):
        if route.permission is None and not route.machine:
            continue
        if matter is Matter.OWN and (route.service, route.method, route.path) not in NOT_ONES_OWN:
            continue
        yield Case(route, role, matter)


def some(cases: list[Case], number: int, seed: int) -> list[Case]:
    """Return so many cases, each route, role and matter among them as evenly as chance has it."""
    return random.Random(seed).sample(cases, min(number, len(cases)))


def expected(case: Case, tables: Tables) -> Expected:
    """Return the answer to a case by the policy and the route's declaration."""
    permission, matter = case.route.permission, case.matter
    if case.route.machine or matter in NOBODY:
        return Expected(allowed=False, status=401)
    assert permission is not None
    if permission not in tables.roles[case.role]:
        return Expected(allowed=False, status=403, code="permission_missing")
    if matter is Matter.LAPSED and permission not in WITHOUT_TRAINING:
        return Expected(allowed=False, status=403, code="training_lapsed")
    needed = permission in WITH_PURPOSE or case.route.needs_purpose
    if matter is Matter.NO_PURPOSE and needed:
        return Expected(allowed=False, status=403, code="purpose_missing")
    if matter is Matter.WRONG_KIND and (permission in tables.opens or needed):
        return Expected(allowed=False, status=403, code="purpose_does_not_open")
    if matter is Matter.NARROWED and not case.route.by_record:
        return Expected(allowed=False, status=403, code="purpose_scope_exceeded")
    if matter is Matter.WRONG_AGENCY and permission in DEPARTMENT_ALONE:
        return Expected(allowed=True, status=403)
    if matter is Matter.OWN:
        status, says = NOT_ONES_OWN[case.route.service, case.route.method, case.route.path]
        return Expected(allowed=True, status=status, says=says)
    return Expected(allowed=True)
