"""Other replicas of services, which differ in a setting, so that rules fire."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from local.stack.servers import Service, service
from shared.testing import eventually
from tests.dashboards.servers import Receiver
from tests.dashboards.site import Site

READY_WITHIN_S = 120.0


@asynccontextmanager
async def alerts_unanswered(site: Site) -> AsyncIterator[None]:
    """Start another replica of hotlist, by whose setting a person has a second to take an urgent alert."""
    strict = await replica(site, "hotlist", {"HOTLIST_ANSWER_WITHIN_S": "1"})
    await observe(site, "hotlist", strict)
    try:
        yield
    finally:
        await asyncio.to_thread(strict.stop)


@asynccontextmanager
async def dispatch_refuses(site: Site) -> AsyncIterator[None]:
    """Start another replica of hotlist, whose receiver of urgent alerts is down for a while."""
    dispatch = site.until_the_end.enter_context(Receiver())
    dispatch.answer = HTTPStatus.SERVICE_UNAVAILABLE
    announcing = await replica(site, "hotlist", {"HOTLIST_NOTICE_URL": f"{dispatch.url}/alerts"})
    site.until_the_end.callback(announcing.stop)
    await observe(site, "hotlist", announcing)
    try:
        yield
    finally:
        dispatch.answer = HTTPStatus.OK


async def replica(site: Site, name: str, settings: Mapping[str, str], port: int = 0) -> Service:
    """Start a replica of a service with other settings, and wait until it is ready."""
    started = service(
        f"{name}-replica",
        [f"services.{name}"],
        folder=site.folder,
        environment={**site.environment(name), **settings},
        port=port,
    )
    await asyncio.to_thread(started.start)

    async def ready() -> bool:
        return await asyncio.to_thread(started.faults) is None

    try:
        await eventually(ready, within_s=READY_WITHIN_S, every_s=0.5)
    except BaseException:
        await asyncio.to_thread(started.stop)
        raise
    return started


async def observe(site: Site, name: str, started: Service) -> None:
    """Have Prometheus read a replica's figures too, until the end."""
    target = {"targets": [started.url.removeprefix("http://")], "labels": {"app": name}}
    job = {"job_name": f"{name}-replica", "static_configs": [target]}
    config = site.prometheus.config
    more = {**config, "scrape_configs": [*config["scrape_configs"], job]}
    await asyncio.to_thread(site.prometheus.reload, more)
    site.until_the_end.callback(site.prometheus.reload)
