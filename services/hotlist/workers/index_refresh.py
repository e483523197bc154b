"""Refreshes the index from Postgres: at start, on a Postgres notice, and by a cheap periodic poll."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import aclosing

from prometheus_client import Gauge

from services.hotlist.domain.index import Index, ListIndex
from services.hotlist.domain.rating import staleness_limit_s
from services.hotlist.settings import Settings
from services.hotlist.store.entries import Entries
from services.hotlist.store.feed import Feed, InForce
from shared.core.matching import Lookalikes
from shared.core.periodic import PeriodicTask
from shared.core.region_packs import regions_of
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

ENTRIES = Gauge("alpr_hotlist_entries", "Entries that reads are matched with", ["agency"])
AS_OF = Gauge(
    "alpr_hotlist_as_of_timestamp_seconds",
    "Time of the extract that the version in force of a hot list is made of",
    ["agency", "list", "source"],
)
STALE_AFTER = Gauge(
    "alpr_hotlist_stale_after_seconds",
    "Age of that extract from which the list is stale",
    ["agency", "list", "source"],
)


class Refresher:
    """Keeps the index equal to the lists in force. Wake `task` when they change."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self.index = Index(Lookalikes(regions_of(runtime.policy.regions.packs).lookalikes))
        self.task = PeriodicTask(
            "hot list refresher", self._check, settings.hotlist_poll_s, at_once=True, drain=True
        )
        self._runtime = runtime
        self._most_snapshots = settings.hotlist_kept_snapshots
        self._generation = 0
        self._tidied = 0
        """The generation after which old uploads were last dropped."""
        self._one_at_a_time = asyncio.Lock()

    async def ready(self) -> None:
        """Load the index unless it is loaded, so that no read is matched with an empty one. Raises: Unavailable."""
        if self._generation == 0:
            await self.refresh()

    async def refresh(self) -> None:
        """Update the index to the lists now in force. Raises: Unavailable."""
        async with self._one_at_a_time, self._runtime.db.begin() as connection:
            feed = Feed(connection)
            generation = await feed.generation()
            if generation == self._generation:
                return
            in_force = {version.list_id: version for version in await feed.in_force()}
            for index in list(self.index.lists):
                if index.list_id not in in_force:
                    self.index.drop(index.list_id)
            for version in in_force.values():
                await self._bring(feed, version)
            self._generation = generation
            self._count()
            self._show_ages(in_force.values())

    async def _bring(self, feed: Feed, version: InForce) -> None:
        present = self.index.get(version.list_id)
        if present is None or present.snapshot_id != version.snapshot_id:
            self.index.put(await _load(feed, version, self.index.lookalikes))
        elif present.version != version.version:
            added, removed = await feed.difference(version, present.version)
            # No await between these calls. Remove first: an entry may be in both (Entries.branch).
            present.remove(packed for packed, partial in removed if not partial)
            present.remove_partials(packed for packed, partial in removed if partial)
            present.add(packed for packed, partial in added if not partial)
            present.add_partials(packed for packed, partial in added if partial)
            present.version = version.version

    def _count(self) -> None:
        sizes: dict[str, int] = {}
        for index in self.index.lists:
            sizes[index.agency_ori] = sizes.get(index.agency_ori, 0) + len(index)
        ENTRIES.clear()
        for agency, size in sizes.items():
            ENTRIES.labels(agency).set(size)

    def _show_ages(self, lists: Iterable[InForce]) -> None:
        AS_OF.clear()
        STALE_AFTER.clear()
        rules = self._runtime.policy.hotlists
        for one in lists:
            limit_s = staleness_limit_s(one.source, one.staleness_s, rules)
            AS_OF.labels(one.agency_ori, one.name, one.source).set(one.as_of.timestamp())
            STALE_AFTER.labels(one.agency_ori, one.name, one.source).set(limit_s)

    async def _check(self) -> None:
        await self.refresh()
        generation = self._generation
        if generation != self._tidied:  # also after a refresh elsewhere or a failed poll
            await self._drop_old()
            self._tidied = generation

    async def _drop_old(self) -> None:
        """Drop the entries of uploads that are too old for a rollback."""
        while True:
            async with self._runtime.db.begin() as connection:
                dropped = await Entries(connection).drop_old(self._most_snapshots)
            if not dropped:
                return
            log.info("dropped %d entries of an old upload", dropped)


async def _load(feed: Feed, version: InForce, lookalikes: Lookalikes) -> ListIndex:
    index = ListIndex(
        version.list_id, version.agency_ori, version.snapshot_id, version.version, lookalikes
    )
    async with aclosing(feed.plates(version)) as pieces:
        async for piece in pieces:
            index.add(piece)
    index.add_partials(await feed.partials(version))
    log.info("loaded version %d of a hot list, %d entries", version.version, len(index))
    return index
