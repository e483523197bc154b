"""Records the plates that a person brings into force, which is a search of them from then on (ADR-0115)."""

from collections.abc import Collection

from services.hotlist.store.entries import Entries
from services.hotlist.store.lists import HotList, Version
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.rule_refusals import RefusedByRule
from shared.core.problem_codes import Common
from shared.postgres.disclosed_records import LISTED_PLATES
from shared.postgres.unit_of_work import UnitOfWork

MOST_NAMED = 1000
"""The most plates that the record of a version names. A larger file is a list of a source, and names none alone."""


async def record_version(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: Version
) -> None:
    """Record the plates of a version that its locked list does not have in force now.

    Raises: as `record_listed`.
    """
    old, new = hot_list.in_force, (version.snapshot_id, version.version)
    plates = await Entries(work.connection).new_plates(old, new, grant.now, MOST_NAMED + 1)
    await record_listed(work, grant, hot_list, version.version, plates)


async def record_listed(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: int, plates: Collection[str]
) -> None:
    """Record that a person lists these plates, in their normal form, in the transaction that brings them into force.

    Raises: RefusedByRule without a declared purpose, if the department itself keeps the list; NotAuthorised for a
    plate that the declared purpose does not cover.
    """
    if not plates:
        return
    if grant.purpose is not None:
        for plate in plates:
            grant.purpose.check_scope({"plate": plate})
    elif hot_list.source == "department":
        raise RefusedByRule(grant, Common.PURPOSE_MISSING_TO_LIST)
    named = plates if len(plates) <= MOST_NAMED else ()
    listed = Disclosed(record_id=f"{hot_list.list_id}/{version}", plates=named, holds=0)
    await disclose(work.connection, grant, LISTED_PLATES, [listed])
