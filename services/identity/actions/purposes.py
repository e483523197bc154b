"""Declares a purpose: accepted, refused as too vague, or prohibited by law and recorded (468.4(a), 468.6(b))."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.identity.actions.context import Identity
from services.identity.actions.tokens import purpose_token
from services.identity.domain.problem_codes import Code
from services.identity.domain.purposes import (
    Declaration,
    check_declaration,
    forbidden,
    rules_of,
)
from services.identity.store.records import DeclaredPurpose
from services.identity.store.unit_of_work import Unit
from shared.accounts.tokens import MAX_TOKEN_CHARACTERS
from shared.core.errors import InvalidInput
from shared.core.purpose_kinds import normalise_kind
from shared.events import Actor, PurposeDeclared, PurposeRecord


@dataclass(frozen=True)
class Accepted:
    """An accepted purpose with its token."""

    purpose: DeclaredPurpose
    purpose_token: str
    unknown_numbers: Sequence[str]
    """Its numbers that the department's own systems do not have yet."""

    known_by: datetime | None
    """Until when they must have them; None without such numbers."""


async def declare(identity: Identity, by: Actor, said: Declaration) -> Accepted:
    """Return a purpose token. Raises: NotAuthorised for a prohibited kind, InvalidInput."""
    declared = replace(said, kind=normalise_kind(said.kind))
    refusal = forbidden(identity.policy, declared.kind)
    if refusal is not None:
        async with identity.begin() as unit:
            await unit.emit(_event(unit, by, declared, reason=refusal.detail))
        refusal.on_record = True
        raise refusal
    check_declaration(identity.policy, declared)
    offence = rules_of(identity.policy, declared.kind).offence(declared.offence_type)
    declared = replace(declared, offence_type=offence or declared.offence_type)
    async with identity.begin() as unit:
        return await _accept(identity, unit, by, declared)


async def _accept(identity: Identity, unit: Unit, by: Actor, declared: Declaration) -> Accepted:
    purpose = DeclaredPurpose(
        purpose_id=uuid4(),
        account_id=UUID(by.person_id),
        kind=declared.kind,
        offence_type=declared.offence_type,
        case_number=declared.case_number,
        call_number=declared.call_number,
        justification=declared.justification,
        scope=declared.scope,
        declared_at=unit.now,
        expires_at=unit.now + timedelta(minutes=unit.policy.purposes.token_minutes),
    )
    await unit.purposes.add(purpose)
    await unit.emit(_event(unit, by, declared, accepted=purpose))
    unknown, known_by = await _compare(unit, purpose)
    lifted_until = None
    if purpose.case_number is not None:
        lifted_until = await unit.limit_lifts.until(
            purpose.account_id, purpose.case_number, unit.now
        )
    token = await purpose_token(identity, unit, purpose, lifted_until)
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise InvalidInput(Code.PURPOSE_TOO_LONG, field="justification")
    return Accepted(purpose, token, unknown, known_by)


async def _compare(unit: Unit, purpose: DeclaredPurpose) -> tuple[list[str], datetime | None]:
    """Return the numbers that the department's own systems do not have, and until when they must have them.

    Identity reports those that they do not have by then; the purpose is good meanwhile (ADR-0141).
    """
    within_h = rules_of(unit.policy, purpose.kind).known_within_h
    if within_h is None:
        return [], None
    given = [n for n in (purpose.case_number, purpose.call_number) if n is not None]
    unknown = await unit.case_numbers.unknown(given)
    if not unknown:
        return [], None
    known_by = purpose.declared_at + timedelta(hours=within_h)
    await unit.case_numbers.expect(purpose.purpose_id, unknown, known_by)
    return unknown, known_by


def _event(
    unit: Unit,
    by: Actor,
    declared: Declaration,
    *,
    accepted: DeclaredPurpose | None = None,
    reason: str | None = None,
) -> PurposeDeclared:
    return PurposeDeclared(
        occurred_at=unit.now,
        actor=by,
        purpose=PurposeRecord(
            kind=declared.kind,
            offence_type=declared.offence_type,
            case_number=declared.case_number,
            call_number=declared.call_number,
            purpose_id=accepted.purpose_id if accepted else None,
            justification=declared.justification,
        ),
        accepted=accepted is not None,
        expires_at=accepted.expires_at if accepted else None,
        reason=reason,
        scope=dict(declared.scope),
    )
