"""Training: recorded by another person, and access that stops the moment it lapses, in any service."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text

from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.events import TrainingRecorded
from shared.http.app import create_app
from shared.postgres.schema import prepare
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.testing.sample import SAMPLE
from tests.integration.pages import paged, pages


@pytest.fixture
async def other(settings, database_url, postgres, bus, objects, clock, people, repository):
    """Another service, with a role of its own, which knows people by identity's events."""
    database = make_url(database_url).database
    url = postgres.service_url("hotlist", database)
    settings = settings.model_copy(update={"database_url": url, "database_owner_url": database_url})
    people.assume_current()  # no follower brings identity's tick here: test_tick.py is about that
    runtime = ApiRuntime(SAMPLE, settings, bus=bus, objects=objects, clock=clock, people=people)
    app: FastAPI = create_app(SAMPLE, ApiService(runtime), lifespan=None)

    @app.get("/v1/hits")
    async def list_hits(grant: Annotated[Grant, access(Permission.HIT_READ)]) -> str:
        return grant.principal.name

    @app.get("/v1/search")
    async def search(grant: Annotated[Grant, access(Permission.RECORD_SEARCH)]) -> dict[str, str]:
        purpose = grant.purpose
        return {"kind": purpose.record.kind, "case": purpose.record.case_number}

    await prepare(runtime.db, settings, repository / "shared" / "postgres" / "migrations" / "none")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        yield client
    await runtime.db.close()


@pytest.mark.clause("468.3.1(b)/training")
async def test_access_begins_with_training_and_stops_the_moment_it_lapses(
    hire, train, other, clock, published
):
    officer = await hire("o.seven", "officer")
    untrained = await other.get("/v1/hits", headers=officer.headers)
    assert (untrained.status_code, untrained.json()["code"]) == (403, "training_missing")

    await train(officer)
    assert (await other.get("/v1/hits", headers=officer.headers)).status_code == 200
    [recorded] = await published(TrainingRecorded)
    assert recorded.actor.title == "Training Sergeant"
    assert str(recorded.account_id) == officer.account_id
    assert recorded.course == "ALPR operator"
    assert (recorded.valid_until - recorded.completed_on).days == 365

    for _ in range(5):  # seldom enough that no session lives, often enough to stay enabled
        clock.advance(days=70)
        await officer.sign_in()
    shown = (await officer.get("/v1/me")).json()
    assert shown["refresher_due"]
    renewed = (await officer.renew()).json()
    assert renewed["trained_until"] == shown["trained_until"]
    assert datetime.fromisoformat(shown["trained_until"]) == recorded.valid_until
    end = recorded.valid_until - clock.now()
    clock.advance(seconds=end.total_seconds() - 60)
    await officer.sign_in()  # 30 s before the end
    assert (await other.get("/v1/hits", headers=officer.headers)).status_code == 200
    clock.advance(seconds=30)
    lapsed = await other.get("/v1/hits", headers=officer.headers)
    assert (lapsed.status_code, lapsed.json()["code"]) == (403, "training_lapsed")
    assert lapsed.json()["params"] == {"lapsed_on": f"{recorded.valid_until:%Y-%m-%d}"}
    assert "lapsed" in lapsed.json()["detail"]
    assert (await officer.get("/v1/me")).status_code == 200


@pytest.mark.clause("468.8/training-records")
async def test_a_person_cannot_record_their_own_training(hire):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    answer = await sergeant.post(
        "/v1/training", account_id=sergeant.account_id, completed_on="2026-05-30"
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "own_account")
    assert (await sergeant.get("/v1/me")).json()["trained_until"] is None


@pytest.mark.clause("468.8/training-records")
async def test_an_administrator_is_trained_by_the_training_sergeant(
    administrator, train, published
):
    refused = await administrator.post("/v1/purposes", kind="audit")
    assert (refused.status_code, refused.json()["code"]) == (403, "training_missing")
    own = await administrator.post(
        "/v1/training", account_id=administrator.account_id, completed_on="2026-05-30"
    )
    assert (own.status_code, own.json()["code"]) == (403, "permission_missing")
    await train(administrator)
    [recorded] = await published(TrainingRecorded)
    assert str(recorded.account_id) == administrator.account_id
    assert recorded.actor.title == "Training Sergeant"
    [shown] = (await administrator.get(f"/v1/accounts/{administrator.account_id}/training")).json()[
        "items"
    ]
    assert shown["recorded_by"] == recorded.actor.person_id
    accepted = await administrator.post(
        "/v1/purposes",
        kind="audit",
        offence_type="policy audit",
        case_number="AUD-2026-01",
        justification="Quarterly audit of the sampled accesses",
    )
    assert accepted.status_code == 201


async def test_faulty_records_are_refused_by_name(hire, administrator, clock):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    tomorrow = "2026-06-02"
    cases = [
        ({"completed_on": tomorrow}, 422, "completed_on"),
        ({"completed_on": "yesterday"}, 422, "body.completed_on"),
        ({"completed_on": "2026-05-30", "course": ""}, 422, "body.course"),
        ({"completed_on": "2026-05-30", "valid_until": "2036-05-30"}, 422, "body.valid_until"),
    ]
    for body, status, field in cases:
        answer = await sergeant.post("/v1/training", account_id=officer.account_id, **body)
        assert (answer.status_code, answer.json()["field"]) == (status, field)
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await administrator.post(path, reason="left the department")).status_code == 200
    completed = {"account_id": officer.account_id, "completed_on": "2026-05-30"}
    gone = await sergeant.post("/v1/training", **completed)
    assert (gone.status_code, gone.json()["code"]) == (409, "trainee_separated")
    nobody = "00000000-0000-4000-8000-00000000dead"
    unknown = await sergeant.post("/v1/training", account_id=nobody, completed_on="2026-05-30")
    assert unknown.status_code == 404


async def test_a_person_who_left_gets_no_training_record(hire, administrator):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    left = await administrator.post(
        f"/v1/accounts/{officer.account_id}/separation", reason="retired"
    )
    assert left.status_code == 200
    refused = await sergeant.post(
        "/v1/training", account_id=officer.account_id, completed_on="2026-05-30"
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "trainee_separated")


@pytest.mark.clause("468.3.1(b)/training")
@pytest.mark.clause("468.4(d)/training-first")
async def test_only_the_course_of_the_policy_opens_access(hire, administrator):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    other_course = await sergeant.post(
        "/v1/training",
        account_id=officer.account_id,
        completed_on="2026-05-30",
        course="First aid",
    )
    assert other_course.status_code == 201
    path = f"/v1/accounts/{officer.account_id}"
    assert (await administrator.get(path)).json()["trained_until"] is None
    await sergeant.post("/v1/training", account_id=officer.account_id, completed_on="2026-05-20")
    await sergeant.post("/v1/training", account_id=officer.account_id, completed_on="2026-01-20")
    assert (await administrator.get(path)).json()["trained_until"] == "2027-05-20T00:00:00Z"
    listed = (await administrator.get(f"{path}/training")).json()["items"]
    assert [t["course"] for t in listed] == ["First aid", "ALPR operator", "ALPR operator"]
    assert listed[0]["recorded_by"] == sergeant.account_id


async def test_training_that_is_recorded_twice_is_one_record(hire, administrator, published):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    body = {"account_id": officer.account_id, "completed_on": "2026-05-30"}
    both = [sergeant.post("/v1/training", **body) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    await sergeant.post("/v1/training", **body, course="First aid")
    await sergeant.post("/v1/training", **body | {"completed_on": "2026-05-29"})
    path = f"/v1/accounts/{officer.account_id}/training"
    assert len((await administrator.get(path)).json()["items"]) == 3
    assert len(await published(TrainingRecorded)) == 3


@pytest.mark.clause("468.3.1(b)/refreshers")
async def test_refreshers_due_are_listed_soonest_first(hire, train, clock, administrator, as_owner):
    sergeant = await hire("t.sergeant.2", "training_sergeant", title="Training Sergeant")
    never, soon = await hire("o.never", "officer"), await hire("o.soon", "officer")
    fresh = await hire("o.fresh", "officer")
    await train(fresh)
    await sergeant.post("/v1/training", account_id=soon.account_id, completed_on="2025-06-20")
    due = (await sergeant.get("/v1/training/due")).json()["items"]
    names = [a["username"] for a in due]
    assert names[-1] == "o.soon"
    assert never.username in names
    assert fresh.username not in names
    await administrator.sign_in()
    invited = {"username": "n.yet", "name": "N", "title": "Police Officer", "roles": ["officer"]}
    made = await administrator.post("/v1/accounts", agency_ori="CA0520100", **invited)
    assert made.status_code == 201
    await sergeant.sign_in()
    due = (await sergeant.get("/v1/training/due")).json()["items"]
    assert "n.yet" not in {a["username"] for a in due}, "who has no account yet is not due"
    for act, is_due in (("lock", True), ("separation", False)):
        await administrator.sign_in()
        path = f"/v1/accounts/{never.account_id}/{act}"
        assert (await administrator.post(path, reason="has left")).status_code == 200
        await sergeant.sign_in()
        due = (await sergeant.get("/v1/training/due")).json()["items"]
        assert (never.username in {a["username"] for a in due}) is is_due
    async with as_owner("identity") as connection:
        await connection.execute(
            text("UPDATE accounts SET status = 'disabled' WHERE username = 'o.soon'")
        )
    due = (await sergeant.get("/v1/training/due")).json()["items"]
    assert "o.soon" in {a["username"] for a in due}, "who is to be reinstated is trained before"


@pytest.mark.clause("468.3.1(b)/refreshers")
async def test_a_refresher_is_due_from_the_very_moment_that_the_policy_says(hire, clock, policy):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    recorded = await sergeant.post(
        "/v1/training", account_id=officer.account_id, completed_on="2025-07-03"
    )
    ends = datetime.fromisoformat(recorded.json()["valid_until"])
    due_at = ends - timedelta(days=policy.training.refresher_due_days)
    for moment, is_due in ((due_at - timedelta(minutes=1), False), (due_at, True)):
        clock.advance(seconds=(moment - clock.now()).total_seconds() - 30)
        await sergeant.sign_in()  # 30 s later
        due = (await sergeant.get("/v1/training/due")).json()["items"]
        assert (officer.username in {a["username"] for a in due}) is is_due


@pytest.mark.clause("468.3.1(b)/refreshers")
async def test_no_refresher_is_due_for_people_whom_another_agency_trains(hire):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    requester = await hire("s.tran", "agency_requester", title="Agency Requester", ori="CA0520000")
    await hire("o.seven", "officer")
    due = {one["username"] for one in (await sergeant.get("/v1/training/due")).json()["items"]}
    assert "o.seven" in due
    assert requester.username not in due
    assert not (await requester.get("/v1/me")).json()["refresher_due"]


async def test_a_search_in_another_service_uses_the_declared_purpose(hire, train, other):
    officer, colleague = await hire("o.seven", "officer"), await hire("o.eight", "officer")
    await train(officer, colleague)
    declared = await officer.post(
        "/v1/purposes",
        kind="stolen_or_wanted_vehicle",
        offence_type="vehicle theft",
        case_number="26-001234",
        justification="Owner reports a stolen sedan last seen near Solano Street",
    )
    assert declared.status_code == 201
    purpose = {"X-ALPR-Purpose": declared.json()["purpose_token"]}
    found = await other.get("/v1/search", headers={**officer.headers, **purpose})
    assert found.json() == {"kind": "stolen_or_wanted_vehicle", "case": "26-001234"}
    assert (await other.get("/v1/search", headers=officer.headers)).status_code == 403
    borrowed = await other.get("/v1/search", headers={**colleague.headers, **purpose})
    assert (borrowed.status_code, borrowed.json()["code"]) == (403, "purpose_of_another_person")


async def test_training_is_read_page_by_page(hire, administrator):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    officer = await hire("o.seven", "officer")
    for day in ("2026-05-20", "2026-01-20", "2026-03-20"):
        await sergeant.post("/v1/training", account_id=officer.account_id, completed_on=day)
    await sergeant.post(
        "/v1/training", account_id=administrator.account_id, completed_on="2025-06-20"
    )

    async def fetch(path):
        return (await administrator.get(path)).json()

    async def fetch_due(path):
        return (await sergeant.get(path)).json()

    listed = await paged(fetch, f"/v1/accounts/{officer.account_id}/training")
    assert [one["completed_on"][:10] for one in listed] == [
        "2026-05-20",
        "2026-03-20",
        "2026-01-20",
    ]
    for username in ("o.eight", "o.nine"):
        await hire(username, "officer")
    whole = (await fetch_due("/v1/training/due"))["items"]
    assert len(whole) >= 3
    assert whole[-1]["account_id"] == administrator.account_id  # the others have none
    assert await pages(fetch_due, "/v1/training/due") == [*([one] for one in whole), []]
