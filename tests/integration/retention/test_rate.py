"""How fast reads are stored; the bound is generous, the printed figure is the point."""

import json
import time
from datetime import UTC, datetime, timedelta

from tests.integration.retention.conftest import a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BATCHES, BATCH = 20, 1000
LEAST_PER_S = 1000


async def test_reads_are_stored_in_batches_faster_than_cameras_make_them(retention, capsys):
    batches = [
        [
            a_read(f"{n % 7000:04}ABC"[:7], NOON + timedelta(milliseconds=b * BATCH + n))
            for n in range(BATCH)
        ]
        for b in range(BATCHES)
    ]
    await retention.store(*batches[0])
    began, cpu_began = time.perf_counter(), time.process_time()
    for batch in batches[1:]:
        await retention.store(*batch)
    duration_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    stored = (BATCHES - 1) * BATCH
    figures = {
        "reads_per_s": round(stored / duration_s),
        "python_cpu_us_per_read": round(cpu_s / stored * 1e6, 1),
    }
    with capsys.disabled():
        print(json.dumps(figures))
    [[count]] = await retention.fetch("SELECT count(*) FROM reads")
    assert count == BATCHES * BATCH
    assert stored / duration_s > LEAST_PER_S
