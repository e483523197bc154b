"""The guard: authenticate, authorise, record the attempt durably, and only then issue a grant.

Civil Code 1798.90.52(a); CJIS Security Policy AU-3. The only place that makes a `Grant`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access.data_elements import elements_of
from shared.access.purposes import Purpose, purpose_of
from shared.accounts.tokens import verify
from shared.core.errors import AlprError, NotAuthenticated, NotAuthorised, Unavailable
from shared.core.permissions import PATROL_PERMISSIONS, PURPOSE_MISSING, Permission
from shared.core.types import Ori
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
)
from shared.limits.limiter import note_known
from shared.postgres.disclosed_records import LIMIT_CODE, DisclosureLimit, count, is_counted, shut
from shared.postgres.outbox import emit
from shared.service.runtime import Runtime, runtime_of

__all__ = [
    "Grant",
    "Permission",
    "Principal",
    "Purpose",
    "RefusedByRule",
    "Shown",
    "access",
    "disclose",
    "disclosures",
    "identify",
    "purpose_missing",
    "refusals_recorded",
    "system_grant",
]

_BEARER = HTTPBearer(auto_error=False, scheme_name="access_token", bearerFormat="JWT")
_SEAL = object()


@dataclass(frozen=True)
class Principal:
    """A person whose token holds."""

    account_id: str
    name: str
    title: str
    agency_ori: Ori
    permissions: frozenset[str]
    trained_until: datetime | None
    sources: frozenset[str]
    """Data sources this person is entitled to: department, state, federal (468.4(e))."""

    session_id: str

    @property
    def actor(self) -> Actor:
        """The person as events name them."""
        return Actor(
            person_id=self.account_id, name=self.name, title=self.title, agency_ori=self.agency_ori
        )


@dataclass(frozen=True)
class Grant:
    """Leave to read, for one request and purpose. Made only here, after the attempt is recorded."""

    attempt_id: UUID
    principal: Principal
    permission: Permission
    purpose: Purpose | None
    service: str
    request_id: str
    now: datetime
    counted: bool = False
    """Whether it is a person's own request: what it gives out counts as shown to them that day."""

    most_disclosed: int | None = None
    """How many records a day that may be; None where nothing bounds it."""

    offered: bool = False
    """Whether an earlier answer offered the picture that is asked for: its record counted there."""

    seal: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Grant is issued by shared.access.guard only")

    @property
    def actor(self) -> Actor:
        """Who reads."""
        return self.principal.actor

    @property
    def agencies(self) -> frozenset[Ori]:
        """Whose records this person may see: their own agency's."""
        return frozenset({self.principal.agency_ori})


LINK_TOKEN = "link_token"  # noqa: S105 - a name, not a secret


def access(
    permission: Permission,
    *,
    purpose_needed: bool = False,
    scope_by_record: bool = False,
    picture_of: str | None = None,
) -> Any:
    """Return a route's one guard: `grant: Annotated[Grant, access(Permission.X)]`.

    `purpose_needed` is for a route that shows plates under a permission that can do without a purpose.

    `scope_by_record` is for a route that names a record by id: whether it lies within the purpose's
    scope shows only in the record, so the store that reads it must apply `grant.purpose.scope`.

    `picture_of` is for a route with a record's picture: the path parameter with the record's id. With a
    link in `link_token` the picture belongs to the attempt whose answer offered it, and none is recorded.

    Raises: ValueError for `purpose_needed` of a permission of which the policy need not say what opens it.

    Raises (in the route): NotAuthenticated, NotAuthorised; Unavailable if the attempt cannot be recorded.
    """
    if purpose_needed and not permission.is_opened_by_purpose:
        raise ValueError(f"shared.core.permissions does not say that a purpose opens {permission}")

    async def authorise(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        x_alpr_purpose: Annotated[
            str | None,
            Header(description="A purpose token from POST /v1/purposes of the identity service."),
        ] = None,
    ) -> Grant:
        runtime = runtime_of(request)
        now = runtime.clock.now()
        principal: Principal | None = None
        purpose: Purpose | None = None
        fault: AlprError | None = None
        offered_in: UUID | None = None
        elements = await elements_of(request)
        try:
            principal = authenticate(runtime, credentials, now)
            note_known(request)
            _authorise(permission, principal, now)
            if permission.needs_current_accounts:
                runtime.people.check_current(now)
            purpose = purpose_of(
                runtime,
                permission,
                principal.account_id,
                x_alpr_purpose,
                now,
                needed=purpose_needed,
            )
            if purpose is not None and not scope_by_record:
                purpose.check_scope(elements.asked)
            if picture_of is not None and (token := request.query_params.get(LINK_TOKEN)):
                record_id = _record_id(request, picture_of)
                offered_in = runtime.links.attempt_of(token, record_id, principal.account_id, now)
        except (NotAuthenticated, NotAuthorised, Unavailable) as exc:
            fault = exc
        if offered_in is not None and principal is not None:
            check_recordable(runtime, permission)
            return Grant(
                attempt_id=offered_in,
                principal=principal,
                permission=permission,
                purpose=purpose,
                service=runtime.service,
                request_id=request.state.request_id,
                now=now,
                offered=True,
                seal=_SEAL,
                **_counting(runtime, purpose, now),
            )
        attempt = AccessAttempted(
            occurred_at=now,
            attempt_id=uuid4(),
            actor=principal.actor if principal else None,
            service=runtime.service,
            permission=permission.value,
            method=request.method,
            route=_route_of(request),
            elements=elements.recorded,
            allowed=fault is None,
            reason=fault.detail if fault else None,
            purpose=_recorded(runtime, permission, purpose),
            request_id=request.state.request_id,
            caller_request_id=request.state.caller_request_id,
            client_address=request.client.host if request.client else "",
        )
        await record_attempt(runtime, attempt)
        if fault is not None or principal is None:
            raise fault or NotAuthenticated
        request.state.granted = grant = Grant(
            attempt_id=attempt.attempt_id,
            principal=principal,
            permission=permission,
            purpose=purpose,
            service=runtime.service,
            request_id=attempt.request_id,
            now=now,
            seal=_SEAL,
            **_counting(runtime, purpose, now),
        )
        return grant

    # Read by the architecture tests, and named in the OpenAPI document.
    authorise.permission = permission  # type: ignore[attr-defined]
    authorise.needs_purpose = purpose_needed or permission.needs_purpose  # type: ignore[attr-defined]
    authorise.scope_by_record = scope_by_record  # type: ignore[attr-defined]
    return Depends(authorise)


def check_recordable(runtime: Runtime, permission: Permission) -> None:
    """Raise Unavailable where too many records wait for the audit log, or the log is too far behind."""
    if (coverage := runtime.standing.coverage) is not None:
        coverage.check(permission)
    if runtime.relay.backlog > runtime.settings.max_outbox_backlog:
        raise Unavailable("too many access records wait for the audit log")


async def record_attempt(runtime: Runtime, attempt: AccessAttempted) -> None:
    """Commit `attempt` in a transaction of its own: a refusal outlives what follows it.

    Raises: Unavailable when it cannot be kept, too many records wait for the audit log, or the log is
    too far behind; then nothing may be released.
    """
    check_recordable(runtime, Permission(attempt.permission))
    async with runtime.db.begin() as connection:
        await emit(connection, runtime.service, attempt)


async def record_refusal(
    request: Request, grant: Grant, reason: str, *, shuts: bool = False
) -> None:
    """Record that a service's own rule refused what the guard had let through.

    Commits by itself, beside the guard's attempt and with the same request id. `shuts`: nothing more is shown
    to the person that day. Raises: Unavailable.
    """
    request.state.granted = None
    refusal = AccessAttempted(
        occurred_at=grant.now,
        attempt_id=uuid4(),
        actor=grant.actor,
        service=grant.service,
        permission=grant.permission.value,
        method=request.method,
        route=_route_of(request),
        elements=(await elements_of(request)).recorded,
        allowed=False,
        reason=reason,
        purpose=grant.purpose.record if grant.purpose else None,
        request_id=grant.request_id,
        caller_request_id=request.state.caller_request_id,
        client_address=request.client.host if request.client else "",
    )
    runtime = runtime_of(request)
    await record_attempt(runtime, refusal)
    if shuts and grant.most_disclosed is not None:
        async with runtime.db.begin() as connection:
            day = grant.now.astimezone(UTC).date()
            await shut(connection, grant.principal.account_id, day, grant.most_disclosed)


async def record_unrecorded(request: Request, refusal: NotAuthorised) -> None:
    """Record what refused a request that the guard had let through, unless that is on record. Raises: Unavailable."""
    grant: Grant | None = getattr(request.state, "granted", None)
    if isinstance(refusal, RefusedByRule):
        await record_refusal(request, refusal.grant, refusal.detail, shuts=refusal.shuts)
    elif grant is not None and not refusal.on_record:
        await record_refusal(request, grant, refusal.detail)


@asynccontextmanager
async def refusals_recorded(request: Request, grant: Grant) -> AsyncIterator[None]:
    """Leave an access record of what a rule of ours refuses, as the guard does of its own."""
    try:
        yield
    except NotAuthorised as exc:
        await record_refusal(request, grant, exc.detail)
        raise


async def identify(request: Request) -> Principal:
    """Return whose access token a request carries; nothing is recorded. Raises: NotAuthenticated."""
    runtime = runtime_of(request)
    return authenticate(runtime, await _BEARER(request), runtime.clock.now())


def authenticate(
    runtime: Runtime, credentials: HTTPAuthorizationCredentials | None, now: datetime
) -> Principal:
    """Return whose access token this is. Raises: NotAuthenticated."""
    if credentials is None:
        raise NotAuthenticated("an access token is required (Authorization: Bearer)")
    claims = verify(credentials.credentials, runtime.people.keys, "access", now)
    runtime.people.check(claims)
    trained = claims.get("trained_until")
    try:
        return Principal(
            account_id=str(claims["sub"]),
            name=str(claims["name"]),
            title=str(claims["title"]),
            agency_ori=Ori(str(claims["ori"])),
            permissions=frozenset(claims["permissions"]),
            trained_until=datetime.fromtimestamp(trained, UTC) if trained is not None else None,
            sources=frozenset(claims["sources"]),
            session_id=str(claims["sid"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise NotAuthenticated("the token lacks what an access token has") from exc


def _authorise(permission: Permission, principal: Principal, now: datetime) -> None:
    if permission.value not in principal.permissions:
        raise NotAuthorised(f"this needs the permission {permission.value}", code="permission")
    if not permission.needs_training:
        return
    if principal.trained_until is None:
        raise NotAuthorised(
            "department-approved training is not on record (policy 468.4(d))", code="training"
        )
    if principal.trained_until <= now:
        raise NotAuthorised(
            f"training lapsed on {principal.trained_until:%Y-%m-%d} (policy 468.4(d))",
            code="training",
        )


def _recorded(
    runtime: Runtime, permission: Permission, purpose: Purpose | None
) -> PurposeRecord | None:
    if purpose is not None:
        return purpose.record
    if permission in PATROL_PERMISSIONS:
        return PurposeRecord(kind=runtime.policy.purposes.patrol)
    return None


def _counting(runtime: Runtime, purpose: Purpose | None, now: datetime) -> dict[str, Any]:
    """Return how a person's grant counts what it gives out (ADR-0040)."""
    lifted = purpose is not None and purpose.lifted_until is not None and now < purpose.lifted_until
    most = None if lifted else runtime.policy.limits.disclosed_refused
    return {"counted": True, "most_disclosed": most}


def _record_id(request: Request, name: str) -> UUID:
    """Return the id of the record that a path names. Raises: NotAuthorised for what is no id."""
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise NotAuthorised(
            "no answer offered you this picture by this link", code="link"
        ) from None


def _route_of(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))


class RefusedByRule(NotAuthorised):
    """A store refused what the guard had let through. Recorded, with the request, once all is undone."""

    def __init__(self, grant: Grant, detail: str, *, code: str, shuts: bool = False) -> None:
        super().__init__(detail, code=code)
        self.grant = grant
        self.shuts = shuts
        """Whether nothing more is shown to the person that day, since the refusal told them something."""


def purpose_missing(grant: Grant, what: str) -> RefusedByRule:
    """Return the refusal of what is shown for a declared purpose alone."""
    detail = f"{what} needs a declared purpose in X-ALPR-Purpose (policy 468.4(a))"
    return RefusedByRule(grant, detail, code=PURPOSE_MISSING)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One record that was given out, as the access record tells of it."""

    record_id: object
    captured: date | None = None
    """When it was captured, the time or the day. None only for what has no capture, e.g. a list entry."""

    plates: Iterable[str] = ()
    read_ids: Iterable[object] = ()
    """The reads that it tells of, where it is neither read nor capture itself: of a hit, of a pass."""
    holds: int = 1
    """How many records it is made of: a package, an export of the log. So many are counted."""


DATED = frozenset({"read", "capture", "image", "crop", "hit", "pass"})
"""Kinds of records that always have a capture day: the audit log erases what it keeps of them by it."""


async def disclose(
    connection: AsyncConnection, grant: Grant, record_kind: str, records: Iterable[Shown]
) -> None:
    """Record which records `grant` was given, and count them, in the transaction that read them.

    Raises: RefusedByRule where a person was shown too many that day; then nothing may be shown.
    """
    records = list(records)
    told = disclosures(grant, record_kind, records)
    if grant.counted and is_counted(grant.permission.value, record_kind, offered=grant.offered):
        number = sum(event.count for event in told)
        try:
            await count(
                connection,
                grant.principal.account_id,
                grant.now.astimezone(UTC).date(),
                number,
                grant.most_disclosed,
            )
        except DisclosureLimit as exc:
            # What one thing holds is known before; of others the refusal tells that they are there.
            shuts = all(record.holds == 1 for record in records)
            raise RefusedByRule(grant, exc.detail, code=LIMIT_CODE, shuts=shuts) from None
    await emit(connection, grant.service, *told)


def disclosures(grant: Grant, record_kind: str, records: Iterable[Shown]) -> list[RecordsDisclosed]:
    """Return what `disclose` records: one event for each six capture days, one at least.

    Raises: ValueError for a record without a capture day, of a kind that has one.
    """
    by_day: dict[date | None, list[DisclosedRecord]] = {}
    counts = Counter[date | None]()
    for record in records:
        if record.captured is None and record_kind in DATED:
            raise ValueError(f"a {record_kind} is disclosed with the day of its capture")
        counts[_utc_day(record.captured)] += record.holds
        by_day.setdefault(_utc_day(record.captured), []).append(
            DisclosedRecord(
                record_id=str(record.record_id),
                plates=sorted(set(record.plates)),
                read_ids=sorted(set(map(str, record.read_ids))),
            )
        )
    days = [DisclosedDay(captured_on=day, shown=shown) for day, shown in by_day.items()]
    most = RecordsDisclosed.MAX_DAYS
    return [
        RecordsDisclosed(
            occurred_at=datetime.now(UTC),
            attempt_id=grant.attempt_id,
            actor=grant.actor,
            service=grant.service,
            permission=grant.permission.value,
            record_kind=record_kind,
            records=days[start : start + most],
            count=sum(counts[day.captured_on] for day in days[start : start + most]),
            purpose=grant.purpose.record if grant.purpose else None,
            request_id=grant.request_id,
        )
        for start in range(0, max(1, len(days)), most)
    ]


def _utc_day(captured: date | None) -> date | None:
    return captured.astimezone(UTC).date() if isinstance(captured, datetime) else captured


async def system_grant(
    runtime: Runtime,
    permission: Permission,
    *,
    on_behalf_of: Actor,
    purpose: PurposeRecord,
    elements: Mapping[str, Any],
    work: str,
    agency_ori: Ori | None = None,
    attempt_id: UUID | None = None,
) -> Grant:
    """Issue a grant for the software's own work on a person's behalf, e.g. an approved release.

    The attempt is committed first, as for a person. `work` names the consumer, in place of a route;
    `agency_ori` whose records it is for, the department's unless named. A retry passes the `attempt_id`
    of the grant of its first try: that attempt stands for all tries and is not recorded again.
    """
    now = runtime.clock.now()
    recorded = attempt_id is not None
    attempt = AccessAttempted(
        occurred_at=now,
        attempt_id=attempt_id or uuid4(),
        actor=on_behalf_of,
        service=runtime.service,
        permission=permission.value,
        method="EVENT",
        route=work,
        elements=dict(elements),
        allowed=True,
        purpose=purpose,
        request_id=str(uuid4()),
        client_address="",
    )
    if not recorded:
        await record_attempt(runtime, attempt)
    principal = Principal(
        account_id=on_behalf_of.person_id,
        name=on_behalf_of.name,
        title=on_behalf_of.title,
        agency_ori=agency_ori or runtime.policy.department.ori,
        permissions=frozenset({permission.value}),
        trained_until=None,
        sources=frozenset(),
        session_id="",
    )
    return Grant(
        attempt_id=attempt.attempt_id,
        principal=principal,
        permission=permission,
        purpose=Purpose(record=purpose),
        service=runtime.service,
        request_id=attempt.request_id,
        now=now,
        seal=_SEAL,
    )
