"""Access stops at the guard while the audit log is too far behind, for any state of the outbox."""

import pytest

from shared.events import LogCovered
from shared.kafka.topics import GUARDED, topic_of
from shared.service.coverage import Coverage
from tests.integration.shared.guarded import attempts, client, router

__all__ = ["attempts", "client"]

pytestmark = pytest.mark.clause("wall/log-behind")


@pytest.fixture
def coverage(clock, policy):
    return Coverage("sample", clock, policy.limits.audit_behind_refuses_s)


@pytest.fixture
async def app(sample_app, coverage):
    app = sample_app(router, coverage=coverage)
    async with app.router.lifespan_context(app):
        yield app


async def test_a_search_is_refused_until_audit_has_caught_up(
    client, authority, attempts, clock, coverage
):
    async def search():
        body = {"plate": "7ABC123"}
        return await client.post("/v1/search", json=body, headers=authority.headers())

    clock.advance(hours=4)
    assert (await search()).status_code == 200
    clock.advance(seconds=1)
    refused = await search()
    assert refused.status_code == 503
    assert "audit log is too far behind" in refused.json()["detail"]
    assert refused.headers["Retry-After"] == "60"
    assert len(await attempts()) == 1
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["audit_log"] == "14401 s behind: access is refused"
    figures = (await client.get("/metrics")).text
    assert 'alpr_log_behind_seconds{service="sample"} 14401.0' in figures
    await coverage.learn([LogCovered(occurred_at=clock.now(), covered_until=clock.now())])
    assert (await search()).status_code == 200
    assert (await client.get("/readyz")).json()["audit_log"] == "ok"


def test_every_guarded_service_follows_the_coverage_that_only_audit_publishes():
    assert topic_of(LogCovered).consumers == GUARDED
    assert topic_of(LogCovered).producers == {"audit"}
