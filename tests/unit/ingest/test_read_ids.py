"""The ids of reads: equal for the same read, and not to be computed without a secret."""

import pytest
from msgspec import Raw

from shared.core.errors import InvalidInput
from shared.core.ids import akin, derive_id
from tests.unit.ingest.batches import ONE_DEVICE, Secrets, a_batch, an_edge_read
from tests.unit.ingest.devices import NOON


def id_of(secrets=None, **fields):
    batch = a_batch(secrets=secrets)
    batch.events([an_edge_read(**fields)])
    return batch.ids[0]


CONTRADICTIONS = {
    "plate": {"plate": "7ABC124"},
    "region": {"region": "US-NV"},
    "confidence": {"confidence": 0.91},
}


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize("other", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradicting_read_has_its_own_id_akin_to_the_other(other):
    one = {"source_id": "s-1"}
    assert id_of(**one) == id_of(**one)
    assert id_of(**one) != id_of(**one, **other)
    assert akin(id_of(**one)) == akin(id_of(**one, **other))


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize(
    "other",
    [
        {"source_id": "s-2"},
        {"source_id": None},
        {"captured_at": Raw(b'"2026-06-01T12:00:00Z"')},
        {"captured_at": Raw(b'"2026-06-01T12:00:00.0+00:00"')},
    ],
    ids=["source id", "no source id", "time", "time with a fraction"],
)
def test_a_read_of_another_time_or_source_is_not_akin(other):
    """The time counts as the device wrote it."""
    one = {"source_id": "s-1"}
    assert akin(id_of(**one)) != akin(id_of(**(one | other)))


@pytest.mark.clause("wall/keyed-ids")
def test_an_id_cannot_be_computed_without_the_months_secret():
    assert id_of(source_id="s-1") != id_of(Secrets(b"two"), source_id="s-1")
    assert id_of(source_id="s-1") != derive_id(
        "read", ONE_DEVICE.device_id, "source", NOON.isoformat(), "s-1"
    )


def test_a_source_id_cannot_imitate_another_field():
    """Lengths separate the parts, for any text of a device."""
    one = id_of(source_id="s\x1f7ABC123", plate="7ABC123")
    other = id_of(source_id="s", plate="7ABC123")
    assert akin(one) != akin(other)


@pytest.mark.clause("wall/keyed-ids")
def test_one_batch_may_have_reads_of_several_months():
    batch = a_batch()
    may, year_ago = Raw(b'"2026-05-31T23:59:59Z"'), Raw(b'"2025-06-01T12:00:00Z"')
    times = ({}, {"captured_at": year_ago}, {"captured_at": may}, {})
    batch.events([an_edge_read(**time) for time in times])
    assert batch.ids == [id_of(**time) for time in times]


def test_the_index_in_the_batch_continues_over_slices():
    batch = a_batch()
    batch.events([an_edge_read(source_id="a"), an_edge_read(source_id="a")])
    with pytest.raises(InvalidInput) as refused:
        batch.events([an_edge_read(source_id="b"), an_edge_read(plate="---")])
    assert (refused.value.params["index"], refused.value.field) == (3, "plate")
