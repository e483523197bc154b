import httpx
import pytest

from local.demo.alerts import AlertStream, Arrival, attach
from local.demo.camera import Refused, post, post_all
from local.demo.client import Api
from local.demo.department import Device
from local.demo.searches import refused_untrained
from local.demo.story import Frame, StepFailed
from services.registry import names
from shared.service.spec import Kind
from tests.unit.demo.people import somebody

URLS = {name: f"http://stack/{name}" for name in names(Kind.API)}
DEVICE = Device("d1", "Main St", "d1.secret")
FRAME = Frame("one.jpg", b"bytes", "image/jpeg")


def api_of(answer):
    return Api(URLS, httpx.MockTransport(answer))


def problem(status, **members):
    body = {"title": "No", "status": status, "detail": "because", **members}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})


async def test_a_frame_is_resent_with_the_same_time_until_it_is_acknowledged():
    tries = []

    def answer(request):
        tries.append(request)
        if len(tries) == 1:
            raise httpx.ConnectError("down")
        if len(tries) == 2:
            return httpx.Response(503, headers={"Retry-After": "0"})
        return httpx.Response(202, json={"capture_id": "c1"})

    async with api_of(answer) as api:
        posted = await post(api, DEVICE, FRAME, pause_s=0)
    assert posted.sent.capture_id == "c1"
    assert len({request.headers["x-captured-at"] for request in tries}) == 1
    assert tries[0].headers["authorization"] == "Bearer d1.secret"
    assert tries[2].content == b"bytes"


async def test_a_frame_that_is_refused_is_not_sent_again():
    tries = []

    def answer(request):
        tries.append(request)
        return problem(415)

    async with api_of(answer) as api:
        with pytest.raises(Refused, match="415 because"):
            await post(api, DEVICE, FRAME)
    assert len(tries) == 1


async def test_a_frame_that_is_never_accepted_fails_the_demonstration():
    async with api_of(lambda _: httpx.Response(503, headers={"Retry-After": "0"})) as api:
        with pytest.raises(StepFailed, match=r"one\.jpg"):
            await post(api, DEVICE, FRAME)


async def test_devices_alternate_and_refusals_are_reported():
    def answer(request):
        if request.content == b"bad":
            return problem(400)
        return httpx.Response(202, json={"capture_id": request.content.decode()})

    frames = [
        Frame(f"{n}.jpg", b"bad" if n == 1 else str(n).encode(), "image/jpeg") for n in range(4)
    ]
    devices = [DEVICE, Device("d2", "Oak St", "d2.secret")]
    told = []
    async with api_of(answer) as api:
        posted = await post_all(
            api, devices, frames, every_s=0.0, done=lambda frame, fault: told.append((frame, fault))
        )
    assert [(p.sent.capture_id, p.sent.device) for p in posted] == [
        ("0", "Main St"),
        ("2", "Main St"),
        ("3", "Oak St"),
    ]
    assert sorted((frame.name, fault) for frame, fault in told if fault) == [
        ("1.jpg", "400 because")
    ]


def a_hit(capture_id):
    return {
        "hit_id": "h1", "capture_id": capture_id, "plate_read": "A1", "plate_listed": "A1",
        "list_name": "L", "record_kind": "stolen_plate", "tier": "low", "status": "unverified",
    }  # fmt: skip


async def posted_as(capture_id):
    async with api_of(lambda _: httpx.Response(202, json={"capture_id": capture_id})) as api:
        return await post(api, DEVICE, FRAME)


async def test_the_delay_of_an_alert_is_measured_from_the_start_of_its_frames_post():
    one = await posted_as("c1")
    attach([Arrival(a_hit("c1"), one.began_s + 0.25)], [one])
    [alert] = one.sent.alerts
    assert alert.after_ms == pytest.approx(250)
    assert alert.status == "unverified"


async def test_an_alert_about_an_unposted_frame_fails_the_demonstration():
    with pytest.raises(StepFailed, match="nobody posted"):
        attach([Arrival(a_hit("c2"), 1.0)], [await posted_as("c1")])


async def test_the_alert_stream_reconnects_with_the_last_id():
    asked = []

    def answer(request):
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 3:
            return problem(503)
        body = f'event: ready\ndata: {{}}\n\nid: {len(asked)}\nevent: alert\ndata: {{"n": 1}}\n\n'
        end = 'event: end\ndata: {"code": "token_expired"}\n\n'
        return httpx.Response(200, text=body + end, headers={"content-type": "text/event-stream"})

    async with api_of(answer) as api:
        stream = AlertStream(somebody(api))
        with pytest.raises(StepFailed, match="alert stream: 503"):
            await stream.listen()
    assert asked == [None, "1", "2"]
    assert len(stream.arrivals) == 2


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx.Response(200, json={"reads": []}), "should have been refused"),
        (problem(403, code="permission"), "another reason"),
        (httpx.Response(403, json={"code": "training_missing"}), "should have been refused"),
    ],
)
async def test_only_a_problem_document_for_lack_of_training_counts_as_that_refusal(answer, fault):
    window = (posted := await posted_as("c1")).captured_at, posted.captured_at
    async with api_of(lambda _: answer) as api:
        with pytest.raises(StepFailed, match=fault):
            await refused_untrained(somebody(api), "A1", window)


async def test_a_refusal_for_lack_of_training_is_recorded_with_its_answer():
    window = (posted := await posted_as("c1")).captured_at, posted.captured_at
    async with api_of(lambda _: problem(403, code="training_missing")) as api:
        shown = await refused_untrained(somebody(api), "A1", window)
    assert (shown.status, shown.answer, shown.person_id) == (403, "because", "p1")


@pytest.mark.parametrize(("film", "sent_by"), [("", ["d1", "d2", "d1"]), ("a.mp4", ["d1"] * 3)])
async def test_frames_alternate_between_cameras_but_those_of_a_film_come_from_one(film, sent_by):
    used = []

    def answer(request):
        used.append(request.headers["Authorization"].removeprefix("Bearer ").partition(".")[0])
        return httpx.Response(202, json={"capture_id": f"c{len(used)}"})

    devices = [DEVICE, Device("d2", "Oak St", "d2.secret")]
    frames = [Frame(f"{place}.jpg", b"b", "image/jpeg", film=film) for place in range(3)]
    async with api_of(answer) as api:
        await post_all(api, devices, frames, every_s=0, done=lambda *_: None)
    assert sorted(used) == sorted(sent_by)
