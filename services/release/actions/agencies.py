"""Registers and changes recipient agencies."""

from dataclasses import asdict, dataclass, replace

from services.release.domain.problem_codes import Code
from services.release.domain.requests import Agency
from services.release.store import Agencies
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.types import AgencyKind, Ori
from shared.events import AgencyChanged
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class AgencyChanges:
    """New values of an agency; None leaves a value unchanged."""

    name: str | None = None
    kind: AgencyKind | None = None
    state: str | None = None
    contact: str | None = None
    active: bool | None = None

    def apply(self, agency: Agency) -> Agency:
        """Return the agency with the new values."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(agency, **given)


async def register(work: UnitOfWork, grant: Grant, agency: Agency, department: Ori) -> None:
    """Register an agency that may ask for data.

    Raises: InvalidInput for the department itself; Conflict if the agency is registered already.
    """
    if agency.ori == department:
        raise InvalidInput(Code.AGENCY_IS_THE_DEPARTMENT, field="ori")
    if not await Agencies(work.connection).add(agency, grant.actor.person_id, grant.now):
        raise Conflict(Code.AGENCY_REGISTERED_BEFORE, field="ori")
    await work.emit(_changed(grant, agency, "registered", _details(agency)))


async def change(work: UnitOfWork, grant: Grant, ori: Ori, changes: AgencyChanges) -> Agency:
    """Change what is registered of an agency, and return it as it is now.

    Raises: NotFound; Conflict if nothing changes.
    """
    agencies = Agencies(work.connection)
    before = await agencies.get(ori, lock=True)
    if before is None:
        raise NotFound(Code.AGENCY_UNKNOWN)
    after = changes.apply(before)
    if after == before:
        raise Conflict(Code.AGENCY_UNCHANGED)
    await agencies.change(after, grant.actor.person_id, grant.now)
    old = _details(before)
    details = {name: value for name, value in _details(after).items() if old[name] != value}
    await work.emit(_changed(grant, after, "changed", details))
    return after


def _changed(grant: Grant, agency: Agency, change: str, details: dict[str, str]) -> AgencyChanged:
    return AgencyChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        agency_ori=agency.ori,
        change=change,
        details=details,
    )


def _details(agency: Agency) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(agency).items() if name != "ori"}
