"""Real sizes, with bounds wide enough for a busy machine: they detect a wrong complexity."""

import random
import string
import time

from services.hotlist.workers.index_refresh import Refresher
from shared.events import HitRaised

SIZE = 100_000


def plates(dice, count, first="123456789"):
    letters = string.ascii_uppercase
    return [
        f"{dice.choice(first)}{''.join(dice.choices(letters, k=3))}{dice.randrange(1000):03}"
        for _ in range(count)
    ]


async def test_a_hundred_thousand_entries_are_uploaded_loaded_and_matched(hotlist):
    dice = random.Random(468)
    listed = sorted(set(plates(dice, SIZE, "1234")))
    list_id = await hotlist.list("state")
    sheet = "plate,state,record_kind,reason\n" + "".join(
        f"{plate},CA,stolen_vehicle,stolen\n" for plate in listed
    )
    began = time.perf_counter()
    made = await hotlist.upload(list_id, sheet)
    uploaded_s = time.perf_counter() - began
    assert made["entries"] == len(listed)
    assert uploaded_s < 30

    fresh = Refresher(hotlist.runtime, hotlist.running.settings)
    began = time.perf_counter()
    await fresh.refresh()
    loaded_s = time.perf_counter() - began
    [one] = fresh.index.lists
    assert len(one) == len(listed)
    assert loaded_s < 10

    began = time.perf_counter()
    added = await hotlist.add(list_id, "9ZZZ999", state="CA")
    single_s = time.perf_counter() - began
    assert added["version"] == 2
    assert single_s < 2  # a copy of the list would need longer, and rows

    others = plates(dice, 20_000, "6789")
    reads = [hotlist.read(plate) for plate in others]
    began = time.perf_counter()
    for start in range(0, len(reads), 1000):
        await hotlist.see(*reads[start : start + 1000])
    per_read_us = (time.perf_counter() - began) / len(reads) * 1e6
    assert per_read_us < 50
    print(
        f"upload {uploaded_s:.1f} s, load {loaded_s:.2f} s, one entry {single_s * 1000:.0f} ms,"
        f" {per_read_us:.2f} µs a read"
    )

    wanted = dice.sample(listed, 300)
    await hotlist.see(*(hotlist.read(plate) for plate in wanted))
    raised = await hotlist.announced(HitRaised)
    assert {hit.plate_read for hit in raised if hit.plate_read == hit.plate_listed} == set(wanted)
