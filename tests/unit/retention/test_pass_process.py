"""The process that votes on passes says that it computes, so that a long set is not taken for a hang."""

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest

from services.retention.workers import pass_process
from services.retention.workers.pass_process import (
    MOST_BEATS,
    Computing,
    Finished,
    PassProcess,
    VoteFailed,
)
from services.retention.workers.pass_progress import Voted
from services.retention.workers.passes import EVERYTHING

VOTED = Voted(agreed=1, disagreed=0, contradicted=0, late=0)


class FakeChild:
    """A process that reports what it is given, and then nothing."""

    def __init__(self, *messages):
        self.messages = [*messages]
        self.killed = False

    def is_alive(self):
        return True

    def send(self, message, timeout_s):
        assert message == EVERYTHING

    def receive(self, timeout_s):
        return self.messages.pop(0)

    def kill(self):
        self.killed = True


@pytest.fixture
def vote_of():
    """Have a process with these reports vote; return it."""

    async def work(*messages):
        relay = SimpleNamespace(wake=lambda: None)
        process = PassProcess(SimpleNamespace(relay=relay), settings=None)
        process._child = child = FakeChild(*messages)
        try:
            await process.work(EVERYTHING)
        except VoteFailed as exc:
            return child, exc.detail
        return child, None

    return work


def test_a_process_that_votes_ends_with_this_one_and_has_a_smaller_share_of_the_core(monkeypatch):
    begun, settings = [], SimpleNamespace(log_format="text")
    monkeypatch.setattr(pass_process, "begin_as_child", lambda: begun.append("as a child"))
    monkeypatch.setattr(pass_process.os, "nice", begun.append)
    for rest in ("configure_logging", "spare_collector"):
        monkeypatch.setattr(pass_process, rest, lambda *_: None)
    monkeypatch.setattr(pass_process.uvloop, "run", lambda work: begun.append(work.close()))
    pass_process.vote(None, settings, "retention")
    assert begun == ["as a child", pass_process.NICENESS, None]


async def test_a_set_may_take_long_while_its_process_computes(vote_of):
    long = [Computing()] * (MOST_BEATS - 1)
    child, fault = await vote_of(*long, VOTED, *long, VOTED, Finished())
    assert (child.messages, child.killed, fault) == ([], False, None)


async def test_a_set_that_never_ends_is_given_up(vote_of):
    child, fault = await vote_of(*[Computing()] * MOST_BEATS, Finished())
    assert child.killed
    assert "without a result" in fault


async def test_only_a_process_that_computes_says_so(monkeypatch):
    used, sent = [0.0, 0.1, 0.1, 5.0, 5.0, 5.2, 5.2, 9.0], []
    told = asyncio.Event()
    looks = count()

    def process_time():
        if (look := next(looks)) < len(used):
            return used[look]
        told.set()
        return used[-1]

    monkeypatch.setattr(pass_process, "BEAT_S", 0)
    monkeypatch.setattr(pass_process, "process_time", process_time)
    beating = asyncio.create_task(pass_process._beat(sent.append))
    await told.wait()
    beating.cancel()
    assert sent == [Computing(), Computing()], "not while it waits for Postgres"
