"""How a body with a batch of reads is unpacked and decoded, up to its limits and one beyond."""

import gzip
import json
import tracemalloc
from uuid import uuid4

import pytest

from services.ingest.actions.edge_decoding import DECODERS, decode, reads_in, unpack
from services.ingest.domain.in_flight import InFlight
from shared.core.errors import InvalidInput, Malformed, TooLarge, Unavailable, UnsupportedMedia

READ = {"plate": "7ABC123", "confidence": 0.9, "captured_at": "2026-06-01T12:00:00Z"}
JSON = "application/json"


def test_a_batch_is_counted_with_its_unpacked_bytes():
    packed = gzip.compress(b"[" + b" " * 1000 + b"]")
    with InFlight(1000, 1000).body(uuid4()) as held, pytest.raises(Unavailable):
        reads_in(
            packed,
            held,
            encoding="gzip",
            media_type="application/json",
            most_bytes=10_000,
            most_reads=10,
        )


def test_a_body_is_unpacked_no_further_than_its_limit():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unpack(bomb, "gzip", 1000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_a_plain_body_is_not_unpacked():
    assert unpack(b"[]", "", 10) == unpack(b"[]", "identity", 10) == b"[]"


def test_a_decoder_error_quotes_no_value():
    with pytest.raises(InvalidInput) as refused:
        decode(
            b'[{"plate":"7ABC123","confidence":"7ABC123","captured_at":"x"}]', "application/json", 9
        )
    assert "7ABC123" not in refused.value.detail


def test_gzip_has_two_names_and_whole_batches_only():
    packed = gzip.compress(b"[1, 2, 3]")
    assert unpack(packed, "gzip", 9) == unpack(packed, "x-gzip", 9) == b"[1, 2, 3]"
    with pytest.raises(TooLarge) as large:
        unpack(packed, "gzip", 8)
    assert (large.value.code, large.value.params) == ("reads_unpack_too_large", {"max_bytes": 8})
    for broken in (packed[:-1], packed + b"x", packed * 2):
        with pytest.raises(Malformed) as cut:
            unpack(broken, "gzip", 100)
        assert (cut.value.code, cut.value.field) == ("reads_gzip_cut_off", "Content-Encoding")
    with pytest.raises(Malformed) as other:
        unpack(b"[1]", "gzip", 100)
    assert (other.value.code, other.value.field) == ("reads_not_gzip", "Content-Encoding")


@pytest.mark.parametrize("encoding", ["br", "deflate", "GZIP", "gzip, gzip"])
def test_a_body_in_another_encoding_is_refused(encoding):
    with pytest.raises(UnsupportedMedia) as refused:
        unpack(b"[]", encoding, 10)
    assert refused.value.code == "reads_encoding_unknown"
    assert refused.value.field == "Content-Encoding"


@pytest.mark.parametrize("media_type", DECODERS)
def test_a_batch_is_one_array_or_a_read_on_each_line(media_type):
    lines = [json.dumps(READ), json.dumps(READ | {"plate": "8XYZ999"})]
    body = f"[{','.join(lines)}]" if media_type == JSON else "\n".join(lines) + "\n"
    reads = decode(body.encode(), media_type, 2)
    assert [read.plate for read in reads] == ["7ABC123", "8XYZ999"]
    with pytest.raises(TooLarge) as refused:
        decode(body.encode(), media_type, 1)
    assert refused.value.code == "reads_too_many"
    assert refused.value.params == {"max_reads": 1, "reads": 2}


def test_another_kind_of_body_is_refused_with_what_is_allowed():
    with pytest.raises(UnsupportedMedia) as refused:
        decode(b"[]", "text/csv", 9)
    assert (refused.value.code, refused.value.field) == ("reads_media_unknown", "Content-Type")
    assert refused.value.params == {"first": JSON, "second": "application/x-ndjson"}


def test_a_batch_of_no_reads_and_one_that_is_no_batch_are_refused():
    with pytest.raises(InvalidInput) as refused:
        decode(b"[]", JSON, 9)
    assert refused.value.code == "reads_empty"
    with pytest.raises(InvalidInput) as refused:
        decode(b"{}", JSON, 9)
    assert (refused.value.code, refused.value.field) == ("field_type_wrong", None)
    assert refused.value.params == {"name": "body", "expected": "array"}


@pytest.mark.parametrize(
    ("second", "field"),
    [({"plate": 7}, "plate"), ({"colour": "red"}, "colour"), ({"direction": "up"}, "direction")],
)
def test_the_first_read_of_a_wrong_shape_is_refused_with_its_place_and_field(second, field):
    body = json.dumps([READ, READ | second, {}]).encode()
    with pytest.raises(InvalidInput) as refused:
        decode(body, JSON, 9)
    assert (refused.value.code, refused.value.field) == ("read_refused", field)
    assert refused.value.params["index"] == 1
    assert refused.value.params["because"].params["name"] == field


def test_a_read_that_is_no_object_is_refused_by_its_place():
    with pytest.raises(InvalidInput) as refused:
        decode(json.dumps([READ, 7]).encode(), JSON, 9)
    assert refused.value.code == "field_type_wrong"
    assert refused.value.params["name"] == "body.1"


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"", 1, 1),
        (b'[{"plate":"7ABC', 1, 16),
        (b'[{"plate":\n "\xc3\xa9\xff"}]', 2, 4),
        (b"[]\n\n  x", 3, 4),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_its_line_and_column(body, line, column):
    with pytest.raises(Malformed) as refused:
        decode(body, JSON, 9)
    assert refused.value.code == "json_invalid"
    assert refused.value.params == {"line": line, "column": column}


def test_a_time_that_is_nested_too_deeply_to_read_is_refused():
    with pytest.raises(Malformed) as refused:
        decode(b'[{"captured_at":' + b"[" * 100_000, JSON, 9)
    assert refused.value.code == "json_nested_too_deep"


def test_bytes_that_fit_are_held_until_the_request_ends():
    in_flight, body = InFlight(1000, 1000), json.dumps([READ]).encode()
    with in_flight.body(uuid4()) as held:
        packed = gzip.compress(body)
        [read] = reads_in(
            packed, held, encoding="gzip", media_type=JSON, most_bytes=len(body), most_reads=1
        )
        assert read.plate == "7ABC123"
        assert in_flight.held_bytes == len(body)
