"""Ids, elements, objects, policy, codec: the base of every service."""

import asyncio
import errno
import json
import os
import re
from threading import Event
from uuid import UUID

import msgspec
import pytest

from shared.access.data_elements import MAX_BODY_BYTES, _clean, _parsed, _recorded_value
from shared.core.errors import DependencyDown, InternalFault, NotFound, Unavailable
from shared.core.ids import derive_id
from shared.core.permissions import Permission
from shared.core.policy import PolicyFault, load_policy
from shared.core.problem_codes import Common
from shared.http.app import members
from shared.kafka.codec import Message, decode
from shared.objects.local import LocalObjects
from shared.objects.opening import open_store
from tests.architecture.source import ROOT

POLICY = (ROOT / "policy.toml").read_text()


def test_an_id_is_derived_the_same_each_time_and_is_a_valid_uuid():
    first, again = derive_id("capture", "cam", 1), derive_id("capture", "cam", 1)
    assert first == again == UUID(str(first))
    assert first.version == 8
    assert first.variant == "specified in RFC 4122"
    assert len({derive_id("capture", "a", "b"), derive_id("capture", "ab"), first}) == 3
    assert derive_id("read", "cam", 1) != first


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("\uff17\uff21\uff22/c**", "7ABC*"),
        ("7ABC1????????", "7ABC1????????"),
        ("ß7", "ß7"),
        (7, 7),
    ],
)
def test_the_access_record_has_plates_in_the_form_of_log_searches(typed, recorded):
    assert _clean({"criteria": {"plate": typed}}) == {"criteria": {"plate": recorded}}
    assert _clean({"plates": [typed]}) == {"plates": [recorded]}


def test_secrets_do_not_enter_the_access_record():
    body = {
        "password": "hunter22",
        "totp": "123456",
        "nested": {"Refresh_Token": "x", "client_secret": "y"},
        "listed": [{"password": "hunter22"}],
        "plate": "A1",
    }
    hidden = "[hidden]"
    assert _clean(body) == {
        "password": hidden,
        "totp": hidden,
        "nested": {"Refresh_Token": hidden, "client_secret": hidden},
        "listed": [{"password": hidden}],
        "plate": "A1",
    }


@pytest.mark.parametrize("body", [b"{", b"[" * 60_000, b"\xff\xfe", b'{"a": "\x00"}'])
def test_a_body_that_is_not_json_is_recorded_as_such(body):
    assert _recorded_value(body, _parsed(body))["malformed"] is True


@pytest.mark.parametrize(
    ("fault", "general"),
    [
        (InternalFault("the plate 7ABC123 cannot be stored"), Common.INTERNAL),
        (DependencyDown("postgres at db.internal:5432 refuses the password"), Common.UNAVAILABLE),
    ],
)
def test_the_text_of_a_fault_is_for_operations_and_not_in_the_answer(fault, general):
    answer = members(fault)
    assert (answer["code"], answer["detail"], answer["params"]) == (general.code, general.text, {})
    assert fault.detail not in str(answer)


def test_text_that_postgres_cannot_store_is_made_storable():
    body = b'{"a": "x\\u0000y", "b": "\\ud800", "\\ud800\\u0000": 1}'
    cleaned = _recorded_value(body, _parsed(body))
    assert "\x00" not in cleaned["a"]
    cleaned["b"].encode()
    assert "\x00" not in "".join(name.encode().decode() for name in cleaned)


@pytest.mark.parametrize("filler", ["x" * 70_000, ["x" * 500] * 200, {"x" * 500: 1}])
def test_a_body_too_long_to_store_is_recorded_with_its_plate_and_size(filler):
    named = {f"n{n}": filler for n in range(300 if isinstance(filler, dict) else 10)}
    body = json.dumps({**named, "area": filler, "plate": "7ABC123"}).encode()
    kept = _recorded_value(body, _parsed(body))
    assert (kept["plate"], kept["size_bytes"]) == ("7ABC123", len(body))
    assert len(json.dumps(kept)) <= MAX_BODY_BYTES


async def test_a_local_object_is_written_completely_or_not_at_all(tmp_path):
    store = LocalObjects(tmp_path / "objects")
    await store.put("captures/a/b.jpg", b"x" * 700_000)
    assert await store.get("captures/a/b.jpg") == b"x" * 700_000
    assert [piece async for piece in store.stream("captures/a/b.jpg")]
    assert [p.name for p in (tmp_path / "objects/captures/a").iterdir()] == ["b.jpg"]
    await store.delete("captures/a/b.jpg")
    await store.delete("captures/a/b.jpg")
    with pytest.raises(NotFound):
        await store.get("captures/a/b.jpg")


@pytest.mark.clause("468.5/transfer")
async def test_a_put_returns_once_content_name_and_new_folders_are_on_the_disk(
    tmp_path, monkeypatch
):
    root = tmp_path / "objects"
    store, path = LocalObjects(root), root / "captures/cam/01/a.jpg"
    synced, fsync = [], os.fsync

    def watched(descriptor):
        fsync(descriptor)
        found = os.fstat(descriptor)
        synced.append((found.st_ino, found.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    await store.put("captures/cam/01/a.jpg", b"x" * 100)
    [size_bytes] = [size_bytes for one, size_bytes, _ in synced if one == path.stat().st_ino]
    assert size_bytes == 100
    above = (path.parent, path.parent.parent, root / "captures", root)
    assert {one for one, *_ in synced} == {one.stat().st_ino for one in (path, *above)}
    # Content that a crash could lose has no name yet.
    assert [folder for folder, _, has_name in synced if has_name] == [path.parent.stat().st_ino]


@pytest.mark.clause("468.5/transfer")
async def test_a_put_waits_for_the_folder_that_another_is_creating(tmp_path, monkeypatch):
    """Else the machine could stop after this put's answer, and lose the folder with the object in it."""
    root = tmp_path / "objects"
    store, fsync = LocalObjects(root), os.fsync
    reached, go = Event(), Event()

    def slow(descriptor):
        if os.fstat(descriptor).st_ino == root.stat().st_ino:
            reached.set()
            go.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    first = asyncio.create_task(store.put("captures/a.jpg", b"1"))
    await asyncio.to_thread(reached.wait, 10)
    second = asyncio.create_task(store.put("captures/b.jpg", b"2"))
    _, waiting = await asyncio.wait([first, second], timeout=0.1)
    assert waiting == {first, second}
    go.set()
    await asyncio.gather(first, second)
    assert await store.get("captures/b.jpg") == b"2"


@pytest.mark.clause("468.5/transfer")
async def test_a_folder_that_could_not_be_synced_is_synced_by_the_next_put(tmp_path, monkeypatch):
    """Else that put would find the folder there, and a crash could lose it with the object in it."""
    root = tmp_path / "objects"
    store, fsync, failing, synced = LocalObjects(root), os.fsync, [True], []

    def once(descriptor):
        if os.fstat(descriptor).st_ino == root.stat().st_ino and failing:
            failing.clear()
            raise OSError(5, "Input/output error")
        fsync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", once)
    with pytest.raises(Unavailable):
        await store.put("captures/cam/a.jpg", b"1")
    await store.put("captures/cam/b.jpg", b"2")
    assert {root.stat().st_ino, (root / "captures").stat().st_ino} <= set(synced)
    synced.clear()
    await store.put("captures/cam/c.jpg", b"3")
    assert root.stat().st_ino not in synced


@pytest.mark.parametrize(
    "key", ["../x", "a/../../x", "/etc/passwd", "", "a b", "a\x00", "a//../b", "a" * 502]
)
async def test_a_key_outside_the_store_is_refused(tmp_path, key):
    store = LocalObjects(tmp_path / "objects")
    with pytest.raises(NotFound):
        await store.put(key, b"x")
    with pytest.raises(NotFound):
        await store.get(key)


def test_a_store_address_is_a_file_or_s3_url():
    with pytest.raises(ValueError, match="file:// or s3://"):
        open_store("ftp://example.org/x")


async def test_a_full_disk_fails_the_ping(tmp_path, monkeypatch):
    store = LocalObjects(tmp_path / "objects")
    await store.ping()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable):
            await store.ping()
        with pytest.raises(Unavailable):
            await store.put("captures/1.jpg", b"x")
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []
    await store.ping()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("floor_days = 365", "floor_days = 364", "34090.6"),
        ("schedule_days = 400", "schedule_days = 300", "schedule_days"),
        ("floor_days = 365", "floor_days = 401", "schedule_days is under retention.floor_days"),
        ("[training]", "[training]\nunknown = 1", "unknown"),
        (
            '"audit", "release",',
            '"audit", "release", "personal_use",',
            "both allowed and prohibited",
        ),
        ("valid_days = 365", 'valid_days = "a year"', "valid_days"),
        ("live_within_s = 900", "live_within_s = 0", r"devices\.live_within_s"),
        ("fixed = 0\n", "", r"devices\.may_buffer_h\.fixed"),
        ("vehicle = 72", "vehicle = -1", r"devices\.may_buffer_h\.vehicle"),
        ("vehicle = 72", "vehicle = 8761", r"devices\.may_buffer_h\.vehicle"),
        ("[devices]\n", "[devices_]\n", "devices"),
        ("overdue_days = 14", "overdue_days = 0", r"retention\.overdue_days is not from 1 to 31"),
        (
            "overdue_days = 14",
            "overdue_days = 32",
            r"retention\.overdue_days is not from 1 to 31",
        ),
        (
            "package_days = 14\nkept_years = 2",
            "package_days = 14\nkept_years = 1",
            r"sharing\.kept_years .*34090",
        ),
        ("frame_margin_widths = 2.0\n", "", "frame_margin_widths"),
        ("frame_margin_widths = 2.0", "frame_margin_widths = -0.1", "frame_margin_widths"),
        ("frame_margin_widths = 2.0", "frame_margin_widths = 5.5", "frame_margin_widths"),
        ("frame_margin_widths = 2.0", "frame_margin_widths = nan", "frame_margin_widths"),
        (
            "[access_records]\nkept_years = 2",
            "[access_records]\nkept_years = 1",
            r"access_records\.kept_years .*34090",
        ),
        (
            'alone = ["auditor", "agency_requester"]',
            'alone = ["auditors"]',
            r"exclusive_roles\.alone .*auditors",
        ),
        (
            '"alpr_administrator", "training_sergeant"]]',
            '"alpr_administrator", "trainer"]]',
            r"exclusive_roles\.apart .*trainer",
        ),
        (
            '"alpr_administrator", "training_sergeant"]]',
            '"alpr_administrator", "alpr_administrator"]]',
            r"exclusive_roles\.apart is of two roles",
        ),
        ("version =", 'digest = "0"\nversion =', "remove digest"),
        ("version =", 'text = "0"\nversion =', "remove text"),
        ("bad_lines_share = 0.05", "bad_lines_share = 1.0", r"hotlists\.bad_lines_share"),
        ("shrink_share = 0.25", "shrink_share = 1.0", r"hotlists\.shrink_share"),
        ("shrink_share = 0.25", "shrink_share = -0.1", r"hotlists\.shrink_share"),
        ("period_months = 1\n", "period_months = 5\n", r"audits\.period_months"),
        ("drawn_within_hours = 24", "drawn_within_hours = 0", r"audits\.drawn_within_hours"),
        ("[exclusive_roles]", "[exclusive]", "exclusive"),
        (
            'permissions = ["audit:read", "audit:work"]',
            'permissions = ["audit:work"]',
            r"purposes\.opens does not say what opens audit:read",
        ),
        (
            'permissions = ["audit:read", "audit:work"]',
            'permissions = ["audit:read", "audit:work", "hold:manage"]',
            r"purposes\.opens names hold:manage twice",
        ),
        (
            'permissions = ["audit:read", "audit:work"]',
            'permissions = ["audit:read"]',
            r"purposes\.opens does not say what opens audit:work",
        ),
        (
            'permissions = ["release:read"]',
            'permissions = ["release:download"]',
            r"purposes\.opens does not say what opens release:read",
        ),
        ('permissions = ["audit:read", ', 'permissions = ["audit:reed", ', "audit:reed"),
        ("pass_window_s = 120", "pass_window_s = 3601", "pass_window_s"),
        (
            'kinds = ["audit"]',
            'kinds = ["personal_use"]',
            r"purposes\.opens names personal_use, not a purpose",
        ),
        ('kinds = ["audit"]', 'kinds = ["audits"]', r"purposes\.opens names audits, not a purpose"),
        (
            'kinds = ["audit"]',
            "kinds = []",
            r"purposes\.opens has no purpose that opens audit:read, audit:work",
        ),
        (
            '"custodian", "auditor"]\n',
            '"custodian", "auditors"]\n',
            r"accounts\.two_to_reinvite .*auditors",
        ),
        (
            "security_key_for = []",
            'security_key_for = ["administrator"]',
            r"accounts\.security_key_for names no role: administrator",
        ),
        (
            '"alert:receive"',
            '"alert:recieve"',
            r"roles\.officer names no permission: alert:recieve",
        ),
        ('patrol = "routine_patrol"', 'patrol = "audit"', r"purposes\.patrol"),
        ("days = 31\n", "days = 93\n", r"narrowness\.days is not from 1 to 92"),
        ("days = 31\n", "days = 0\n", r"narrowness\.days"),
        ("days = 31\n", "", "days"),
        ("[training]", '[cases]\ncase_numbers = ["any"]\n[training]', "cases: any is no mask"),
        ("known_characters = 3", "known_characters = 1", r"narrowness\.known_characters"),
        ("known_characters = 3", "known_characters = 13", r"narrowness\.known_characters"),
    ],
)
@pytest.mark.clause("468.3/exclusive-roles")
@pytest.mark.clause("468.5/floor")
@pytest.mark.clause("468.7(c)/file-retention")
@pytest.mark.clause("468.7/pictures")
@pytest.mark.clause("wall/old-log")
def test_a_policy_that_contradicts_the_law_or_itself_is_refused(tmp_path, old, new, fault):
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new))
    with pytest.raises(PolicyFault, match=fault):
        load_policy(path)


def test_an_authority_to_destroy_records_that_is_blank_is_missing():
    retention = load_policy(ROOT / "policy.toml").retention
    for given, missing in (("", ["resolution"]), (" \t", ["resolution"]), ("2026-41", [])):
        named = msgspec.structs.replace(
            retention, schedule_id="S-1", attorney_consent_id="C-1", resolution_id=given
        )
        assert named.missing_authority == missing


SECTIONS = [name for name in re.findall(r"(?m)^\[(\w+)\]$", POLICY) if name != "roles"]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_misspelt_name_in_a_section_is_refused_and_its_default_not_used(tmp_path, section):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(f"[{section}]\n", f"[{section}]\nperiod_month = 1\n"))
    with pytest.raises(PolicyFault, match="period_month"):
        load_policy(path)


def test_a_permission_that_no_row_names_is_opened_by_every_allowed_purpose():
    purposes = load_policy(ROOT / "policy.toml").purposes
    assert purposes.kinds_for("device:read") == purposes.allowed


PURPOSES = (
    "stolen_or_wanted_vehicle stolen_plate missing_person active_warrant homeland_security"
    " electronic_surveillance suspect_interdiction stolen_property_recovery crime_scene_canvass"
    " criminal_investigation department_action audit release system_maintenance"
)
"""Policy 468.3: the closed list, as the policy manual has it."""


@pytest.mark.clause("468.3/purposes")
def test_the_list_of_purposes_is_that_of_the_policy_manual():
    purposes = load_policy(ROOT / "policy.toml").purposes
    assert purposes.allowed == frozenset(PURPOSES.split())
    assert purposes.prohibited.keys() == {
        "immigration_enforcement",
        "reproductive_care",
        "lawful_protest",
        "personal_use",
    }


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize("permission", sorted(p for p in Permission if p.is_opened_by_purpose))
def test_a_permission_that_needs_a_purpose_anywhere_is_not_left_out(tmp_path, permission):
    path = tmp_path / "policy.toml"
    without = re.sub(
        r"permissions = \[.*\]\nkinds",
        lambda row: row[0].replace(f'"{permission}"', '"account:self"'),
        POLICY,
    )
    assert without != POLICY
    path.write_text(without)
    with pytest.raises(PolicyFault, match=f"does not say what opens {permission}"):
        load_policy(path)


@pytest.mark.clause("468.4(a)/purpose-opens")
def test_purpose_kinds_of_each_permission_match_the_policy_manual():
    purposes = load_policy(ROOT / "policy.toml").purposes
    everything = set(PURPOSES.split())
    inward = {"audit", "release", "system_maintenance"}
    for permission in ("record:search", "image:read", "hold:read", "hold:manage", "hit:read"):
        assert purposes.kinds_for(permission) == everything - inward
    assert purposes.kinds_for("record:export") == everything - inward - {
        "department_action",
        "suspect_interdiction",
    }
    for permission in ("hotlist:read", "hotlist:manage"):
        assert purposes.kinds_for(permission) == everything - {"audit", "release"}
    for permission in ("audit:read", "audit:work"):
        assert purposes.kinds_for(permission) == {"audit"}
    assert purposes.kinds_for("release:read") == {"audit", "release"}
    assert purposes.kinds_for("release:review") == {"release"}


def test_every_permission_of_every_role_exists():
    from shared.core.permissions import Permission

    policy = load_policy(ROOT / "policy.toml")
    known = {permission.value for permission in Permission}
    for role, permissions in policy.roles.items():
        assert permissions <= known, role
    assert set().union(*policy.roles.values()) == known, "a permission that no role has"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (b"alpr.unknown.v1", b"{}"),
        (b"alpr.finding.raised.v1", b"not json"),
        (b"alpr.finding.raised.v1", b"{}"),
        (b"alpr.finding.raised.v2", b"{}"),
        (b"\xff", b"{}"),
        (b"alpr.finding.raised.v1", None),
    ],
)
def test_an_undecodable_message_raises_an_internal_fault(kind, value):
    message = Message("alpr.finding.raised", 0, 0, None, value, {"ce_type": kind})
    with pytest.raises(InternalFault):
        decode(message)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("audit_behind_refuses_s = 14400", "audit_behind_refuses_s = 0", "audit_behind_refuses_s"),
        ("disclosed_finding = 2000", "disclosed_finding = 0", "disclosed_finding"),
        ("disclosed_refused = 10000", "disclosed_refused = 1999", "disclosed_refused"),
        ("disclosed_refused = 10000\n", "", "disclosed_refused"),
        ("America/Los_Angeles", "Pacific", "department.time_zone"),
        ("America/Los_Angeles", "../etc/passwd", "department.time_zone"),
        ("hold_review_days = 365", "hold_review_days = 0", "hold_review_days"),
        ("hold_review_days = 365", "hold_review_days = 732", "hold_review_days"),
        ("backups_days = 30", "backups_days = 0", "backups_days"),
        ("backups_days = 30", "backups_days = 93", "backups_days"),
        ("limit_lifted_h = 24", "limit_lifted_h = 0", "limit_lifted_h"),
        ("limit_lifted_h = 24", "limit_lifted_h = 169", "limit_lifted_h"),
        ("hits_without_purpose_h = 12", "hits_without_purpose_h = 0", "hits_without_purpose_h"),
        ("hits_without_purpose_h = 12", "hits_without_purpose_h = 73", "hits_without_purpose_h"),
        (
            "alerts_without_revocation_s = 120",
            "alerts_without_revocation_s = -1",
            r"alerts_without",
        ),
        (
            "alerts_without_revocation_s = 120",
            "alerts_without_revocation_s = 3601",
            r"alerts_without",
        ),
        ("package_days = 14", "package_days = 0", r"sharing\.package_days"),
        ("package_days = 14", "package_days = 93", r"sharing\.package_days"),
        ("valid_days = 365", "valid_days = 732", r"training\.valid_days"),
        ("refresher_due_days = 30", "refresher_due_days = -1", r"training\.refresher_due_days"),
        ("refresher_due_days = 30", "refresher_due_days = 365", r"training\.refresher_due_days"),
        ("token_minutes = 60", "token_minutes = 721", r"purposes\.token_minutes"),
        ("token_minutes = 60", "token_minutes = 0", r"purposes\.token_minutes"),
        ("justification_characters = 10", "justification_characters = 0", "justification"),
        ("justification_characters = 10", "justification_characters = 501", "justification"),
        ("password_minimum_characters = 8", "password_minimum_characters = 7", "password_minimum"),
        ("password_minimum_characters = 8", "password_minimum_characters = 65", "password_minimum"),
        ("lock_after_failures = 5", "lock_after_failures = 0", "lock_after_failures"),
        ("lock_after_failures = 5", "lock_after_failures = 6", "lock_after_failures"),
        ("lock_window_minutes = 15", "lock_window_minutes = 14", "lock_window_minutes"),
        ("idle_minutes = 30", "idle_minutes = 0", "idle_minutes"),
        ("idle_minutes = 30", "idle_minutes = 31", "idle_minutes"),
        ("inactive_days = 90", "inactive_days = 0", "inactive_days"),
        ("inactive_days = 90", "inactive_days = 91", "inactive_days"),
        ("access_token_minutes = 10", "access_token_minutes = 0", "access_token_minutes"),
        ("access_token_minutes = 10", "access_token_minutes = 31", "access_token_minutes"),
        ("known_browser_days = 90", "known_browser_days = 367", "known_browser_days"),
        ("known_browsers = 10", "known_browsers = 0", "known_browsers"),
        ("pass_window_s = 120", "pass_window_s = -1", r"hotlists\.pass_window_s"),
        ("minimum_confidence = 0.6", "minimum_confidence = 60", r"hotlists\.minimum_confidence"),
        ("minimum_confidence = 0.6", "minimum_confidence = 1.0", r"hotlists\.minimum_confidence"),
        ("minimum_confidence = 0.6", "minimum_confidence = nan", r"hotlists\.minimum_confidence"),
        ("minimum_confidence = 0.6", "minimum_confidence = -0.1", r"hotlists\.minimum_confidence"),
        ("lookalike_substitutions = 1", "lookalike_substitutions = -1", "lookalike_substitutions"),
        ("federal = 12", "federal = 0", r"hotlists\.staleness_hours"),
        ("federal = 12", "federal = 8761", r"hotlists\.staleness_hours"),
        ("federal = 12", "fedral = 12", r"hotlists\.staleness_hours"),
    ],
)
def test_a_limit_that_is_missing_or_out_of_bounds_is_named(tmp_path, old, new, fault):
    assert old in POLICY
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.replace(old, new))
    with pytest.raises(PolicyFault, match=fault):
        load_policy(path)
