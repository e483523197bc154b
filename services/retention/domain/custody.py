"""Custody of a booked copy: which acts may follow which, and what each must say (policy 468.5)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput


class Act(StrEnum):
    """What was done with a copy; `downloaded` is recorded by the service, and is of the package itself."""

    DOWNLOADED = "downloaded"
    HANDED_OVER = "handed_over"
    RETURNED = "returned"
    CHECKED = "checked"
    DESTROYED = "destroyed"


PARTICULARS: Mapping[Act, frozenset[str]] = {
    Act.HANDED_OVER: frozenset({"party_name", "party_organisation"}),
    Act.RETURNED: frozenset({"party_name", "party_organisation"}),
    Act.CHECKED: frozenset({"sha256"}),
    Act.DESTROYED: frozenset({"order_reference"}),
}
"""What an act must say, and all that it may say beside time and note."""


def check_particulars(act: Act, given: Mapping[str, object]) -> None:
    """Raise InvalidInput unless an act says what one of its kind must, and nothing of another kind."""
    wanted = PARTICULARS[act]
    for name, value in given.items():
        if value is None and name in wanted:
            raise InvalidInput(Code.CUSTODY_INCOMPLETE, field=name, kind=act.value)
        if value is not None and name not in wanted:
            raise InvalidInput(Code.CUSTODY_OF_OTHER_KIND, field=name, kind=act.value)


def check_time(acted_at: datetime, now: datetime) -> None:
    """Raise InvalidInput for an act that is yet to come."""
    if acted_at > now:
        raise InvalidInput(Code.CUSTODY_IN_FUTURE, field="acted_at")


def check_order(act: Act, earlier: Iterable[Act]) -> None:
    """Raise Conflict unless an act may follow the earlier ones of the same copy, in their order."""
    is_away = False
    for one in earlier:
        if one is Act.DESTROYED:
            raise Conflict(Code.CUSTODY_DESTROYED)
        if one in (Act.HANDED_OVER, Act.RETURNED):
            is_away = one is Act.HANDED_OVER
    if is_away and act in (Act.HANDED_OVER, Act.DESTROYED):
        raise Conflict(Code.CUSTODY_AWAY)
    if act is Act.RETURNED and not is_away:
        raise Conflict(Code.CUSTODY_NOT_AWAY)


def check_correction(corrects: UUID, in_force: Sequence[UUID], note: str | None) -> None:
    """Check that an act of custody may be corrected.

    Raises: InvalidInput without a note that explains the error; Conflict unless it is the last of its copy.
    """
    if note is None:
        raise InvalidInput(Code.CUSTODY_CORRECTION_WITHOUT_NOTE, field="note")
    if list(in_force[-1:]) != [corrects]:
        raise Conflict(Code.CUSTODY_CORRECTION_OF_OTHER, field="corrects")


def copy_of(booking_id: UUID, corrects: Mapping[UUID, UUID | None]) -> UUID:
    """Return the first booking of the same copy; `corrects` names for each booking the one that it replaces."""
    while (earlier := corrects[booking_id]) is not None:
        booking_id = earlier
    return booking_id
