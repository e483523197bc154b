"""Pure rules: the permitted steps of an export of held records, and their conditions."""

import json
from uuid import UUID

import pytest

from services.retention.domain.evidence import (
    BOOKING,
    CopyDiffers,
    State,
    check_booking,
    check_correction,
    check_download,
    check_medium_free,
    check_read_back,
    check_ready,
    check_repeated,
    check_request,
    check_withdrawal,
    same_medium,
)
from services.retention.domain.signing import Signer, load_public
from services.retention.domain.verifying import booking_faults
from services.retention.store.exports import object_key
from services.retention.workers.evidence import fault_of
from shared.core.errors import Conflict, InvalidInput, Unavailable
from shared.core.problem_codes import Common

ONE, TWO = UUID(int=1), UUID(int=2)
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def test_a_hold_in_force_that_keeps_something_may_be_exported():
    check_request(in_force=True, has_records=True)
    for facts in ((False, True), (True, False)):
        with pytest.raises(Conflict):
            check_request(in_force=facts[0], has_records=facts[1])


@pytest.mark.parametrize("state", [one for one in State if one is not State.READY])
def test_only_a_ready_package_can_be_downloaded_or_booked(state):
    with pytest.raises(Conflict, match=state.value):
        check_ready(state)
    with pytest.raises(Conflict, match=state.value):
        check_download(state, in_force=True, removed=False)


def test_a_package_can_be_downloaded_while_its_hold_is_in_force_and_it_exists():
    check_download(State.READY, in_force=True, removed=False)
    for in_force, removed in ((False, False), (True, True), (False, True)):
        with pytest.raises(Conflict, match="packages were deleted"):
            check_download(State.READY, in_force=in_force, removed=removed)


def test_a_copy_is_the_package_or_is_not_booked():
    check_read_back(DIGEST, DIGEST)
    for package in (None, DIGEST[::-1]):
        with pytest.raises(CopyDiffers) as refused:
            check_read_back(package, DIGEST)
        assert refused.value.field == "sha256"


def test_a_booked_medium_is_refused_with_its_booking():
    check_medium_free(None)
    with pytest.raises(Conflict) as refused:
        check_medium_free(ONE)
    assert refused.value.params == {"booking_id": ONE}


def test_one_serial_number_is_one_medium_however_it_is_written():
    assert same_medium(" mid-0417 A") == same_medium("MID-0417a\t")
    assert same_medium("MID-0417-A") != same_medium("MID-0417-B")


def test_a_correction_is_of_a_booking_in_force_and_says_why():
    check_correction(ONE, {ONE, TWO}, "the number was wrong")
    with pytest.raises(Conflict):
        check_correction(ONE, {TWO}, "the number was wrong")
    with pytest.raises(InvalidInput):
        check_correction(ONE, {ONE}, None)


def test_a_booking_is_for_an_unbooked_medium_or_corrects_its_booking():
    in_force = {ONE: "MID-1", TWO: "MID-2"}
    check_booking("MID-3", None, None, in_force)
    check_booking("mid-1", ONE, "the number was wrong", in_force)
    with pytest.raises(Conflict) as refused:
        check_booking("mid-1", None, None, in_force)
    assert refused.value.params == {"booking_id": ONE}
    with pytest.raises(Conflict) as refused:
        check_booking("mid-2", ONE, "the number was wrong", in_force)
    assert refused.value.params == {"booking_id": TWO}
    with pytest.raises(Conflict):
        check_booking("MID-3", UUID(int=3), "the number was wrong", in_force)
    with pytest.raises(InvalidInput):
        check_booking("mid-1", ONE, None, in_force)
    assert in_force == {ONE: "MID-1", TWO: "MID-2"}


def test_a_key_repeats_one_booking_with_the_same_particulars():
    check_repeated({"media_serial": "MID-1"}, {"media_serial": "MID-1"})
    with pytest.raises(Conflict, match="Idempotency-Key"):
        check_repeated({"media_serial": "MID-1"}, {"media_serial": "MID-2"})


def test_a_booked_or_ended_export_cannot_be_withdrawn():
    for state in (State.REQUESTED, State.READY):
        check_withdrawal(state, booked=False)
    with pytest.raises(Conflict, match="booked"):
        check_withdrawal(State.READY, booked=True)
    for state in (State.FAILED, State.WITHDRAWN):
        with pytest.raises(Conflict, match=state.value):
            check_withdrawal(state, booked=False)


def test_a_packages_key_is_the_same_at_each_attempt():
    assert object_key(ONE) == f"evidence/{ONE}.zip" == object_key(UUID(int=1))


def test_a_booking_statement_is_valid_only_for_its_own_file():
    signer = Signer.new()
    key = load_public(signer.public_pem.encode())
    booked = {"statement": BOOKING, "package": {"sha256": DIGEST}}
    statement = encoded(signer.signed(booked))
    assert booking_faults(statement, DIGEST, key) == []
    for other in (DIGEST[::-1], None):
        assert booking_faults(statement, other, key) == [
            "this is not the copy that was booked: its SHA-256 differs"
        ]
    signed_otherwise = "the booking is not signed with this key, or was changed"
    certificate = encoded(signer.signed({**booked, "statement": "destruction"}))
    by_another = encoded(Signer.new().signed(booked))
    for document in (certificate, by_another, encoded(booked)):
        assert booking_faults(document, DIGEST, key) == [signed_otherwise]


def encoded(document):
    return json.dumps(document).encode()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"{}", b'{"package": 1}', b"\xff"])
def test_an_invalid_booking_statement_is_reported(junk):
    key = load_public(Signer.new().public_pem.encode())
    assert booking_faults(junk, DIGEST, key) == ["the booking is not a signed statement"]


def test_a_fault_names_its_cause_and_contains_no_record():
    assert fault_of(Unavailable(Common.OBJECT_STORE_AWAY)).startswith("the object store")
    assert fault_of(OSError(28, "No space left on device", "/tmp/x")) == "No space left on device"
    assert fault_of(ValueError("7ABC123")) == "ValueError"
