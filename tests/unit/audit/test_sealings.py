"""Which fields of an event stay in an entry of the log: what tells of a sighting is sealed.

The table is written out beside the code: a field that stays open there fails here until it does with intent.
"""

import pytest

from shared import events
from shared.events import Event
from shared.events.past import PAST
from shared.kafka.topics import AUDITED

OPEN = {
    "EvidenceChanged": "actor case_number change export_id hold_id",
    "EvidenceChanged.details": "attempt_id captures images omitted reads reason sha256 signed_by size_bytes",
    "FindingRaised": "captured_on finding_id kind subject",
    "FindingRaised.details": (
        "account_id attempt_id audit_id cases claimed_source count days delay_s digests door due_after_days event_id"
        " event_kind fault first_seq kafka_place key_owner leaf_hash_kept leaf_hash_refused limit limit_percent minutes"
        " pairs policy_digest route seq service since topic used_percent verified_seq why"
    ),
    "HitDisposed": "captured_on disposed_by disposition enforcement hit_id result unverified_reason",
    "HitRaised": "hit_id list_id list_name list_version record_kind source tier",
    "HitVerified": "captured_on hit_id method outcome reference verified_by",
    "PurgeChanged": "actor change run_id",
    "PurgeChanged.details": (
        "basis before captures certificate_sha256 checkpoint kept_under_hold key_id kind months_dropped objects"
        " policy_digest purged_root reads reason route without_record"
    ),
    "ReadContradicted": "count",
    "ReadCorrected": "actor captured_on correction_id",
    "RecordsDisclosed": "actor attempt_id by_day count permission purpose record_kind request_id service",
}
SUBJECTS = {
    "EvidenceChanged": (None, None, None),
    "FindingRaised": ("captured_on", None, None),
    "HitDisposed": ("captured_on", "read_id", None),
    "HitRaised": ("captured_at", "read_id", None),
    "HitVerified": ("captured_on", "read_id", None),
    "PurgeChanged": (None, None, None),
    "ReadContradicted": ("captured_on", None, None),
    "ReadCorrected": ("captured_on", "read_id", None),
    "RecordsDisclosed": (None, None, "records"),
}
"""The fields of each with the day of capture, the read, and the disclosed records: they decide what a purge erases."""

TELL_OF_A_SIGHTING = {
    "captured_at",
    "captured_on",
    "crop_key",
    "image_key",
    "place",
    "plate",
    "plate_as_read",
    "plate_before",
    "plate_read",
    "plates",
    "read_id",
    "read_ids",
}
LOGGED = [
    event
    for event in [*(getattr(events, name) for name in events.__all__), *PAST]
    if isinstance(event, type) and issubclass(event, Event) and event.TOPIC in AUDITED
]


def open_fields() -> dict[str, str]:
    found = {}
    for event in LOGGED:
        if (sealing := event.SEALED) is not None:
            found[event.__name__] = " ".join(sorted(sealing.open))
            for name, inside in sealing.inside.items():
                found[f"{event.__name__}.{name}"] = " ".join(sorted(inside))
    return found


@pytest.mark.clause("wall/sealed-log")
def test_the_fields_that_stay_in_the_log_are_as_decided():
    assert open_fields() == OPEN


@pytest.mark.clause("wall/sealed-log")
@pytest.mark.clause("wall/erasing")
def test_the_day_and_the_record_that_a_sealed_value_belongs_to_are_as_decided():
    found = {
        event.__name__: (sealing.day, sealing.read, sealing.records)
        for event in LOGGED
        if (sealing := event.SEALED) is not None
    }
    assert found == SUBJECTS


@pytest.mark.clause("wall/sealed-log")
@pytest.mark.parametrize("event", LOGGED, ids=lambda event: event.__name__)
def test_an_event_with_fields_of_a_sighting_seals_them(event):
    telling = TELL_OF_A_SIGHTING & set(event.__struct_fields__)
    if event.SEALED is None:
        assert not telling
    else:
        assert telling & event.SEALED.open <= {"captured_on"}
