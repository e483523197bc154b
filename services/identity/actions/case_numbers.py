"""Imports the department's case and call numbers, and reports purposes whose numbers are not among them (ADR-0141)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from services.identity.actions.context import Identity
from services.identity.domain.case_numbers import CaseList, decoded, numbers_in
from services.identity.store.case_numbers import AT_ONCE, Unknown
from services.identity.store.unit_of_work import Unit
from shared.core.errors import InternalFault
from shared.events import CaseNumbersImported, PurposeChecked

SUFFIXES = frozenset({".csv", ".txt"})
STEADY = timedelta(seconds=10)
"""A file that was written less long ago may not be complete."""

MOST_BYTES = 500_000_000


@dataclass(frozen=True)
class ExportedFile:
    """One file of an export, as it was when the folder was listed."""

    path: Path
    size: int
    written_at: datetime


def files_in(folder: Path) -> tuple[ExportedFile, ...]:
    """Return the files of an export by name. Raises: InternalFault for a folder without any, or too large ones."""
    try:
        found = tuple(
            _file(path)
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as exc:
        raise InternalFault(f"{folder}: {exc.strerror}") from None
    if not found:
        raise InternalFault(f"{folder} has no file that ends in .csv or .txt")
    if sum(one.size for one in found) > MOST_BYTES:
        raise InternalFault(f"the files of {folder} have more than {MOST_BYTES:,} bytes")
    return found


def read(files: Sequence[ExportedFile], now: datetime) -> CaseList:
    """Return the numbers of an export's files. Raises: InternalFault for one that is not what is meant."""
    digest, numbers = sha256(), set[str]()
    for one in files:
        try:
            raw = one.path.read_bytes()
        except OSError as exc:
            raise InternalFault(f"{one.path}: {exc.strerror}") from None
        digest.update(raw)
        numbers |= numbers_in(decoded(raw), one.path.name)
    if not numbers:
        raise InternalFault("the files have no number")
    as_of = min(now, *(one.written_at for one in files))
    return CaseList(frozenset(numbers), as_of, digest.hexdigest())


async def put_in_force(identity: Identity, new: CaseList) -> bool:
    """Compare purposes with these numbers from now on; return False if they are in force already."""
    async with identity.begin() as unit:
        before = await unit.case_numbers.in_force(lock=True)
        if (before.as_of, before.sha256) == (new.as_of, new.sha256):
            return False
        added, removed = await unit.case_numbers.replace(new)
        await unit.emit(
            CaseNumbersImported(
                occurred_at=unit.now,
                list_as_of=new.as_of,
                numbers=len(new.numbers),
                added=added,
                removed=removed,
                sha256=new.sha256,
            )
        )
        await _settle(unit, new.as_of)
    return True


async def report_unknown(identity: Identity) -> None:
    """Report purposes whose numbers the list lacks although their time is over.

    A purpose waits for a list that is younger than itself: what is old cannot lack its number.
    """
    has_more = True
    while has_more:
        async with identity.begin() as unit:
            as_of = (await unit.case_numbers.in_force()).as_of
            if as_of is None:
                return
            await _settle(unit, as_of)
            found = await unit.case_numbers.due(unit.now, as_of)
            for one in found:
                await unit.case_numbers.mark_reported(one)
                await unit.emit(_checked(unit, one, as_of, found=False))
            has_more = len(found) == AT_ONCE


async def _settle(unit: Unit, as_of: datetime) -> None:
    for one in await unit.case_numbers.settle():
        await unit.emit(_checked(unit, one, as_of, found=True))


def _checked(unit: Unit, one: Unknown, as_of: datetime, *, found: bool) -> PurposeChecked:
    return PurposeChecked(
        occurred_at=unit.now,
        purpose_id=one.purpose_id,
        account_id=one.account_id,
        declared_at=one.declared_at,
        numbers=one.numbers,
        found=found,
        list_as_of=as_of,
    )


def _file(path: Path) -> ExportedFile:
    state = path.stat()
    return ExportedFile(path, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC))
