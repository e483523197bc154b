"""Messages of msgspec about a batch of reads, as codes and parameters."""

import json

import msgspec
import pytest

from services.ingest.actions.edge_decoding import CHOICES, DECODERS, FIELDS, EdgeRead
from services.ingest.domain.read_shapes import shape_fault

GOOD = {"plate": "7ABC123", "confidence": 0.9, "captured_at": "2026-06-01T12:00:00Z"}

SHAPES = [
    ({"plate": 7}, "field_type_wrong", {"name": "plate", "expected": "string"}),
    ({"plate": ""}, "field_too_short", {"name": "plate", "min_characters": 1}),
    ({"plate": "A" * 33}, "field_too_long", {"name": "plate", "max_characters": 32}),
    ({"confidence": "x"}, "field_type_wrong", {"name": "confidence", "expected": "number"}),
    ({"confidence": -1}, "field_too_low", {"name": "confidence", "least": 0.0}),
    ({"confidence": 2}, "field_too_high", {"name": "confidence", "most": 1.0}),
    ({"heading_deg": 360}, "field_not_below", {"name": "heading_deg", "bound": 360.0}),
    ({"latitude": []}, "field_type_wrong", {"name": "latitude", "expected": "number"}),
    ({"model": 1}, "field_type_wrong", {"name": "model", "expected": "string"}),
    ({"model": ""}, "field_too_short", {"name": "model", "min_characters": 1}),
    ({"characters": {}}, "field_type_wrong", {"name": "characters", "expected": "array"}),
    (
        {"characters": [{"text": "7"}] * 17},
        "field_too_many",
        {"name": "characters", "max_items": 16},
    ),
    ({"characters": [{}]}, "field_missing", {"name": "characters[0].text"}),
    (
        {"characters": [{"text": "7", "x": 1}]},
        "field_unknown",
        {"name": "characters[0].x", "allowed": ["text", "confidence", "alternatives"]},
    ),
    (
        {"characters": [{"text": "7", "alternatives": [{"text": "1", "confidence": 0, "x": 1}]}]},
        "field_unknown",
        {"name": "characters[0].alternatives[0].x", "allowed": ["text", "confidence"]},
    ),
    (
        {"characters": [{"text": "7", "alternatives": [{"text": "1", "confidence": 0}] * 5}]},
        "field_too_many",
        {"name": "characters[0].alternatives", "max_items": 4},
    ),
    (
        {"alternatives": [{"plate": "7A", "confidence": 0.1, "x": 1}]},
        "field_unknown",
        {"name": "alternatives[0].x", "allowed": ["plate", "confidence"]},
    ),
    (
        {"direction": "up"},
        "field_not_allowed",
        {"name": "direction", "allowed": ["approaching", "receding"]},
    ),
    ({"direction": 1}, "field_type_wrong", {"name": "direction", "expected": "string"}),
    ({"speed_kmh": -0.5}, "field_too_low", {"name": "speed_kmh", "least": 0.0}),
    ({"speed_kmh": 401}, "field_too_high", {"name": "speed_kmh", "most": 400.0}),
    ({"lane": -1}, "field_too_low", {"name": "lane", "least": 0}),
    ({"lane": 100}, "field_too_high", {"name": "lane", "most": 99}),
    ({"lane": 1.5}, "field_type_wrong", {"name": "lane", "expected": "integer"}),
    (
        {"colour": "red"},
        "field_unknown",
        {"name": "colour", "allowed": list(EdgeRead.__struct_fields__)},
    ),
    (
        {"a\nb" * 99: 1},
        "field_unknown",
        {"name": ("a\nb" * 99)[:64], "allowed": list(EdgeRead.__struct_fields__)},
    ),
]


def message(batch):
    with pytest.raises(msgspec.ValidationError) as refused:
        DECODERS["application/json"](json.dumps(batch).encode())
    return str(refused.value)


@pytest.mark.parametrize(("fields", "code", "params"), SHAPES)
def test_an_invalid_shape_is_reported_as_a_code_with_parameters(fields, code, params):
    fault = shape_fault(message([GOOD, GOOD | fields]), FIELDS, CHOICES)
    assert (fault.index, fault.field) == (1, params["name"])
    assert (fault.why.code, fault.why.params) == (code, params)
    assert str(fault.why).startswith(params["name"])


@pytest.mark.parametrize(
    ("batch", "index", "text"),
    [
        ({}, None, "body must be of the type array"),
        ([GOOD, 1], 1, "body.1 must be of the type object"),
        ([1], 0, "body.0 must be of the type object"),
    ],
)
def test_a_batch_or_read_of_another_type_is_named_as_part_of_the_body(batch, index, text):
    fault = shape_fault(message(batch), FIELDS, CHOICES)
    assert (fault.index, fault.field, str(fault.why)) == (index, None, text)


def test_a_number_that_no_double_holds_is_out_of_range():
    body = json.dumps([GOOD]).replace("0.9", "1e400").encode()
    with pytest.raises(msgspec.ValidationError) as refused:
        DECODERS["application/json"](body)
    fault = shape_fault(str(refused.value), FIELDS, CHOICES)
    assert (fault.why.code, fault.field) == ("field_out_of_range", "confidence")


def test_an_unknown_decoder_message_is_reported_by_field_only():
    fault = shape_fault("Something new about 7ABC123 - at `$[3].plate`", FIELDS, CHOICES)
    assert (fault.index, fault.field, fault.why.code) == (3, "plate", "field_invalid")
    assert "7ABC123" not in str(fault.why)
