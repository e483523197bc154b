"""The refresher's work besides the index: it drops old uploads, whichever process saw the change first."""

from types import SimpleNamespace

from services.hotlist.workers.index_refresh import Refresher
from shared.core.policy import RegionChoice


class Watched(Refresher):
    """Counts the droppings; the generation is set by hand."""

    def __init__(self):
        settings = SimpleNamespace(hotlist_poll_s=60, hotlist_kept_snapshots=2)
        policy = SimpleNamespace(regions=RegionChoice())
        super().__init__(SimpleNamespace(policy=policy), settings)
        self.dropped = 0
        self.fails = False

    async def refresh(self):
        """Leave the generation as it was set."""

    async def _drop_old(self):
        if self.fails:
            raise TimeoutError
        self.dropped += 1


async def test_old_uploads_are_dropped_even_if_another_process_loaded_the_change():
    refresher = Watched()
    refresher._generation = 7
    await refresher._check()
    await refresher._check()
    assert refresher.dropped == 1


async def test_a_failed_drop_of_uploads_is_retried_at_the_next_check():
    refresher = Watched()
    refresher._generation, refresher.fails = 7, True
    try:
        await refresher._check()
    except TimeoutError:
        refresher.fails = False
    await refresher._check()
    assert refresher.dropped == 1
