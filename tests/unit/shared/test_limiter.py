"""The limiter before the guard: what it reserves, gives back and counts, around an app of the test's own."""

from datetime import UTC, datetime

import pytest
from fastapi import Request, Response
from prometheus_client import REGISTRY

from shared.core.errors import CredentialEnded, NotAuthenticated, Unavailable
from shared.core.problem_codes import Common
from shared.http.app import status_of
from shared.limits.limiter import RefusalLimiter, mark_authenticated, mark_uncounted
from shared.limits.refusal_log import RefusalLog
from shared.limits.refusals import GUARD, LimitKey
from shared.testing import FakeClock

HERE = "192.0.2.1"
SIGN_IN = "/v1/sessions"
BURST = 3
ENDED, UNKNOWN = CredentialEnded(Common.TOKEN_EXPIRED), NotAuthenticated(Common.TOKEN_MISSING)
AWAY = Unavailable(Common.DATABASE_AWAY)


class Service:
    """An app that answers with a status, or fails, behind the limiter."""

    def __init__(self, *, identifies=None, crowded=False, **settings):
        self.answers = 401
        self.fails = False
        self.marks = ()
        self.asked = 0
        self.fault = identifies
        self.counted = []
        self.log = RefusalLog(
            "limited", None, FakeClock(datetime(2026, 6, 1, tzinfo=UTC)),
            burst=BURST, per_minute=1, crowded=lambda: crowded,
        )  # fmt: skip
        count = self.log.count
        self.log.count = lambda key: (self.counted.append(key), count(key))
        self.limiter = RefusalLimiter(
            self.app,
            refusals=self.log,
            identify=self.identify,
            exempt={"/livez"},
            sign_in_routes={SIGN_IN},
            answer=self.answer,
            **settings,
        )

    async def identify(self, request):
        if self.fault is not None:
            raise self.fault

    async def answer(self, request, exc):
        return Response(status_code=status_of(type(exc)))

    async def app(self, scope, receive, send):
        self.asked += 1
        for mark in self.marks:
            mark(Request(scope))
        if self.fails:
            raise RuntimeError
        await Response(status_code=self.answers)(scope, receive, send)

    async def ask(self, path="/v1/hits", *, root_path=""):
        """Return the status of the answer; None if the app fails."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": root_path + path,
            "root_path": root_path,
            "headers": [],
            "client": (HERE, 7),
        }
        statuses = []

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        try:
            await self.limiter(scope, None, send)
        except RuntimeError:
            return None
        return statuses[0]

    async def spend(self, path="/v1/hits"):
        for _ in range(BURST):
            assert await self.ask(path) == self.answers
        assert self.counted == []


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize("refused", [401, 403])
async def test_a_burst_of_refusals_is_recorded_and_the_rest_answered_429_and_counted(refused):
    service = Service(identifies=UNKNOWN)
    service.answers = refused
    await service.spend()
    assert [await service.ask() for _ in range(2)] == [429, 429]
    assert service.asked == BURST
    assert service.counted == [LimitKey(HERE, GUARD)] * 2


@pytest.mark.parametrize("fails", [True, False])
async def test_a_request_that_is_not_refused_or_fails_uses_up_no_allowance(fails):
    service = Service(identifies=UNKNOWN)
    service.answers, service.fails = 200, fails
    for _ in range(3 * BURST):
        assert await service.ask() == (None if fails else 200)
    service.answers, service.fails = 401, False
    await service.spend()
    assert await service.ask() == 429


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize(
    ("fault", "status", "counts"), [(ENDED, 401, 1), (UNKNOWN, 429, 1), (AWAY, 503, 0)]
)
async def test_over_the_allowance_a_credential_is_still_checked_and_its_refusal_counted(
    fault, status, counts
):
    service = Service(identifies=UNKNOWN)
    await service.spend()
    service.fault = fault
    assert await service.ask() == status
    assert (service.asked, len(service.counted)) == (BURST, counts)
    service.fault = None
    service.answers = 200
    assert await service.ask() == 200, "who has a valid one is served"


async def test_a_person_who_is_known_uses_up_no_allowance_and_is_not_counted():
    service = Service(identifies=UNKNOWN)
    service.marks, service.answers = (mark_authenticated,), 403
    for _ in range(3 * BURST):
        assert await service.ask() == 403
    assert service.counted == []


async def test_a_refusal_without_an_entry_of_its_own_is_counted_once():
    service = Service(identifies=UNKNOWN)
    service.marks = (mark_uncounted,)
    assert await service.ask() == 401
    assert service.counted == [LimitKey(HERE, GUARD)]


async def test_a_sign_in_that_is_turned_away_is_counted_and_no_credential_opens_it():
    service = Service()
    service.answers = 429
    assert await service.ask(SIGN_IN) == 429
    assert service.counted == [LimitKey(HERE, SIGN_IN)]
    service.counted.clear()
    service.answers = 401
    for _ in range(BURST - 1):
        assert await service.ask(SIGN_IN) == 401
    assert service.counted == []
    assert await service.ask(SIGN_IN) == 429
    assert service.asked == BURST


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_paths_below_a_prefix_have_the_limits_of_their_own():
    service = Service(identifies=UNKNOWN)
    service.answers = 200
    for _ in range(3 * BURST):
        assert await service.ask("/livez", root_path="/below") == 200
    service.answers = 401
    for _ in range(BURST):
        await service.ask(SIGN_IN, root_path="/below")
    assert await service.ask(SIGN_IN, root_path="/below") == 429
    assert await service.ask(SIGN_IN) == 429
    assert service.counted == [LimitKey(HERE, SIGN_IN)] * 2
    assert await service.ask(root_path="/below") == 401


async def test_while_the_log_is_behind_the_guard_alone_records_no_strangers():
    service = Service(identifies=UNKNOWN, crowded=True)
    assert await service.ask() == 429
    assert await service.ask(SIGN_IN) == 401


async def test_what_is_counted_is_a_metric():
    def total():
        return REGISTRY.get_sample_value("alpr_refusals_counted_total", {"service": "limited"}) or 0

    service = Service(identifies=UNKNOWN)
    await service.spend()
    before = total()
    await service.ask()
    assert total() == before + 1


async def test_a_known_client_of_an_open_route_has_an_allowance_of_its_own():
    async def vouch(request, route):
        return "a known browser"

    async def fails(request, route):
        raise AWAY

    service = Service(identifies=UNKNOWN, vouch=vouch)
    await service.spend(SIGN_IN)
    for _ in range(BURST):
        assert await service.ask(SIGN_IN) == 401
    assert await service.ask(SIGN_IN) == 429
    other = Service(identifies=UNKNOWN, vouch=fails)
    await other.spend(SIGN_IN)
    assert await other.ask(SIGN_IN) == 429
    guarded = Service(identifies=UNKNOWN, vouch=vouch)
    await guarded.spend()
    assert await guarded.ask() == 429
