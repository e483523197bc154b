"""Training records: by the Training Sergeant, never one's own (468.3.1(b), 468.4(d), 468.8)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

from services.identity.domain.accounts import Account, check_not_own_account
from services.identity.domain.problem_codes import Code, OwnAct
from services.identity.store.records import Training
from services.identity.store.unit_of_work import Unit
from shared.core.errors import Conflict, InvalidInput
from shared.events import Actor, TrainingRecorded


async def record(
    unit: Unit, by: Actor, account_id: UUID, *, course: str | None, completed_on: date
) -> Training:
    """Record that a person completed a course; the policy sets how long it is valid. The same again changes nothing.

    Raises: NotFound, NotAuthorised for one's own, Conflict for a person who has left, InvalidInput.
    """
    account = await unit.accounts.get(account_id, lock=True)
    check_not_own_account(account, by, doing=OwnAct.RECORD_TRAINING)
    if account.status == "separated":
        raise Conflict(Code.TRAINEE_SEPARATED)
    if completed_on > unit.now.date():
        raise InvalidInput(Code.TRAINING_IN_FUTURE, field="completed_on")
    completed = datetime.combine(completed_on, time(), UTC)
    training = Training(
        training_id=uuid4(),
        account_id=account_id,
        course=course or unit.policy.training.course,
        completed_on=completed,
        valid_until=completed + timedelta(days=unit.policy.training.valid_days),
        recorded_by=UUID(by.person_id),
        recorded_at=unit.now,
    )
    if (known := await unit.trainings.same(training)) is not None:
        return known
    await unit.trainings.add(training)
    await unit.emit(
        TrainingRecorded(
            occurred_at=unit.now,
            actor=by,
            account_id=account_id,
            course=training.course,
            completed_on=training.completed_on,
            valid_until=training.valid_until,
        )
    )
    return training


async def refresher_due(
    unit: Unit, *, after: tuple[datetime | None, str] | None, limit: int
) -> Sequence[Account]:
    """Return people whose training is missing, lapsed, or lapses soon; other agencies train their people themselves."""
    soon = unit.now + timedelta(days=unit.policy.training.refresher_due_days)
    return await unit.accounts.trained_before(
        soon, except_titles=unit.policy.titles.external, after=after, limit=limit
    )
