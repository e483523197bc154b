"""A camera's account of its reads, compared with those on record."""

import asyncio

import httpx
import pytest

from local.demo.client import Api
from tests.containers import camera as camera_module
from tests.containers.camera import Account, Camera, Losses, losses


def test_lost_doubled_and_unknown_reads_are_counted() -> None:
    account = Account(acknowledged=["A", "B", "C"], given_up=["D"])
    assert losses(account, ["A", "B", "C"]) == Losses(0, 0, 0)
    assert losses(account, ["A", "A", "A", "B", "D", "X"]) == Losses(lost=1, doubled=2, unknown=1)


def test_the_longest_gap_between_acknowledgements_shows_an_outage() -> None:
    assert Account(acknowledged_at_s=[4.0, 1.0, 9.5]).longest_gap_s == 5.5
    assert Account().longest_gap_s == 0


async def test_a_read_is_posted_until_it_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "PAUSE_S", 0)
    answers = iter([502, 503, 202])
    posted: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request.content.decode())
        return httpx.Response(next(answers))

    async with (
        Api({"ingest": "https://here"}, httpx.MockTransport(answer)) as api,
        Camera(api, "credential", iter(["P0"])) as camera,
    ):
        while not camera.account.acknowledged:
            await asyncio.sleep(0.01)
    assert camera.account.acknowledged == ["P0"]
    assert camera.account.given_up == []
    assert camera.account.refused == {"502": 1, "503": 1}
    assert len(posted) == 3
    assert len({*posted}) == 1
