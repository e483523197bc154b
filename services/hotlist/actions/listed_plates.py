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

PIECE = 1000
"""The most plates of one disclosure, so that its event stays below Kafka's size limit."""

MOST_NAMED = 1000
"""The most new plates of a list of the state or of NCIC that are named. A larger file names none alone."""

MOST_OF_DEPARTMENT = 50_000
"""The most of a list of the department: one plate could else be hidden among a thousand of no case."""


async def record_version(
    work: UnitOfWork, grant: Grant, hot_list: HotList, version: Version
) -> None:
    """Record the plates of a version that its locked list does not have in force now.

    Raises: as `record_listed`.
    """
    old, new = hot_list.in_force, (version.snapshot_id, version.version)
    most = _most_named(hot_list) + 1
    plates = await Entries(work.connection).new_plates(old, new, grant.now, most)
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
    named = sorted(plates) if len(plates) <= _most_named(hot_list) else []
    for start in range(0, max(1, len(named)), PIECE):
        piece = named[start : start + PIECE]
        listed = Disclosed(record_id=f"{hot_list.list_id}/{version}", plates=piece, holds=0)
        await disclose(work.connection, grant, LISTED_PLATES, [listed])


def _most_named(hot_list: HotList) -> int:
    return MOST_OF_DEPARTMENT if hot_list.source == "department" else MOST_NAMED
