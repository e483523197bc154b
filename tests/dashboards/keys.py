"""Keys and certificates that people leave to age, so that rules fire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from local.stack.keys import root_file
from shared.core.certificates import LONGEST
from tests.dashboards.replicas import observe, replica
from tests.dashboards.site import Site, command

ENDING_DAYS = 5


@asynccontextmanager
async def key_not_rotated(site: Site) -> AsyncIterator[None]:
    """Wait until the key of tokens is older than the rule in a hurry allows; at the end it is rotated."""
    yield
    identity = site.environment("identity")
    await command("plateward", "rotate-key", "identity", environment=identity)


@asynccontextmanager
async def certificate_ending(site: Site) -> AsyncIterator[None]:
    """Start another replica of ingest, whose certificate soon ends; at the end it has a new one, and starts again."""
    ending = await replica(site, "ingest", await _certified(site, ENDING_DAYS))
    await observe(site, "ingest", ending)
    try:
        yield
    finally:
        await asyncio.to_thread(ending.stop)
        renewed = await replica(site, "ingest", await _certified(site), ending.port)
        site.until_the_end.callback(renewed.stop)


async def _certified(site: Site, days: int = LONGEST.days) -> dict[str, str]:
    """Return a key and a certificate for captures, as the offline root certifies them."""
    root = str(root_file(site.folder / "keys"))
    asked = ["--usage", "captures", "--days", str(days)]
    ingest = site.environment("ingest")
    said = await command("shared.core.offline_root", "certify", root, *asked, environment=ingest)
    return dict(line.split("=", 1) for line in said.splitlines())
