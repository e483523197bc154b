import asyncio
import json
import os
import signal
import subprocess
import sys
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from prometheus_client import REGISTRY

from services.recognition.engine.decode import ImageTooLarge, UndecodableImage
from services.recognition.engine.protocol import Box
from services.recognition.workers import child
from services.recognition.workers.child import Failed, read_frames
from services.recognition.workers.pool import FrameKilledWorker, WorkerPool, cores
from services.recognition.workers.process import EngineFailed, Worker, WorkerDoesNotStart
from shared.core.child_process import ChildEnded
from shared.core.errors import Unavailable
from shared.testing import eventually
from tests.processes import is_gone
from tests.unit.recognition.engines import (
    BROKEN,
    GO,
    HANGING,
    HANGS,
    KILLS,
    KILLS_ONCE,
    KILLS_TWICE,
    PLATE,
    RAISES,
    READS,
    WAITS,
    WARM,
    ScriptedEngine,
    broken_factory,
    sometimes_broken_factory,
    stubborn_factory,
)

pytestmark = pytest.mark.clause("468.4(c)/frames")

ROOT = Path(__file__).parents[3]


def frame(width=READS):
    ok, data = cv2.imencode(".png", np.full((20, width, 3), 77, np.uint8))
    assert ok
    return data.tobytes()


@pytest.fixture
async def pool(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=2, frame_timeout_s=20)
    await pool.start()
    yield pool
    await pool.stop()


async def test_frames_come_back_with_readings_and_crops(pool):
    results = await asyncio.gather(*(pool.read(frame()) for _ in range(8)))
    [plate] = results[0].plates
    assert len(results) == 8
    assert plate.reading.plate == "7ABC123"
    assert plate.reading.plate_as_read == "7ABC 123"
    assert plate.reading.confidence == 0.9
    assert plate.box == Box(2, 2, 28, 8)
    crop = cv2.imdecode(np.frombuffer(plate.crop_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert crop.shape == (12, 32, 3)
    assert abs(float(crop.mean()) - 77) < 2
    assert pool.model == "scripted/1@abababababababab"


def test_boxes_of_a_reduced_frame_are_in_pixels_of_the_frame_as_posted():
    small, large = read_frames(ScriptedEngine(), [frame(), frame(5200)])
    assert [plate.box for plate in small.plates] == [Box(2, 2, 28, 8)]
    assert [plate.box for plate in large.plates] == [Box(4, 4, 56, 16)]


def test_an_engine_that_fails_on_frames_together_reads_each_of_them_alone():
    """Without this the frames beside a faulty one would be lost with it, or cost a worker."""
    answers = read_frames(ScriptedEngine(), [frame(), frame(RAISES), b"no image", frame()])
    assert answers[1:3] == [
        Failed("EngineFailed", "RuntimeError"),
        Failed("UndecodableImage", "not a JPEG, PNG or WebP image"),
    ]
    assert [plate.reading.plate for one in (answers[0], answers[3]) for plate in one.plates] == [
        PLATE,
        PLATE,
    ]


def test_a_frame_took_its_decoding_its_share_of_the_reading_and_its_crops(monkeypatch):
    now_s = 100.0

    def later(seconds, result):
        nonlocal now_s
        now_s += seconds
        return result

    class Slow(ScriptedEngine):
        def read_batch(self, frames):
            return later(6.0, super().read_batch(frames))

    jpeg, decoding = child._jpeg, child.decode
    monkeypatch.setattr(child, "time", SimpleNamespace(perf_counter=lambda: now_s))
    monkeypatch.setattr(child, "decode", lambda data: later(0.5, decoding(data)))
    monkeypatch.setattr(child, "_jpeg", lambda *given: later(0.25, jpeg(*given)))
    answers = read_frames(Slow(), [frame()] * 3)
    assert [one.duration_ms for one in answers] == [500 + 2000 + 250] * 3


async def test_a_worker_is_ready_only_after_its_engine_is_warm(pool, tmp_path):
    assert (tmp_path / WARM).exists(), "a worker is ready once its engine is warm"


async def test_an_undecodable_frame_is_refused_and_the_worker_continues(pool):
    before = {worker.pid for worker in pool.workers}
    with pytest.raises(UndecodableImage):
        await pool.read(b"no image")
    with pytest.raises(ImageTooLarge):
        await pool.read(bytes(26 * 1024 * 1024))
    with pytest.raises(EngineFailed, match="RuntimeError"):
        await pool.read(frame(RAISES))
    assert (await pool.read(frame())).plates
    assert {worker.pid for worker in pool.workers} == before


async def test_a_worker_logs_an_error_of_its_engine_without_the_text(tmp_path, capfd):
    """The text may have a plate."""
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, log_format="json")
    await pool.start()
    try:
        with pytest.raises(EngineFailed):
            await pool.read(frame(RAISES))
    finally:
        await pool.stop()
    logged = capfd.readouterr().err
    assert "the engine failed on a frame of 43 x 20 px" in logged
    assert json.loads(logged)["error"].endswith("builtins.RuntimeError")
    assert PLATE not in logged


async def test_a_frame_that_kills_two_workers_is_refused_and_others_are_read(pool):
    before = {worker.pid for worker in pool.workers}
    replaced = REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total")
    killer = asyncio.create_task(pool.read(frame(KILLS)))
    others = [pool.read(frame()) for _ in range(6)]
    assert all(result.plates for result in await asyncio.gather(*others))
    with pytest.raises(FrameKilledWorker, match="-9"):
        await killer
    after = {worker.pid for worker in pool.workers}
    assert len(after) == 2
    assert len(after & before) == 1, "one worker was replaced"
    assert REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total") == replaced + 2
    assert (await pool.read(frame())).plates


async def test_a_frame_of_a_killed_worker_is_retried_once(pool):
    assert (await pool.read(frame(KILLS_ONCE))).plates


@pytest.fixture
async def batching(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, batch=3, frame_timeout_s=20)
    await pool.start()
    yield pool
    await pool.stop()


async def test_frames_that_wait_for_one_worker_go_to_it_together(batching, tmp_path):
    results = await asyncio.gather(*(batching.read(frame()) for _ in range(4)))
    assert [len(result.plates) for result in results] == [1] * 4
    assert all(result.duration_ms > 0 for result in results)
    assert (tmp_path / "together").read_text() == "3"


async def test_idle_workers_share_waiting_frames(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=3, batch=3)
    await pool.start()
    try:
        await asyncio.gather(*(pool.read(frame()) for _ in range(2)))
        assert not (tmp_path / "together").exists()
        assert pool.idle == 3
    finally:
        await pool.stop()


async def test_a_free_worker_leaves_a_share_of_waiting_frames_to_a_busy_one(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=2, batch=4)
    await pool.start()
    try:
        busy = asyncio.create_task(pool.read(frame(WAITS)))
        await eventually(lambda: pool.idle == 1)
        await asyncio.gather(*(pool.read(frame()) for _ in range(4)))
        assert (tmp_path / "together").read_text() == "2"
        (tmp_path / GO).touch()
        assert (await busy).plates
    finally:
        await pool.stop()


async def test_each_frame_of_a_batch_gets_its_own_result(batching):
    images = [frame(), b"no image", frame(RAISES)]
    good, broken, fault = await asyncio.gather(
        *(batching.read(image) for image in images), return_exceptions=True
    )
    assert good.plates
    assert isinstance(broken, UndecodableImage)
    assert isinstance(fault, EngineFailed)
    assert "RuntimeError" in str(fault)


async def test_a_frame_that_kills_a_worker_is_isolated_and_the_others_are_read(batching):
    images = [frame(), frame(KILLS), frame()]
    one, killer, other = await asyncio.gather(
        *(batching.read(image) for image in images), return_exceptions=True
    )
    assert isinstance(killer, FrameKilledWorker)
    assert one.plates
    assert other.plates
    assert len(batching.workers) == 1
    assert (await batching.read(frame())).plates


async def test_a_frame_whose_batch_died_is_refused_only_after_it_was_alone_twice(batching):
    images = [frame(KILLS_TWICE), frame()]
    results = await asyncio.gather(*(batching.read(image) for image in images))
    assert [len(result.plates) for result in results] == [1, 1]


async def test_the_other_frames_of_a_batch_with_a_hanging_frame_are_read(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, batch=3, frame_timeout_s=1.5)
    await pool.start()
    try:
        images = [frame(HANGS), frame(), frame()]
        slow, *others = await asyncio.gather(
            *(pool.read(image) for image in images), return_exceptions=True
        )
        assert isinstance(slow, FrameKilledWorker)
        assert [len(other.plates) for other in others] == [1, 1]
    finally:
        await pool.stop()


async def test_a_frame_that_nobody_waits_for_is_not_retried_when_its_batch_dies(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, batch=2, frame_timeout_s=1.5)
    await pool.start()
    replaced = REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total")
    try:
        given_up = asyncio.create_task(pool.read(frame(HANGS)))
        kept = asyncio.create_task(pool.read(frame()))
        await eventually(lambda: pool.idle == 0)
        given_up.cancel()
        assert (await kept).plates
        assert REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total") == replaced + 1
    finally:
        await pool.stop()


async def test_a_frame_that_is_given_up_while_it_waits_is_read_by_no_worker(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1)
    await pool.start()
    replaced = REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total")
    try:
        busy = asyncio.create_task(pool.read(frame(WAITS)))
        await eventually(lambda: pool.idle == 0)
        given_up = asyncio.create_task(pool.read(frame(KILLS)))
        await asyncio.sleep(0)
        given_up.cancel()
        (tmp_path / GO).touch()
        assert (await busy).plates
        assert (await pool.read(frame())).plates
        assert REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total") == replaced
    finally:
        await pool.stop()


@pytest.mark.parametrize("answers", [[], [Failed("EngineFailed", "")] * 2, "a string"])
def test_an_answer_without_one_result_for_each_frame_ends_its_worker(answers):
    ours, theirs = Pipe()
    theirs.send(answers)
    with pytest.raises(ChildEnded, match="one result for each image"):
        Worker(None, ours).read([frame()], timeout_s=1)


async def test_cancelling_a_frame_does_not_cancel_the_rest_of_its_batch(batching, tmp_path):
    given_up = asyncio.create_task(batching.read(frame(WAITS)))
    kept = asyncio.create_task(batching.read(frame()))
    pids = [worker.pid for worker in batching.workers]
    await eventually(lambda: batching.idle == 0)
    given_up.cancel()
    (tmp_path / GO).touch()
    assert (await kept).plates
    assert [worker.pid for worker in batching.workers] == pids


async def test_a_closed_pool_refuses_frames_and_leaves_no_caller_waiting(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1)
    await pool.start()
    in_hand = asyncio.create_task(pool.read(frame(HANGS)))
    await eventually(lambda: pool.idle == 0)
    waiting = asyncio.create_task(pool.read(frame()))
    await asyncio.sleep(0)
    await pool.ping()
    await pool.stop()
    with pytest.raises(Unavailable):
        await pool.ping()
    for task in in_hand, waiting:
        with pytest.raises(ChildEnded):
            await task
    with pytest.raises(ChildEnded, match="closed"):
        await pool.read(frame())


async def test_workers_that_die_between_frames_are_replaced_at_once(pool):
    for _ in range(2):  # the replacements too
        killed = {worker.pid for worker in pool.workers}
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        await eventually(
            lambda killed=killed: pool.idle == 2 and not {w.pid for w in pool.workers} & killed
        )
        assert all(is_gone(pid) for pid in killed)
    results = await asyncio.gather(*(pool.read(frame()) for _ in range(3)))
    assert all(result.plates for result in results)


async def test_a_replacement_that_does_not_start_is_tried_again_for_the_next_frame(
    tmp_path, caplog
):
    pool = WorkerPool(partial(sometimes_broken_factory, tmp_path), workers=1)
    await pool.start()
    (tmp_path / BROKEN).touch()
    try:
        [worker] = pool.workers
        os.kill(worker.pid, signal.SIGKILL)
        await eventually(lambda: pool.idle == 0)
        await eventually(lambda: pool.idle == 1)
        assert "a worker that ended while idle is not replaced yet" in caplog.text
        with pytest.raises(WorkerDoesNotStart):
            await pool.read(frame())
        assert pool.workers == {worker}, "of those that did not start, none is kept"
        (tmp_path / BROKEN).unlink()
        assert (await pool.read(frame(KILLS_ONCE))).plates, "blamed for its own death alone"
    finally:
        await pool.stop()


async def test_a_frame_that_exceeds_its_time_limit_is_refused(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, frame_timeout_s=1.5)
    await pool.start()
    try:
        with pytest.raises(FrameKilledWorker, match=r"1\.5 s"):
            await pool.read(frame(HANGS))
        assert (await pool.read(frame())).plates
    finally:
        await pool.stop()


async def test_a_worker_that_does_not_take_its_frame_in_time_is_replaced(tmp_path):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=1, frame_timeout_s=1.5)
    await pool.start()
    [stopped] = pool.workers
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        larger_than_the_pipe = frame() + bytes(4 * 1024 * 1024)
        async with asyncio.timeout(30):
            assert (await pool.read(larger_than_the_pipe)).plates
        assert is_gone(stopped.pid)
    finally:
        await pool.stop()


async def test_a_cancelled_read_leaves_no_result_for_the_next(pool):
    hanging = [asyncio.create_task(pool.read(frame(HANGS))) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(pool.read(frame()))
    await eventually(lambda: pool.idle == 0)
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    async with asyncio.timeout(15):  # a frame without a caller ends its worker
        assert (await waiting).plates


@pytest.mark.parametrize("factory", [broken_factory, stubborn_factory])
async def test_an_engine_that_does_not_load_fails_the_start(factory):
    pool = WorkerPool(factory, workers=1)
    with pytest.raises(WorkerDoesNotStart):
        await pool.start()
    assert not pool.workers


async def test_closing_the_pool_ends_every_worker_and_the_current_frame(tmp_path, caplog):
    pool = WorkerPool(partial(ScriptedEngine, tmp_path), workers=2)
    await pool.start()
    pids = [worker.pid for worker in pool.workers]
    hanging = asyncio.create_task(pool.read(frame(HANGS)))
    await eventually(lambda: pool.idle == 1)
    await pool.stop()
    assert all(is_gone(pid) for pid in pids)
    [ended] = await asyncio.gather(hanging, return_exceptions=True)
    assert isinstance(ended, BaseException)
    assert "not replaced" not in caplog.text, "a closed pool replaces no worker"


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", os.cpu_count()),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("6400000 100000", 64),
        ("", None),
    ],
)
def test_a_containers_limit_bounds_the_number_of_workers(tmp_path, quota, expected):
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert cores(path) == min(len(os.sched_getaffinity(0)), expected or 1_000)
    assert cores(tmp_path / "absent") == len(os.sched_getaffinity(0))


PARENT = """
import asyncio, sys
from functools import partial
from pathlib import Path
from services.recognition.workers.pool import WorkerPool
from tests.unit.recognition.engines import ScriptedEngine

async def main():
    pool = WorkerPool(partial(ScriptedEngine, Path(sys.argv[1])), workers=1)
    await pool.start()
    print(*(worker.pid for worker in pool.workers), flush=True)
    await pool.read(open(0, "rb").read())

asyncio.run(main())
"""


async def test_workers_end_when_their_parent_is_killed_even_in_the_middle_of_a_frame(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.stdin.write(frame(HANGS))
        parent.stdin.close()
        assert len(pids) == 1
        await eventually((tmp_path / HANGING).exists)
        assert not is_gone(pids[0])
        parent.kill()
    await eventually(lambda: is_gone(pids[0]))
