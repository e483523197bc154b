"""Declared purposes: accepted, refused as vague, or forbidden by law, refused by name and recorded."""

import msgspec
import pytest

from shared.accounts.tokens import verify
from shared.core.case_numbers import CaseRules
from shared.events import AccessAttempted, PurposeDeclared, RecordsDisclosed
from shared.testing.reads import FOLDED
from tests.integration.identity.declaring import a_purpose, officer

__all__ = ["officer"]


@pytest.mark.clause("468.4(a)/purpose")
async def test_a_purpose_is_returned_as_a_token_bound_to_the_person(
    officer, people, clock, published
):
    scope = {
        "plate": "7abc-123",
        "device_ids": ["00000000-0000-4000-8000-0000000000c1"],
        "area": {"latitude": 39.93, "longitude": -122.18, "radius_m": 800},
        "captured_from": "2026-05-01T00:00:00-07:00",
        "captured_to": "2026-06-01T00:00:00Z",
    }
    answer = await officer.post("/v1/purposes", **a_purpose(scope=scope, call_number="C26-0099"))
    assert answer.status_code == 201, answer.text
    claims = verify(answer.json()["purpose_token"], people.keys, "purpose", clock.now())
    assert claims["jti"] == answer.json()["purpose_id"]
    assert claims["sub"] == officer.account_id
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["scope"] == {
        "plate": "7ABC123",
        "device_ids": ["00000000-0000-4000-8000-0000000000c1"],
        "area": {"latitude": 39.93, "longitude": -122.18, "radius_m": 800},
        "captured_from": "2026-05-01T00:00:00-07:00",
        "captured_to": "2026-06-01T00:00:00Z",
    }
    [event] = await published(PurposeDeclared)
    assert event.accepted
    assert event.actor.person_id == officer.account_id
    assert str(event.purpose.purpose_id) == claims["jti"]
    assert (event.purpose.case_number, event.purpose.call_number) == ("26-001234", "C26-0099")
    assert event.scope == claims["scope"]
    assert event.expires_at.timestamp() == claims["exp"]
    assert answer.json()["expires_at"] == f"{event.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    listed = (await officer.get("/v1/purposes")).json()["items"]
    assert [p["purpose_id"] for p in listed] == [claims["jti"]]
    assert "token" not in repr(listed)


@pytest.mark.clause("468.3.1(d)/every-door")
async def test_listing_ones_purposes_is_recorded_with_their_plates(officer, published):
    declared = await officer.post("/v1/purposes", **a_purpose(scope={"plate": "7ABC123"}))
    await officer.post("/v1/purposes", **a_purpose())
    await officer.get("/v1/purposes")
    [told] = await published(RecordsDisclosed)
    assert (told.record_kind, told.count, told.all_plates) == ("purpose", 2, ["7ABC123"])
    assert declared.json()["purpose_id"] in told.all_ids
    assert told.actor.person_id == officer.account_id


async def test_a_person_lists_their_own_purposes_alone(officer, hire, train):
    colleague = await hire("o.eight", "officer")
    await train(colleague)
    for person in (colleague, officer):
        declared = await person.post("/v1/purposes", **a_purpose())
        assert declared.status_code == 201, declared.text
    listed = (await officer.get("/v1/purposes")).json()["items"]
    assert [p["purpose_id"] for p in listed] == [declared.json()["purpose_id"]]


FORBIDDEN = [
    ("immigration_enforcement", "Government Code 7284.6"),
    ("Reproductive Care", "Penal Code 13778.2"),
    ("lawful-protest", "First Amendment"),
    (" personal use ", "Civil Code 1798.90.51"),
]


@pytest.mark.clause("468.4(a)/prohibited")
@pytest.mark.clause("468.3.1(d)/refusals")
async def test_a_forbidden_purpose_is_refused_with_its_citation_and_recorded(officer, published):
    for kind, citation in FORBIDDEN:
        scope = {"plate": "7ABC123"}
        full = await officer.post("/v1/purposes", **a_purpose(kind=kind, scope=scope))
        bare = await officer.post("/v1/purposes", kind=kind)
        for answer in (full, bare):
            problem = answer.json()
            assert (answer.status_code, problem["field"]) == (403, "kind")
            assert citation in problem["params"]["citation"]
            assert citation in problem["detail"]
            assert "token" not in answer.text
    events = await published(PurposeDeclared)
    assert [e.accepted for e in events] == [False] * 2 * len(FORBIDDEN)
    assert [e.purpose.kind for e in events[::2]] == [
        "immigration_enforcement",
        "reproductive_care",
        "lawful_protest",
        "personal_use",
    ]
    assert events[0].purpose.justification.startswith("Owner reports")
    assert events[0].purpose.case_number == "26-001234"
    assert (events[0].scope, events[0].expires_at) == ({"plate": "7ABC123"}, None)
    assert events[0].actor.person_id == officer.account_id
    assert "Government Code 7284.6" in events[0].reason
    attempts = [e for e in await published(AccessAttempted) if e.route == "/v1/purposes"]
    assert all(attempt.allowed for attempt in attempts)  # each is refused once, by its own event
    assert (await officer.get("/v1/purposes")).json()["items"] == []


BOX = {"south": 39.92, "west": -122.19, "north": 39.94, "east": -122.17}
NO_REASONS = [
    ({"kind": "curiosity"}, "kind"),
    ({"kind": "routine_patrol"}, "kind"),
    ({"kind": ""}, "kind"),
    ({"kind": None}, "body.kind"),
    ({"offence_type": None}, "offence_type"),
    ({"offence_type": " 459 "}, "offence_type"),
    ({"case_number": None}, "case_number"),
    ({"case_number": "  "}, "case_number"),
    ({"case_number": "unknown"}, "case_number"),
    ({"case_number": "26/001234"}, "case_number"),
    ({"case_number": "1"}, "case_number"),
    ({"case_number": "-1-"}, "case_number"),
    ({"case_number": None, "call_number": "no number"}, "call_number"),
    ({"justification": None}, "justification"),
    ({"justification": "   "}, "justification"),
    ({"justification": "theft"}, "justification"),
    ({"justification": "investigation"}, "justification"),
    ({"justification": "Official police business"}, "justification"),
    ({"justification": "theft theft theft theft"}, "justification"),
    ({"justification": "aaaaaaa bbbbbbb ccccccc"}, "justification"),
    ({"justification": "1234567890 ......"}, "justification"),
    ({"justification": "x" * 501}, "body.justification"),
    ({"justification": "a stolen sedan \x00"}, "body.justification"),
    ({"scope": {"plate": "***"}}, "body.scope.plate"),
    ({"scope": {"captured_from": "2026-05-01T00:00:00"}}, "body.scope.captured_from"),
    (
        {
            "scope": {
                "captured_from": "2026-05-02T00:00:00Z",
                "captured_to": "2026-05-01T00:00:00Z",
            }
        },
        "body.scope",
    ),
    ({"scope": {"radius": 3}}, "body.scope.radius"),
    ({"scope": {"area": {"latitude": 39.93, "longitude": -122.18}}}, "body.scope.area.radius_m"),
    ({"scope": {"area": BOX | {"north": 41.5}}}, "scope.area"),
    ({"scope": {"area": BOX | {"north": 39.9}}}, "scope.area"),
    (
        {"scope": {"area": {"points": [[-122, 39], [-121, 39], [-122, 40]]}}},
        "body.scope.area.latitude",
    ),
    ({"scope": {"device_ids": []}}, "body.scope.device_ids"),
    ({"subject": "J. Doe"}, "body.subject"),
]


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.clause("468.3/purposes")
async def test_an_invalid_purpose_is_refused_with_its_field(officer, published):
    for changes, field in NO_REASONS:
        answer = await officer.post("/v1/purposes", **a_purpose(**changes))
        assert (answer.status_code, answer.json()["field"]) == (422, field), changes
    assert await published(PurposeDeclared) == []
    attempts = [e for e in await published(AccessAttempted) if e.route == "/v1/purposes"]
    assert len(attempts) == len(NO_REASONS)  # refused, and still on record


async def test_a_purpose_needs_only_a_call_number(officer):
    answer = await officer.post(
        "/v1/purposes", **a_purpose(case_number=None, call_number="C26-0099")
    )
    assert answer.status_code == 201


async def test_a_purpose_too_long_for_a_header_is_refused(officer, published):
    devices = [f"00000000-0000-4000-8000-{n:012x}" for n in range(50)]
    words = "stolen sedan " + "\N{AUTOMOBILE}" * 480
    answer = await officer.post(
        "/v1/purposes", **a_purpose(justification=words, scope={"device_ids": devices})
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "justification")
    assert await published(PurposeDeclared) == []


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_purpose_refuses_a_letter_that_folds_into_others(officer):
    for folded in FOLDED:
        refused = await officer.post("/v1/purposes", **a_purpose(scope={"plate": folded}))
        assert (refused.status_code, refused.json()["field"]) == (422, "body.scope.plate"), folded


@pytest.fixture
def cases(runtime, monkeypatch):
    """A policy with forms of numbers and a table of offences."""
    rules = CaseRules(
        case_numbers=("##-######",),
        call_numbers=("C##-####",),
        offences={"VC 10851": "vehicle theft", "PC 211": "robbery"},
    )
    monkeypatch.setattr(runtime, "policy", msgspec.structs.replace(runtime.policy, cases=rules))


ALLOWED = ["robbery (PC 211)", "vehicle theft (VC 10851)"]
REFUSED = [
    ({"case_number": "26-1234"}, "case_number", "case_number_of_no_form", {"forms": ["##-######"]}),
    (
        {"call_number": "26-001234"},
        "call_number",
        "case_number_of_no_form",
        {"forms": ["C##-####"]},
    ),
    ({"case_number": "00-000000"}, "case_number", "case_number_is_placeholder", {}),
    (
        {"case_number": None, "call_number": "C11-1111"},
        "call_number",
        "case_number_is_placeholder",
        {},
    ),
    ({"case_number": None}, "case_number", "case_number_missing", {}),
    ({"offence_type": "crime"}, "offence_type", "offence_unknown", {"allowed": ALLOWED}),
    ({"offence_type": None}, "offence_type", "offence_unknown", {"allowed": ALLOWED}),
]


@pytest.mark.clause("468.4(a)/case-forms")
async def test_a_number_of_no_form_or_an_unknown_offence_is_refused_with_what_is_allowed(
    officer, cases, published
):
    for changes, field, code, params in REFUSED:
        refused = await officer.post("/v1/purposes", **a_purpose(**changes))
        said = refused.json()
        found = (refused.status_code, said["field"].removeprefix("body."), said["code"])
        assert found == (422, field, code), changes
        assert said["params"] == params, changes
    assert not [event for event in await published(PurposeDeclared) if event.accepted]


@pytest.mark.clause("468.4(a)/case-forms")
async def test_a_number_that_fits_is_accepted_and_the_offence_recorded_with_its_code(
    officer, hire, train, cases, published, people, clock
):
    for offence in ("VC 10851", "Vehicle  Theft"):
        answer = await officer.post(
            "/v1/purposes", **a_purpose(offence_type=offence, call_number="C26-0099")
        )
        assert answer.status_code == 201, answer.text
        claims = verify(answer.json()["purpose_token"], people.keys, "purpose", clock.now())
        assert claims["offence_type"] == "vehicle theft (VC 10851)"
    exempt = a_purpose(
        kind="release", offence_type="request of the sheriff", case_number="TCS-26-0417"
    )
    assert (await officer.post("/v1/purposes", **exempt)).status_code == 201
    recorded = [event.purpose.offence_type for event in await published(PurposeDeclared)]
    assert recorded == ["vehicle theft (VC 10851)"] * 2 + ["request of the sheriff"]


@pytest.mark.clause("468.4(a)/prohibited")
async def test_a_prohibited_kind_is_recorded_whatever_its_number_and_offence(
    officer, cases, published
):
    asked = a_purpose(kind="immigration_enforcement", offence_type="crime", case_number="1-1-1")
    assert (await officer.post("/v1/purposes", **asked)).status_code == 403
    [event] = await published(PurposeDeclared)
    assert (event.accepted, event.purpose.case_number) == (False, "1-1-1")


@pytest.mark.clause("468.4(a)/case-forms")
async def test_a_limit_is_lifted_only_for_a_number_that_a_purpose_can_name(
    administrator, officer, cases
):
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/limit-lifts"
    why = {"reason": "Canvass of two weeks around a homicide"}
    refused = await administrator.post(path, case_number="CASE-7", **why)
    assert (refused.status_code, refused.json()["code"]) == (422, "case_number_of_no_form")
    assert (await administrator.post(path, case_number="26-001234", **why)).status_code == 201
