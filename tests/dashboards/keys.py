"""Keys and certificates that people leave to age, so that rules fire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.stack.keys import root_file
from local.stack.servers import Service, service
from shared.core.certificates import LONGEST
from shared.testing import eventually
from tests.dashboards.site import Site, command

ENDING_DAYS = 5
READY_WITHIN_S = 120.0


@asynccontextmanager
async def key_not_rotated(site: Site) -> AsyncIterator[None]:
    """Wait until the key of tokens is older than the rule in a hurry allows; at the end it is rotated."""
    yield
    identity = site.environment("identity")
    await command("plateward", "rotate-key", "identity", environment=identity)


@asynccontextmanager
async def certificate_ending(site: Site) -> AsyncIterator[None]:
    """Start another replica of ingest, whose certificate soon ends; at the end it has a new one, and starts again."""
    replica = await _replica(site, await _certified(site, ENDING_DAYS))
    target = {"targets": [replica.url.removeprefix("http://")], "labels": {"app": "ingest"}}
    job = {"job_name": "replica", "static_configs": [target]}
    config = site.prometheus.config
    more = {**config, "scrape_configs": [*config["scrape_configs"], job]}
    await asyncio.to_thread(site.prometheus.reload, more)
    site.until_the_end.callback(site.prometheus.reload)
    try:
        yield
    finally:
        await asyncio.to_thread(replica.stop)
        renewed = await _replica(site, await _certified(site), replica.port)
        site.until_the_end.callback(renewed.stop)


async def _replica(site: Site, certified: dict[str, str], port: int = 0) -> Service:
    """Start a replica of ingest with another key and certificate, and wait until it is ready."""
    environment = {**site.environment("ingest"), **certified}
    replica = service(
        "ingest-replica",
        ["services.ingest"],
        folder=site.folder,
        environment=environment,
        port=port,
    )
    await asyncio.to_thread(replica.start)

    async def ready() -> bool:
        return await asyncio.to_thread(replica.faults) is None

    try:
        await eventually(ready, within_s=READY_WITHIN_S, every_s=0.5)
    except BaseException:
        await asyncio.to_thread(replica.stop)
        raise
    return replica


async def _certified(site: Site, days: int = LONGEST.days) -> dict[str, str]:
    """Return a key and a certificate for captures, as the offline root certifies them."""
    root = str(root_file(site.folder / "keys"))
    asked = ["--usage", "captures", "--days", str(days)]
    ingest = site.environment("ingest")
    said = await command("shared.core.offline_root", "certify", root, *asked, environment=ingest)
    return dict(line.split("=", 1) for line in said.splitlines())
