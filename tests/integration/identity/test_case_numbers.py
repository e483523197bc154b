"""Numbers of purposes are compared with those of the department's own systems (policy 468.4(a), ADR-0141)."""

import hashlib
import os
from datetime import timedelta

import msgspec
import pytest

from services.identity.actions import case_numbers as actions
from services.identity.workers import case_numbers
from services.identity.workers.case_numbers import CaseNumbersWatch
from shared.core.case_numbers import CaseRules
from shared.core.errors import InternalFault
from shared.events import CaseNumbersImported, PurposeChecked, PurposeDeclared
from tests.integration.identity.declaring import a_purpose, officer

__all__ = ["officer"]

pytestmark = pytest.mark.clause("468.4(a)/known-numbers")

KNOWN, OTHER, UNKNOWN = "26-001234", "26-001235", "26-009999"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


@pytest.fixture
def identity_settings(identity_settings, folder):
    return identity_settings.model_copy(update={"identity_case_numbers_folder": folder})


@pytest.fixture(autouse=True)
def compared(runtime, monkeypatch):
    """A policy that compares numbers within a day."""
    rules = CaseRules(known_within_h=24)
    monkeypatch.setattr(runtime, "policy", msgspec.structs.replace(runtime.policy, cases=rules))


@pytest.fixture
def watch(identity):
    return CaseNumbersWatch(identity)


@pytest.fixture
def export(folder, clock, watch):
    """Write a file of numbers, a minute ago, and have it imported."""

    async def write(*numbers, name="cases.csv", ago_s=60):
        file = folder / name
        file.write_text("Case number,Victim\n" + "".join(f"{number},Ann\n" for number in numbers))
        written = (clock.now() - timedelta(seconds=ago_s)).timestamp()
        os.utime(file, (written, written))
        await watch.once()
        return file

    return write


@pytest.fixture
def checks(published):
    """What was published of purposes: their numbers, and whether they were found."""

    async def said():
        return [(event.numbers, event.found) for event in await published(PurposeChecked)]

    return said


async def declare(person, **changes):
    answer = await person.post("/v1/purposes", **a_purpose(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_number_that_is_in_no_list_in_time_is_reported_once(
    officer, export, watch, clock, checks, published
):
    await export(KNOWN, OTHER)
    good = await declare(officer, case_number=KNOWN, call_number="26001235")
    assert (good["unknown_numbers"], good["known_by"]) == ([], None)
    bad = await declare(officer, case_number=UNKNOWN, call_number=OTHER)
    assert bad["unknown_numbers"] == [UNKNOWN]
    assert bad["known_by"] == f"{clock.now() + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}"
    clock.advance(hours=24, seconds=-1)
    await export(KNOWN)
    assert await checks() == []
    clock.advance(seconds=1)
    await watch.once()
    await watch.once()
    assert await checks() == [([UNKNOWN], False)]
    [event] = await published(PurposeChecked)
    declared = {str(e.purpose.purpose_id): e for e in await published(PurposeDeclared)}
    assert declared[str(event.purpose_id)].purpose.case_number == UNKNOWN
    assert str(event.purpose_id) == bad["purpose_id"]
    assert str(event.account_id) == officer.account_id
    assert event.declared_at == declared[bad["purpose_id"]].occurred_at
    assert event.list_as_of == clock.now() - timedelta(seconds=61)


async def test_a_number_that_a_list_has_had_once_is_known_even_if_a_later_one_lacks_it(
    officer, export, watch, clock, checks
):
    await export(KNOWN)
    await declare(officer, case_number=UNKNOWN, call_number=OTHER)
    clock.advance(hours=1)
    await export(UNKNOWN)
    clock.advance(hours=1)
    await export(OTHER)
    clock.advance(hours=30)
    await watch.once()
    assert await checks() == []
    again = await declare(await officer.sign_in(), case_number=UNKNOWN)
    assert again["unknown_numbers"] == [UNKNOWN], "for a new purpose, the list in force counts"


async def test_a_number_that_comes_late_is_reported_as_found_once(
    officer, export, watch, clock, checks
):
    await export(KNOWN)
    await declare(officer, case_number=UNKNOWN, call_number=OTHER)
    clock.advance(hours=25)
    await export(KNOWN)
    assert await checks() == [([UNKNOWN, OTHER], False)]
    clock.advance(seconds=1)
    await export(UNKNOWN)
    assert len(await checks()) == 1, "one of the two is still unknown"
    clock.advance(hours=1)
    await export(OTHER)
    await watch.once()
    assert await checks() == [([UNKNOWN, OTHER], False), ([UNKNOWN, OTHER], True)]


async def test_only_a_list_that_is_younger_than_the_purpose_shows_that_it_lacks_a_number(
    officer, export, watch, clock, checks
):
    await watch_fails(watch, "has no file")
    assert (await declare(officer))["unknown_numbers"] == [KNOWN], "there is no list yet"
    clock.advance(hours=30)
    await watch_fails(watch, "has no file")
    assert await checks() == []
    await export(OTHER, ago_s=30 * 3600 + 1)
    assert await checks() == []
    await export(OTHER, ago_s=30 * 3600)
    assert await checks() == [([KNOWN], False)]


async def watch_fails(watch, text):
    with pytest.raises(InternalFault, match=text):
        await watch.once()


async def test_an_import_is_on_record_with_what_it_changes(export, folder, published, clock):
    first = await export(KNOWN, OTHER, ago_s=3600)
    second = await export(OTHER, UNKNOWN, name="calls.TXT", ago_s=120)
    [_, event] = await published(CaseNumbersImported)
    assert (event.numbers, event.added, event.removed) == (3, 1, 0)
    assert event.list_as_of == clock.now() - timedelta(hours=1), "of the oldest file"
    both = second.read_bytes() + first.read_bytes()
    assert event.sha256 == hashlib.sha256(both).hexdigest(), "of the files by name"
    first.unlink()
    second.rename(folder / "calls.csv")
    await export(OTHER, name="calls.csv")
    assert [(e.numbers, e.added, e.removed) for e in await published(CaseNumbersImported)][2:] == [
        (1, 0, 2)
    ]


async def test_files_are_imported_once_and_anew_after_a_restart_or_a_change_alone(
    export, identity, watch, published, monkeypatch
):
    reads = []
    monkeypatch.setattr(
        case_numbers, "read", lambda files, now: reads.append(1) or actions.read(files, now)
    )
    await export(KNOWN)
    await watch.once()
    assert len(reads) == 1
    await CaseNumbersWatch(identity).once()
    assert len(reads) == 2
    assert len(await published(CaseNumbersImported)) == 1, "it is in force already"
    await export(KNOWN, ago_s=30)
    assert len(await published(CaseNumbersImported)) == 2, "the same numbers of a later time"


async def test_a_file_that_is_being_written_waits(
    export, folder, watch, clock, published, monkeypatch
):
    await export(KNOWN, ago_s=9)
    assert await published(CaseNumbersImported) == []
    clock.advance(seconds=1)

    def read(files, now):
        new = actions.read(files, now)
        os.utime(folder / "cases.csv", (clock.now().timestamp(),) * 2)
        return new

    with monkeypatch.context() as patch:
        patch.setattr(case_numbers, "read", read)
        await watch.once()
    assert await published(CaseNumbersImported) == [], "it changed while it was read"
    clock.advance(seconds=10)
    await watch.once()
    assert len(await published(CaseNumbersImported)) == 1


async def test_files_of_other_names_are_no_part_of_an_export(export, folder, watch):
    (folder / "cases.csv.part").write_text("number\n26-1\n")
    (folder / ".hidden.csv").write_text("number\n26-1\n")
    (folder / "folder.csv").mkdir()
    await watch_fails(watch, "no file that ends in .csv or .txt")


async def test_an_export_that_cannot_be_meant_leaves_the_list_in_force(
    officer, export, watch, monkeypatch
):
    await export(KNOWN)
    with pytest.raises(InternalFault, match="the files have no number"):
        await export()
    assert (await declare(officer, case_number=KNOWN))["unknown_numbers"] == []
    monkeypatch.setattr(actions, "MOST_BYTES", 10)
    await watch_fails(watch, "more than 10 bytes")


async def test_a_folder_that_fails_does_not_stop_the_check(
    officer, export, folder, watch, clock, checks
):
    await export(KNOWN)
    await declare(officer, case_number=UNKNOWN)
    clock.advance(hours=23)
    await export(KNOWN)
    clock.advance(hours=2)
    (folder / "cases.csv").unlink()
    await watch_fails(watch, "no file")
    assert await checks() == [([UNKNOWN], False)]
    folder.rmdir()
    await watch_fails(watch, "No such file or directory")


async def test_more_purposes_than_one_transaction_reports(
    officer, export, clock, checks, monkeypatch
):
    monkeypatch.setattr(actions, "AT_ONCE", 2)
    monkeypatch.setattr("services.identity.store.case_numbers.AT_ONCE", 2)
    await export(OTHER)
    for number in range(5):
        await declare(officer, case_number=f"26-00000{number}")
    clock.advance(hours=24)
    await export(OTHER)
    assert sorted(await checks()) == [([f"26-00000{number}"], False) for number in range(5)]


async def test_purposes_that_open_no_search_may_name_any_number(
    hire, train, export, watch, clock, checks
):
    auditor = await hire("a.six", "auditor", title="Auditor")
    await train(auditor)
    await export(OTHER)
    declared = await declare(auditor, kind="audit", case_number=KNOWN)
    assert declared["unknown_numbers"] == []
    clock.advance(hours=24)
    await export(OTHER)
    assert await checks() == []


async def test_without_the_rule_no_number_is_compared(
    officer, folder, watch, runtime, monkeypatch, published, clock
):
    monkeypatch.setattr(
        runtime, "policy", msgspec.structs.replace(runtime.policy, cases=CaseRules())
    )
    assert (await declare(officer))["unknown_numbers"] == []
    (folder / "cases.csv").write_text("number\n26-1\n")
    clock.advance(hours=48)
    await watch.once()
    assert await published(CaseNumbersImported) == []
    assert await published(PurposeChecked) == []


async def test_a_rule_without_a_folder_is_a_fault(identity, watch, monkeypatch):
    without = identity.settings.model_copy(update={"identity_case_numbers_folder": None})
    object.__setattr__(identity, "settings", without)
    await watch_fails(watch, "IDENTITY_CASE_NUMBERS_FOLDER")


async def test_a_running_service_compares_by_itself(identity, runtime, monkeypatch):
    monkeypatch.setattr(runtime, "live", True)
    assert "case numbers" in [task.name for task in identity.tasks()]
