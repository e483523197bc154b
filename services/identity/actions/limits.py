"""Releasing a person, for one case, from the limit of records shown in a day (ADR-0040)."""

from datetime import timedelta
from uuid import UUID, uuid4

from services.identity.domain.accounts import check_not_own_account
from services.identity.domain.problem_codes import Code, OwnAct
from services.identity.domain.purposes import check_case_number
from services.identity.store.records import LimitLift
from services.identity.store.unit_of_work import Unit
from shared.core.errors import Conflict
from shared.events import Actor, LimitLifted


async def lift(
    unit: Unit, by: Actor, account_id: UUID, *, case_number: str, reason: str
) -> LimitLift:
    """Release a person for a case, for as long as the policy says.

    It applies to purposes that the person declares for that case from now on. Raises: NotFound,
    NotAuthorised for one's own account, Conflict if the account is not active, InvalidInput.
    """
    account = await unit.accounts.get(account_id, lock=True)
    check_not_own_account(account, by, doing=OwnAct.LIFT_LIMIT)
    if account.status != "active":
        raise Conflict(Code.LIMIT_OF_INACTIVE_ACCOUNT, status=account.status)
    check_case_number(unit.policy.cases, case_number)
    given = LimitLift(
        lift_id=uuid4(),
        account_id=account_id,
        case_number=case_number,
        reason=reason,
        lifted_by=UUID(by.person_id),
        lifted_at=unit.now,
        until=unit.now + timedelta(hours=unit.policy.limits.limit_lifted_h),
    )
    await unit.limit_lifts.add(given)
    await unit.emit(
        LimitLifted(
            occurred_at=unit.now,
            actor=by,
            account_id=account_id,
            case_number=case_number,
            until=given.until,
            reason=reason,
        )
    )
    return given
