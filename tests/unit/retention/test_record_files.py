"""Files of exported reads: CSV, JSON lines, GeoJSON; no cell that a spreadsheet runs."""

import csv
import json
from io import StringIO

import pytest

from services.retention.domain.record_files import COLUMNS, FileFormat, file_of, inert

EXPORT = {
    "attempt_id": "0190a6a1-0000-8000-8000-00000000000a",
    "purpose": {"purpose_id": "0190a6a1-0000-8000-8000-00000000000b", "kind": "active_warrant"},
    "policy_digest": "ab" * 32,
}
DONE = {"complete": True, "records": 2}


def a_read(**changes):
    return {
        "read_id": "0190a6a1-0000-8000-8000-000000000001",
        "plate": "7ABC123",
        "plate_as_read": "7ABC123",
        "region": None,
        "confidence": 0.97,
        "captured_at": "2026-06-01T12:00:00Z",
        "late": False,
        "device_name": "Solano St, at “Third”",
        "place": {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 90.0},
        "hits": [{"hit_id": "h", "source": "state", "verification": None}],
        "vehicle": {"make": "=Ford()", "colour": None, "speed_kmh": 48.5, "lane": 0},
        **changes,
    }


def written(kind, *pieces, end=DONE):
    file = file_of(kind)
    return b"".join([file.head(EXPORT), *map(file.piece, pieces), file.end(end)]).decode()


def test_csv_has_a_header_crlf_and_as_many_cells_in_every_line():
    text = written(FileFormat.CSV, [a_read()], [a_read(device_name='a "b"\r\nc', place=None)])
    header, first, second, end = csv.reader(StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    assert {len(row) for row in (first, second, end)} == {len(COLUMNS)}
    assert text.replace("\r\n", "").count("\n") == 0
    row = dict(zip(header, first, strict=True))
    assert row["place.longitude"] == "-122.1792"  # a number is no formula
    assert (row["region"], row["late"], row["confidence"]) == ("", "false", "0.97")
    assert row["device_name"] == "Solano St, at “Third”"
    assert (row["vehicle.make"], row["vehicle.colour"]) == ("'=Ford()", "")
    assert (row["vehicle.speed_kmh"], row["vehicle.lane"]) == ("48.5", "0")
    assert json.loads(row["hits"]) == a_read()["hits"]
    other = dict(zip(header, second, strict=True))
    assert (other["place.latitude"], other["device_name"]) == ("", 'a "b"\r\nc')


def test_the_last_line_of_csv_says_whether_it_is_complete_and_names_its_export():
    text = written(FileFormat.CSV, [a_read()])
    last = text.rstrip("\r\n").rpartition("\r\n")[2]
    assert last.startswith(
        f"# end: complete=true records=2 attempt_id={EXPORT['attempt_id']}"
        f" purpose_id={EXPORT['purpose']['purpose_id']} policy_digest={'ab' * 32},"
    )
    cut = {"complete": False, "records": 1, "next": "abc", "problem": {"code": "disclosure_limit"}}
    assert "complete=false records=1 next=abc problem=disclosure_limit" in written(
        FileFormat.CSV, [], end=cut
    )


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "a;=1", "a\n=1"]


@pytest.mark.clause("468.3.1(d)/exports")
@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula_in_any_column_of_text(text):
    changed = dict.fromkeys(("plate_as_read", "region", "device_name", "model", "source"), text)
    _, row, _ = csv.reader(StringIO(written(FileFormat.CSV, [a_read(**changed)]), newline=""))
    for name in changed:
        cell = row[COLUMNS.index(name)]
        assert "'" in cell
        for start in (cell, *cell.replace("\n", ";").split(";")):
            assert start.lstrip()[:1] not in "=+-@\uff1d" or not start.strip()


@pytest.mark.parametrize("text", ["7ABC123", "Third - Solano", "a=b", "5-5", "", "x@y"])
def test_a_text_that_is_no_formula_stays_as_it_is(text):
    assert inert(text) == text


def test_json_lines_are_the_export_each_read_and_the_end():
    lines = [
        json.loads(line)
        for line in written(FileFormat.NDJSON, [a_read()], [a_read()]).split("\n")[:-1]
    ]
    assert lines == [{"export": EXPORT}, a_read(), a_read(), {"end": DONE}]
    plain = a_read(device_name="=1+1")
    assert json.loads(written(FileFormat.NDJSON, [plain]).split("\n")[1])["device_name"] == "=1+1"


@pytest.mark.clause("468.3.1(d)/exports")
def test_geojson_has_longitude_first_and_no_geometry_without_a_place():
    found = json.loads(written(FileFormat.GEOJSON, [a_read()], [a_read(place=None), a_read()]))
    assert (found["type"], found["export"], found["end"]) == ("FeatureCollection", EXPORT, DONE)
    first, second, third = found["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [-122.1792, 39.9277]}
    assert (first["type"], first["id"]) == ("Feature", a_read()["read_id"])
    assert (first["properties"]["heading_deg"], first["properties"]["plate"]) == (90.0, "7ABC123")
    assert "place" not in first["properties"]
    assert second["geometry"] is None
    assert second["properties"]["heading_deg"] is None
    assert third == first
    assert json.loads(written(FileFormat.GEOJSON))["features"] == []
