"""The background worker."""

from services.retention.worker import Worker
from shared.errors import Unavailable
from shared.testing import eventually


async def test_it_works_at_once_when_woken_and_after_a_failure():
    turns = []

    async def work():
        turns.append(1)
        if len(turns) == 1:
            raise Unavailable("not yet")
        if len(turns) == 2:
            raise ZeroDivisionError

    worker = Worker("test", work, every_s=3600)
    await worker.stop()  # not started: nothing to stop
    worker.start()
    for count in (1, 2, 3):
        await eventually(lambda count=count: len(turns) == count)
        worker.wake()
    await eventually(lambda: len(turns) == 4)
    await worker.stop()


async def test_it_works_every_so_often_besides():
    turns = []

    async def work():
        turns.append(1)

    worker = Worker("test", work, every_s=0.01)
    worker.start()
    await eventually(lambda: len(turns) >= 3)
    await worker.stop()
