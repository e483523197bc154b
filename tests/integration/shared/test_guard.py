"""The guard, on a small app of its own: it records the attempt before any data is read."""

from base64 import urlsafe_b64encode
from datetime import date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from jose import jwt
from sqlalchemy import text

from shared.access.disclosing import Disclosed, disclose, disclosures
from shared.access.grant import Grant
from shared.access.system_grant import system_grant
from shared.accounts.tokens import sign
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.events import Actor, PurposeRecord, RecordsDisclosed
from shared.postgres.restores import Restore, Restores
from shared.service import restored
from shared.service.api_runtime import ApiService
from shared.service.running import service_of
from shared.testing import eventually
from tests.integration.shared.guarded import app, attempts, client

__all__ = ["app", "attempts", "client"]

FULL_AT_COMMIT = (
    "CREATE FUNCTION full_at_commit() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION SQLSTATE '53100'; END $$",
    "CREATE CONSTRAINT TRIGGER full_at_commit AFTER INSERT OR UPDATE ON disclosed_counts"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION full_at_commit()",
)
PURPOSE = UUID("00000000-0000-4000-8000-0000000000aa")


async def a_grant(app, **given):
    """Return a grant as the software issues one to itself."""
    actor = Actor(person_id="p-1", name="Pat", title="Custodian", agency_ori="CA0520100")
    return await system_grant(
        service_of(app, ApiService).runtime,
        Permission.RECORD_SEARCH,
        on_behalf_of=actor,
        purpose=PurposeRecord(kind="release"),
        elements={},
        work="test",
        **given,
    )


@pytest.mark.clause("468.5/restored")
async def test_the_software_reads_nothing_for_anybody_after_a_restore_until_a_purge_has_run(
    app, attempts, as_owner, clock
):
    state = service_of(app, ApiService).runtime.restored
    async with as_owner("sample") as connection:
        await Restores(connection).add(Restore(uuid4(), "backup", clock.now(), clock.now()))
    await state.load()
    with pytest.raises(Unavailable, match="restored"):
        await a_grant(app)
    assert await attempts() == []
    async with as_owner("sample") as connection:
        await Restores(connection).settle(clock.now(), clock.now())
    await state.load()
    assert (await a_grant(app)).permission is Permission.RECORD_SEARCH
    [attempt] = await attempts()
    assert (attempt.actor.name, attempt.purpose.kind) == ("Pat", "release")
    assert (attempt.method, attempt.route, attempt.allowed) == ("EVENT", "test", True)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_work_that_the_software_tries_again_is_one_attempt(app, attempts):
    first = await a_grant(app)
    assert [attempt.attempt_id for attempt in await attempts()] == [first.attempt_id]
    again = await a_grant(app, attempt_id=first.attempt_id)
    assert again.attempt_id == first.attempt_id
    assert [attempt.attempt_id for attempt in await attempts()] == [first.attempt_id]


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_what_the_software_reads_for_a_person_does_not_count_towards_their_limit(app):
    grant = await a_grant(app)
    async with service_of(app, ApiService).runtime.db.begin() as connection:
        shown = Disclosed(record_id="read-1", captured=grant.now)
        await disclose(connection, grant, "read", [shown])
        counts = await connection.execute(text("SELECT person_id, records FROM disclosed_counts"))
        assert counts.all() == []


@pytest.mark.clause("468.5/restored")
async def test_a_replica_learns_from_the_database_that_a_purge_has_run(
    app, as_owner, clock, monkeypatch
):
    monkeypatch.setattr(restored, "ASKED_EVERY_S", 0.02)
    async with as_owner("sample") as connection:
        await Restores(connection).add(Restore(uuid4(), "backup", clock.now(), clock.now()))
    replica = restored.RestoredState(service_of(app, ApiService).runtime.db)
    await replica.start()
    try:
        assert replica.waits
        async with as_owner("sample") as connection:
            await Restores(connection).settle(clock.now(), clock.now())
        await eventually(lambda: not replica.waits)
    finally:
        await replica.stop()


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_an_allowed_access_leaves_an_attempt_and_a_disclosure(
    client, authority, attempts, bus, clock
):
    body = {"plate": "7ABC123", "password": "hunter22"}
    purpose = authority.purpose_token(jti=str(PURPOSE), justification="as reported")
    headers = authority.headers() | {"X-ALPR-Purpose": purpose}
    answer = await client.post("/v1/search", json=body, headers=headers)
    assert answer.json() == ["read-1"]
    [attempt] = await attempts()
    [disclosure] = bus.events(RecordsDisclosed)
    assert attempt.allowed
    assert attempt.occurred_at == clock.now()
    assert disclosure.purpose == attempt.purpose
    assert attempt.actor.name == "Officer Seven"
    assert attempt.elements["body"] == {"plate": "7ABC123", "password": "[hidden]"}
    assert attempt.purpose.case_number == "26-001234"
    assert (attempt.purpose.purpose_id, attempt.purpose.justification) == (PURPOSE, "as reported")
    assert (attempt.method, attempt.route) == ("POST", "/v1/search")
    assert attempt.client_address == "127.0.0.1"
    assert answer.headers["x-request-id"] == attempt.request_id
    assert disclosure.attempt_id == attempt.attempt_id
    assert (disclosure.all_ids, disclosure.all_plates) == (["read-1"], ["7ABC123"])
    assert [day.captured_on for day in disclosure.records] == [date(2026, 6, 1)]


@pytest.mark.clause("468.3.1(d)/refusals")
@pytest.mark.parametrize(
    ("how", "recorded"), [("plainly", [True, False]), ("recorded", [True, False]), ("told", [True])]
)
async def test_a_refusal_by_a_rule_after_the_guard_is_recorded_once(
    client, authority, attempts, how, recorded
):
    answer = await client.get(f"/v1/ruled/{how}", headers=authority.headers())
    assert (answer.status_code, answer.json()["code"]) == (403, "rule")
    told = await attempts()
    assert [attempt.allowed for attempt in told] == recorded
    assert {attempt.request_id for attempt in told} == {answer.headers["x-request-id"]}
    assert told[-1].reason == ("the rule says no" if len(told) > 1 else None)
    assert [attempt.elements for attempt in told] == [{"how": how}] * len(told)
    assert {attempt.actor.name for attempt in told} == {"Officer Seven"}


@pytest.mark.clause("468.3.1(d)/refusals")
async def test_a_refusal_by_the_guard_is_recorded_once(client, authority, attempts):
    headers = authority.headers(Permission.ALERT_RECEIVE)
    assert (await client.get("/v1/ruled/plainly", headers=headers)).status_code == 403
    [attempt] = await attempts()
    assert not attempt.allowed


@pytest.mark.clause("468.5/ages")
async def test_records_of_many_days_are_disclosed_in_events_of_six_days_each(app, clock):
    grant = await a_grant(app)
    late = datetime(2026, 5, 31, 23, 30, tzinfo=timezone(timedelta(hours=-7)))  # 1 June in UTC
    shown = [
        Disclosed(record_id=n, captured=date(2026, 5, 1) + timedelta(days=n)) for n in range(8)
    ]
    told = disclosures(grant, "read", [*shown, Disclosed(record_id="late", captured=late)])
    assert [len(event.records) for event in told] == [6, 3]
    assert [event.count for event in told] == [6, 3]
    assert told[1].records[-1].captured_on == date(2026, 6, 1)
    assert told[1].by_day == dict.fromkeys(
        (date(2026, 5, 7), date(2026, 5, 8), date(2026, 6, 1)), 1
    )
    [alone] = disclosures(grant, "read", [shown[0], shown[0]])
    assert (alone.count, alone.by_day) == (2, {})


@pytest.mark.parametrize("kind", ["read", "capture", "image", "crop", "hit", "pass"])
async def test_a_sighting_is_not_disclosed_without_its_day(app, kind):
    """Without the day the audit log could not erase it with the day's purge."""
    with pytest.raises(ValueError, match="day of its capture"):
        disclosures(await a_grant(app), kind, [Disclosed(record_id="x")])
    [told] = disclosures(await a_grant(app), "package", [Disclosed(record_id="x", holds=7)])
    assert (told.records[0].captured_on, told.count) == (None, 7)


TRICKS = {
    "a name that the route does not take": ("application/json", "{}"),
    "another JSON type": ("application/vnd.x+json", '{"plate": "8OTHER2"}'),
    "JSON in capitals": ("Application/JSON", '{"plate": "8OTHER2"}'),
    "a body too long to keep": ("application/json", '{"plate": "8OTHER2"' + " " * 70_000 + "}"),
    "a name that cannot be stored": ("application/json", '{"\\ud800": 1, "plate": "8OTHER2"}'),
}


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.clause("468.6(b)/case-bound")
async def test_extra_input_cannot_bypass_the_scope_of_a_purpose(
    trick, client, authority, attempts, bus
):
    media_type, body = TRICKS[trick]
    purpose = authority.purpose_token(scope={"plate": "7ABC123"})
    headers = {**authority.headers(), "X-ALPR-Purpose": purpose, "Content-Type": media_type}
    answer = await client.post("/v1/search?plate=7ABC123", content=body, headers=headers)
    assert answer.status_code == 403
    assert "plate" in answer.json()["detail"]
    [attempt] = await attempts()
    assert attempt.elements["plate"] == "7ABC123"
    assert attempt.elements["body"].get("plate") == ("8OTHER2" if "OTHER" in body else None)


REFUSALS = {
    "permission": (
        403,
        Permission.RECORD_SEARCH.words,
        {"permissions": [Permission.HIT_READ]},
        True,
    ),
    "no training": (403, "training", {"trained_until": None}, True),
    "no purpose": (403, "X-ALPR-Purpose", {}, False),
}


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_is_recorded_and_releases_no_record(case, client, authority, attempts, bus):
    status, fault, claims, with_purpose = REFUSALS[case]
    headers = {"Authorization": f"Bearer {authority.access_token(**claims)}"}
    if with_purpose:
        headers["X-ALPR-Purpose"] = authority.purpose_token()
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert fault in answer.json()["detail"]
    assert "read-1" not in answer.text
    [attempt] = await attempts()
    assert not attempt.allowed
    assert fault in attempt.reason
    assert bus.events(RecordsDisclosed) == []


@pytest.mark.clause("468.3.1(b)/training")
async def test_training_that_lapses_stops_access_at_that_moment(client, authority, clock):
    headers = authority.headers(trained_until=clock.now())
    answer = await client.get("/v1/alerts", headers=headers)
    assert answer.status_code == 403
    assert "lapsed" in answer.json()["detail"]


@pytest.mark.clause("468.4(a)/purpose")
async def test_a_purpose_of_another_person_is_refused(client, authority):
    headers = authority.headers()
    headers["X-ALPR-Purpose"] = authority.purpose_token(account_id=str(uuid4()))
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=headers)
    assert answer.status_code == 403
    assert "another person" in answer.json()["detail"]


@pytest.mark.clause("468.3/purposes")
@pytest.mark.parametrize("kind", ["immigration_enforcement", "curiosity", "routine_patrol"])
async def test_a_purpose_kind_outside_the_policy_is_refused_even_if_signed(client, authority, kind):
    headers = authority.headers()
    headers["X-ALPR-Purpose"] = authority.purpose_token(kind=kind)
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize("kind", ["audit", "release", "system_maintenance"])
async def test_a_purpose_that_does_not_open_the_permission_is_refused_on_record(
    client, authority, attempts, kind
):
    headers = authority.headers()
    headers["X-ALPR-Purpose"] = authority.purpose_token(kind=kind)
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=headers)
    assert answer.status_code == 403
    problem = answer.json()
    assert problem["code"] == "purpose_does_not_open"
    assert f"the purpose {kind} does not open " in problem["detail"]
    assert "criminal_investigation" in problem["params"]["kinds"]
    assert kind not in problem["params"]["kinds"]
    assert "read-1" not in answer.text
    [attempt] = await attempts()
    assert not attempt.allowed
    assert kind in attempt.reason


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_scoped_purpose_allows_no_other_plate(client, authority):
    headers = authority.headers()
    headers["X-ALPR-Purpose"] = authority.purpose_token(scope={"plate": "7ABC123"})
    inside = await client.post("/v1/search", json={"plate": "7abc123"}, headers=headers)
    outside = await client.post("/v1/search", json={"plate": "8XYZ999"}, headers=headers)
    assert (inside.status_code, outside.status_code) == (200, 403)


@pytest.mark.clause("468.4(b)/patrol")
async def test_alerts_need_no_purpose_and_are_recorded_as_patrol(client, authority, attempts):
    answer = await client.get("/v1/alerts", headers=authority.headers(purpose=False))
    assert answer.status_code == 200
    [attempt] = await attempts()
    assert attempt.purpose == PurposeRecord(kind="routine_patrol")


@pytest.mark.clause("468.2/official-use")
async def test_a_request_without_a_token_is_refused_and_recorded(client, attempts):
    answer = await client.post("/v1/search", json={"plate": "7ABC123"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "token_missing"
    [attempt] = await attempts()
    assert (attempt.actor, attempt.allowed) == (None, False)


@pytest.mark.clause("468.2/official-use")
@pytest.mark.parametrize("missing", ["name", "title", "ori", "permissions", "sources", "sid"])
async def test_a_token_without_a_claim_of_its_person_is_refused(client, authority, missing):
    token = authority.access_token()
    left = {name: value for name, value in claims_of(token).items() if name != missing}
    whole, incomplete = (
        {"Authorization": f"Bearer {sign(claims, jwk=authority._jwk, kid=authority.kid)}"}
        for claims in (claims_of(token), left)
    )
    assert (await client.get("/v1/alerts", headers=whole)).status_code == 200
    answer = await client.get("/v1/alerts", headers=incomplete)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_incomplete")


def claims_of(token):
    return jwt.get_unverified_claims(token)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_no_record_is_released_if_the_attempt_cannot_be_stored(app, client, authority):
    runtime = service_of(app, ApiService).runtime
    runtime.relay.backlog = runtime.settings.max_outbox_backlog + 1
    answer = await client.post("/v1/search", json={"plate": "A1"}, headers=authority.headers())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "read-1" not in answer.text


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_failure_after_the_read_rolls_back_the_disclosure_but_not_the_attempt(
    client, authority, attempts, bus
):
    answer = await client.post(
        "/v1/search", json={"plate": "CONFLICT"}, headers=authority.headers()
    )
    assert answer.status_code == 409
    assert len(await attempts()) == 1
    assert bus.events(RecordsDisclosed) == []


async def test_a_faulty_request_returns_a_problem_document_that_names_the_field(client, authority):
    headers = authority.headers() | {"Content-Type": "application/json"}
    missing_field = await client.post("/v1/search", json={}, headers=headers)
    assert missing_field.status_code == 422
    assert missing_field.json()["field"] == "body.plate"
    broken = await client.post("/v1/search", content=b"{", headers=headers)
    assert broken.status_code == 400
    for answer in (
        missing_field,
        broken,
        await client.get("/nowhere"),
        await client.get("/v1/search"),
        await client.get("/v1/missing", headers=authority.headers()),
    ):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["instance"] == f"urn:request:{answer.headers['x-request-id']}"


async def test_a_method_that_a_route_does_not_have_is_refused_with_those_that_it_has(client):
    answer = await client.post("/livez")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["params"] == {"allowed": ["GET"]}


async def test_readiness_names_what_is_missing(client, bus, objects):
    assert (await client.get("/readyz")).json() == {
        "postgres": "ok", "kafka": "ok", "objects": "ok", "policy": "ok",
    }  # fmt: skip
    bus.down = objects.down = True
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["postgres"] == "ok"
    assert answer.json()["kafka"] != "ok"
    assert (await client.get("/livez")).status_code == 200
    assert "alpr_" in (await client.get("/metrics")).text


async def test_a_callers_trace_id_is_carried_into_the_events_without_its_flag(
    client, authority, app, bus
):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = authority.headers() | {"traceparent": trace}
    await client.get("/v1/alerts", headers=headers)
    await service_of(app, ApiService).runtime.relay.drain()
    assert dict(bus.records[0].headers)["traceparent"].decode() == f"{trace[:-2]}00"


def test_a_grant_cannot_be_constructed_directly(clock):
    actor = Actor(person_id="x", name="x", title="x", agency_ori="CA0520100")
    with pytest.raises(TypeError, match="access"):
        Grant(uuid4(), actor, Permission.HIT_READ, None, "x", "x", clock.now())


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("kind", ["application/json", "image/png"])
async def test_an_oversized_body_is_refused_before_it_is_held(client, authority, signed_in, kind):
    async def pieces():
        for _ in range(40):
            yield b" " * 65536

    headers = (authority.headers() if signed_in else {}) | {"Content-Type": kind}
    for content in (b" " * 2_000_000, pieces()):
        answer = await client.post("/v1/search", content=content, headers=headers)
        assert answer.status_code == 413
        assert "KiB" in answer.json()["detail"]


async def test_the_openapi_page_loads_no_files_from_elsewhere(client):
    page = (await client.get("/docs")).text
    assert "http://" not in page.replace("http://sample", "")
    assert "https://" not in page
    for path in ("/docs/swagger-ui.js", "/docs/swagger-ui.css", "/openapi.json"):
        assert path in page
        assert (await client.get(path)).status_code == 200


async def test_addresses_are_never_redirected(client, authority):
    headers = {**authority.headers(), "Host": "elsewhere.example"}
    answer = await client.get("/v1/alerts/", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers


@pytest.mark.clause("wall/tick")
async def test_while_accounts_are_not_current_alpr_data_is_refused_and_that_is_on_record(
    client, authority, attempts, bus, clock
):
    people = authority.people
    people.assume_current(clock.now() - timedelta(seconds=1))
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=authority.headers())
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cannot be checked" in answer.json()["detail"]
    assert (await client.get("/v1/alerts", headers=authority.headers())).status_code == 503
    assert (await client.get("/v1/missing", headers=authority.headers())).status_code == 404
    found = await attempts()
    assert [attempt.allowed for attempt in found] == [False, False, True]
    assert not bus.events(RecordsDisclosed)
    people.learn(authority.tick())
    answer = await client.post("/v1/search", json={"plate": "7ABC123"}, headers=authority.headers())
    assert answer.status_code == 200


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_token_that_is_nested_too_deeply_is_refused_and_recorded(client, attempts):
    header = urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    answer = await client.get("/v1/alerts", headers={"Authorization": f"Bearer {header}.e30.AAAA"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_unsigned")
    [attempt] = await attempts()
    assert (attempt.allowed, attempt.actor) == (False, None)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_query_of_many_names_is_recorded_with_those_of_the_route_and_some_others(
    client, attempts, authority
):
    """All of them would be a larger record than the outbox takes, and each would cost a walk of the others."""
    names = "&".join(f"{n:x}=" for n in range(10_000))
    headers = authority.headers(Permission.ALERT_RECEIVE)
    answer = await client.get(f"/v1/alerts?{names}&device=north", headers=headers)
    assert answer.status_code == 200
    [attempt] = await attempts()
    assert len(attempt.elements) == 200
    assert attempt.elements["device"] == "north"


async def test_a_path_with_a_further_slash_is_unknown_and_redirects_nowhere(client, authority):
    """A redirect would go to the host that the caller named, with the caller's token."""
    headers = {**authority.headers(purpose=False), "Host": "elsewhere.example"}
    assert (await client.get("/v1/alerts", headers=headers)).status_code == 200
    answer = await client.get("/v1/alerts/", headers=headers)
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.clause("468.3.1(d)/every-door")
async def test_no_record_is_shown_before_its_disclosure_is_committed(
    client, authority, as_owner, app
):
    """The disk fills at the commit, after the route has returned."""
    search = {"json": {"plate": "7ABC123"}, "headers": authority.headers()}
    async with as_owner("sample") as connection:
        for statement in FULL_AT_COMMIT:
            await connection.execute(text(statement))
    try:
        answer = await client.post("/v1/search", **search)
        assert (answer.status_code, "read-1" in answer.text) == (503, False)
    finally:
        async with as_owner("sample") as connection:
            await connection.execute(text("DROP FUNCTION full_at_commit CASCADE"))
    assert (await client.post("/v1/search", **search)).json() == ["read-1"]
