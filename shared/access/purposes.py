"""The declared reason that each access carries (policy 468.4(a)), as a signed, short-lived token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.accounts.tokens import verify
from shared.core.areas import Polygon, area_of, contains
from shared.core.errors import NotAuthenticated, NotAuthorised
from shared.core.permissions import Permission
from shared.core.plates import PlatePattern
from shared.core.problem_codes import Common, ScopeLimit
from shared.events import PurposeRecord
from shared.service.api_runtime import ApiRuntime

_LIMITS = frozenset({"plate", "captured_from", "captured_to", "device_ids", "area"})
"""The criteria that a scope may limit (identity's `POST /v1/purposes`)."""


@dataclass(frozen=True)
class Purpose:
    """The declared purpose of an access, with its scope: a plate, devices, an area and a time window."""

    record: PurposeRecord
    scope: dict[str, Any] = field(default_factory=dict)
    lifted_until: datetime | None = None
    """End of the limit lift for its case: until then the limit of records a day does not apply (ADR-0040)."""

    def check_scope(self, asked: dict[str, Any]) -> None:
        """Raise NotAuthorised if the request exceeds the scope. Criteria that the scope does not limit are free.

        `asked` has the route's parameters: `plate`, `captured_from`, `captured_to`, `device_ids`, `area`. They are
        not validated yet, so this accepts any JSON.
        """
        self._check_plate(asked.get("plate"))
        self._check_window(asked)
        devices = self.scope.get("device_ids")
        if devices is not None:
            wanted = asked.get("device_ids")
            if not isinstance(wanted, list | tuple) or not wanted:
                raise _outside(ScopeLimit.DEVICES)
            if not set(map(str, wanted)) <= set(map(str, devices)):
                raise _outside(ScopeLimit.DEVICES)
        area = self.scope.get("area")
        if area is not None and not _lies_within(asked.get("area"), area):
            raise _outside(ScopeLimit.AREA)

    def check_contains(self, criteria: Mapping[str, Any]) -> None:
        """Raise NotAuthorised unless every record that matches `criteria` lies within the scope.

        `criteria` are those of a hold, validated, as plain JSON values. A search shows only records within the scope;
        a hold preserves, releases or exports all records that it matches, so its criteria must lie within the scope.
        """
        scope = {name: limit for name, limit in self.scope.items() if limit is not None}
        if scope.keys() - _LIMITS:
            raise _outside(ScopeLimit.UNKNOWN)
        self.check_scope(dict(criteria))
        if "plate" in scope and criteria.get("lookalike"):
            raise _outside(ScopeLimit.LOOKALIKE)

    def _check_plate(self, asked: Any) -> None:
        plate = self.scope.get("plate")
        if plate is None:
            return
        try:
            same = isinstance(asked, str) and PlatePattern.parse(asked).text == plate
        except ValueError:
            same = False
        if not same:
            raise _outside(ScopeLimit.PLATE)

    def _check_window(self, asked: dict[str, Any]) -> None:
        for name, beyond in (("captured_from", _earlier), ("captured_to", _later)):
            bound = self.scope.get(name)
            if bound is not None and beyond(asked.get(name), bound):
                raise _outside(ScopeLimit.WINDOW)


def purpose_of(
    runtime: ApiRuntime,
    permission: Permission,
    account_id: str,
    token: str | None,
    now: datetime,
    *,
    needed: bool = False,
) -> Purpose | None:
    """Return the purpose in `token`; None if no token was sent and none is required.

    `needed`: the route requires one even if its permission does not.

    Raises: NotAuthorised if a required token is missing, or the token is invalid, another person's, or of a kind that
        does not open the permission by the policy's table.
    """
    opening = runtime.policy.purposes.kinds_for(permission)
    if token is None:
        if needed or permission.needs_purpose:
            raise NotAuthorised(
                Common.PURPOSE_MISSING, kinds=sorted(opening), permission=permission
            )
        return None
    try:
        claims = verify(token, runtime.people.keys, "purpose", now)
    except NotAuthenticated as exc:
        raise NotAuthorised(Common.PURPOSE_TOKEN_REFUSED, because=exc) from None
    if claims["sub"] != account_id:
        raise NotAuthorised(Common.PURPOSE_OF_ANOTHER_PERSON)
    if claims.get("kind") not in opening:
        raise NotAuthorised(
            Common.PURPOSE_DOES_NOT_OPEN,
            kind=str(claims.get("kind")),
            kinds=sorted(opening),
            permission=permission,
        )
    record = PurposeRecord(
        kind=str(claims["kind"]),
        offence_type=claims.get("offence_type"),
        case_number=claims.get("case_number"),
        call_number=claims.get("call_number"),
        purpose_id=UUID(claims["jti"]),
        justification=claims.get("justification"),
    )
    return Purpose(record, claims.get("scope") or {}, _lifted_until(claims))


def _lifted_until(claims: dict[str, Any]) -> datetime | None:
    until = claims.get("limit_lifted_until")
    if isinstance(until, bool) or not isinstance(until, int | float):
        return None
    return datetime.fromtimestamp(until, UTC)


def _outside(what: ScopeLimit) -> NotAuthorised:
    return NotAuthorised(Common.PURPOSE_SCOPE_EXCEEDED, what=what)


def _lies_within(asked: Any, bound: Any) -> bool:
    """Whether one area lies within another; both are any JSON, and a purpose's area is a circle or a box."""
    try:
        outer, inner = area_of(bound), area_of(asked)
        return not isinstance(outer, Polygon) and contains(outer, inner)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return False


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _earlier(asked: Any, bound: Any) -> bool:
    moment, limit = _time(asked), _time(bound)
    return moment is None or limit is None or moment < limit


def _later(asked: Any, bound: Any) -> bool:
    moment, limit = _time(asked), _time(bound)
    return moment is None or limit is None or moment > limit
