"""Receipts carry the newest checkpoint of the audit log."""

import pytest

from tests.integration.ingest.frames import FRAME
from tests.unit.shared.notes import signed

pytestmark = pytest.mark.clause("wall/checkpoints")


async def test_receipts_carry_the_newest_checkpoint_and_null_before_the_first(station, camera):
    async def receipts():
        frame = await station.post_frame(camera, FRAME)
        reads = await station.post_reads(camera, [station.read(0)])
        assert (frame.status_code, reads.status_code) == (202, 202)
        return frame.json()["checkpoint"], reads.json()["checkpoint"]

    assert await receipts() == (None, None)
    await station.running.runtime.agreement.learn([signed(7)])
    assert await receipts() == (signed(7).note, signed(7).note)
    await station.running.runtime.agreement.learn([signed(8), signed(7)])
    assert await receipts() == (signed(8).note, signed(8).note)
