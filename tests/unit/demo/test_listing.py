import csv
import io

import httpx
import pytest

from local.demo.client import Api
from local.demo.listing import KINDS, SAMPLE, as_csv, choose, put_in_force
from local.demo.story import Frame, StepFailed
from local.demo.truth import TruePlate
from tests.unit.demo.people import somebody

BOX = (0, 0, 10, 5)


def frames(*plates):
    return [Frame("a.jpg", b"", "image/jpeg", tuple(TruePlate(p, BOX) for p in plates))]


def test_every_third_true_plate_is_listed_once():
    chosen = choose(frames("A1", "b-2", "C3", "D4", "A1", "E5", "F6"))
    assert [entry.plate for entry in chosen] == ["A1", "D4"]
    assert [entry.record_kind for entry in chosen] == [kind for kind, _ in KINDS[:2]]


def test_without_truth_a_sample_is_listed():
    assert [(entry.plate, entry.state) for entry in choose(frames())] == [(SAMPLE, "")]


def test_an_entry_has_the_state_of_its_plate():
    """Without it no hit would be urgent."""
    truth = (TruePlate("A1", BOX, "CA"), TruePlate("B2", BOX, "NV"))
    rows = csv.DictReader(io.StringIO(as_csv(choose([Frame("a.jpg", b"", "image/jpeg", truth)]))))
    assert [row["state"] for row in rows] == ["CA"]


def test_the_upload_has_a_header_and_a_line_for_each_entry():
    rows = list(csv.DictReader(io.StringIO(as_csv(choose(frames("A1", "B2", "C3", "D4"))))))
    assert [row["plate"] for row in rows] == ["A1", "D4"]
    assert all(row["record_kind"] and row["reason"] and row["entering_reference"] for row in rows)


@pytest.mark.parametrize(("entries", "holds"), [(1, True), (0, False)])
async def test_a_list_in_force_must_have_all_its_entries(entries, holds):
    asked = []

    def answer(request):
        asked.append((request.method, request.url.path))
        said = {"list_id": "l1", "version": 1, "entries": entries, "purpose_token": "p"}
        return httpx.Response(200, json=said)

    urls = {name: f"http://stack/{name}" for name in ("hotlist", "identity")}
    async with Api(urls, httpx.MockTransport(answer)) as api:
        work = put_in_force(somebody(api), choose(frames("A1")))
        if holds:
            assert await work
        else:
            with pytest.raises(StepFailed, match="0 entries"):
                await work
    assert asked[-1] == ("POST", "/hotlist/v1/lists/l1/versions/1/activation")
