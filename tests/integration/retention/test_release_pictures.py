"""Pictures in a release: the requested plate and its surroundings, and no pixel of anything else."""

import csv
import json
import struct
import zlib
from datetime import timedelta
from uuid import uuid4

import cv2
import numpy as np
import pytest
from msgspec import structs

from services.retention.domain.verifying import verify_package
from shared.events import Box, ReleasePackaged
from tests.integration.retention.conftest import JPEG, a_capture, a_read, started
from tests.integration.retention.holding import LONG_AGO, place
from tests.integration.retention.packaging import NOON, an_approval, build, content, names
from tests.integration.retention.purging import purge

CAR, OTHER_CAR = Box(60, 300, 100, 50), Box(420, 310, 90, 45)
FILL = (128, 128, 128)
SECRET = b"GPS 39.92,-122.18 owner J. Doe"


def scene(width_px=640, height_px=480):
    """Return a frame in which every pixel differs from the fill: blue and red noise, and no green at all."""
    pixels = np.random.default_rng(468).integers(0, 256, (height_px, width_px, 3), np.uint8)
    pixels[:, :, 1] = 0
    return pixels


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def with_metadata(jpeg):
    """Return a JPEG with EXIF, a comment and bytes behind its end that a release must not carry."""
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02" + struct.pack(
        ">II", 31, 26
    )
    exif += bytes(4) + SECRET + b"\x00"
    parts = [b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif]
    parts.append(b"\xff\xfe" + struct.pack(">H", len(SECRET) + 2) + SECRET)
    return jpeg[:2] + b"".join(parts) + jpeg[2:] + SECRET


def chunks(data):
    """Return the names of a PNG's chunks, each with a right checksum."""
    at, found = 8, []
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 4 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(body),)
        found.append(name.decode())
        at += 12 + size
    return found


async def a_frame(retention, image, *plates, media_type="image/png", at=NOON, crops=True):
    """Store a frame with reads of plates at places in it; return the capture and the reads."""
    capture = a_capture(at, image=image)
    key = capture.capture.image.object_key
    reads = [
        a_read(
            plate,
            at,
            box=box,
            capture_id=capture.capture.capture_id,
            image_key=key,
            crop_key=f"crops/{uuid4()}.jpg" if crops else None,
        )
        for plate, box in plates
    ]
    processed = structs.replace(capture, read_ids=[read.read_id for read in reads])
    await retention.store(processed, *reads)
    await retention.objects.put(key, image)
    for read in reads:
        if read.crop_key is not None:
            await retention.objects.put(read.crop_key, JPEG)
    return capture.capture, reads


def image_of(path, capture):
    return content(path, f"data/images/{capture.capture_id}.png")


def omitted(path):
    if "data/omitted.csv" not in names(path):
        return {}
    head, *rows = csv.reader(content(path, "data/omitted.csv").decode().splitlines())
    assert head == ["file", "reason"]
    return dict(rows)


def around(box, widths=2):
    """Return the rows and columns of the part that is shown around a plate."""
    margin = widths * box.width_px
    rows = slice(max(box.y_px - margin, 0), box.y_px + box.height_px + margin)
    return rows, slice(max(box.x_px - margin, 0), box.x_px + box.width_px + margin)


@pytest.mark.clause("468.7/pictures")
async def test_a_released_frame_of_two_cars_leaves_only_the_requested_one_visible(
    retention, tmp_path
):
    before = scene()
    capture, _ = await a_frame(retention, png(before), ("7ABC123", CAR), ("8XYZ987", OTHER_CAR))
    packaged, path = await build(retention, an_approval(), tmp_path)
    assert (packaged.reads, packaged.images, packaged.omitted) == (1, 2, 0)
    after = decoded(image_of(path, capture))
    assert after.shape == before.shape
    shown = np.zeros(before.shape[:2], bool)
    shown[around(CAR)] = True
    assert (after[shown] == before[shown]).all()
    assert (after[~shown] == FILL).all()
    assert shown.sum() == (480 - 100) * (100 + 200 + 60)
    x, y = OTHER_CAR.x_px, OTHER_CAR.y_px
    assert (after[y : y + OTHER_CAR.height_px, x : x + OTHER_CAR.width_px] == FILL).all()
    assert {name for name in names(path) if name.endswith(".jpg")} == set()
    assert verify_package(path).holds


@pytest.mark.clause("468.7/pictures")
async def test_another_plate_nearby_is_filled_within_the_visible_part(retention, tmp_path):
    close_by = Box(180, 290, 80, 40)
    before = scene()
    capture, _ = await a_frame(retention, png(before), ("7ABC123", CAR), ("8XYZ987", close_by))
    _, path = await build(retention, an_approval(), tmp_path)
    after = decoded(image_of(path, capture))
    assert (after[290 - 20 : 330 + 20, 180 - 20 : 260 + 20] == FILL).all()
    assert (after[300:350, 60:160] == before[300:350, 60:160]).all()
    assert (
        after[400:420, 180:260] == before[400:420, 180:260]
    ).all()  # within the part, beside both


@pytest.mark.clause("468.7/pictures")
async def test_a_release_of_both_plates_leaves_only_their_parts_visible(retention, tmp_path):
    before = scene()
    capture, _ = await a_frame(retention, png(before), ("7ABC123", CAR), ("7ABD555", OTHER_CAR))
    small = an_approval(criteria={"plate": "7AB*"})
    _, path = await build(retention, small, tmp_path)
    after = decoded(image_of(path, capture))
    shown = np.zeros(before.shape[:2], bool)
    shown[around(CAR)] = True
    shown[around(OTHER_CAR)] = True
    assert (after[shown] == before[shown]).all()
    assert (after[~shown] == FILL).all()


@pytest.mark.clause("468.7/pictures")
async def test_the_policy_sets_the_margin_that_a_release_leaves_visible(
    settings, bus, objects, clock, authority, policy, tmp_path
):
    from msgspec.structs import replace

    policy = replace(policy, sharing=replace(policy.sharing, frame_margin_widths=0.5))
    before = scene()
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        capture, _ = await a_frame(retention, png(before), ("7ABC123", CAR))
        _, path = await build(retention, an_approval(), tmp_path)
    after = decoded(image_of(path, capture))
    shown = np.zeros(before.shape[:2], bool)
    shown[250:400, 10:210] = True
    assert (after[shown] == before[shown]).all()
    assert (after[~shown] == FILL).all()
    told = json.loads(content(path, "data/request.json"))["pictures"]
    assert told["margin_plate_widths"] == 0.5


@pytest.mark.clause("468.7/pictures")
async def test_no_picture_of_a_release_carries_metadata(retention, tmp_path):
    jpeg = with_metadata(cv2.imencode(".jpg", scene())[1].tobytes())
    capture, [read] = await a_frame(retention, jpeg, ("7ABC123", CAR))
    await retention.objects.put(read.crop_key, with_metadata(JPEG))
    assert SECRET in retention.objects.stored[read.crop_key]
    _, path = await build(retention, an_approval(), tmp_path)
    for data in (image_of(path, capture), content(path, f"data/crops/{read.read_id}.png")):
        assert SECRET not in data
        assert b"Exif" not in data
        assert set(chunks(data)) == {"IHDR", "IDAT", "IEND"}
        assert chunks(data)[-1] == "IEND"
    crop = decoded(content(path, f"data/crops/{read.read_id}.png"))
    assert (crop == decoded(JPEG)).all()
    assert SECRET not in path.read_bytes()


@pytest.mark.clause("468.7/pictures")
async def test_a_frame_on_its_side_is_cut_where_the_plate_is_when_it_is_upright(
    retention, tmp_path
):
    """Boxes are of the upright frame; this one is stored turned, with the turn in its EXIF."""
    lying = np.full((480, 640, 3), 10, np.uint8)
    jpeg = cv2.imencode(".jpg", lying)[1].tobytes()
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif += bytes(4)
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    capture, _ = await a_frame(retention, turned, ("7ABC123", Box(200, 560, 40, 20)))
    _, path = await build(retention, an_approval(), tmp_path)
    after = decoded(image_of(path, capture))
    assert after.shape == (640, 480, 3)
    assert (after[560:580, 200:240] < 20).all()
    assert (after[:400] == FILL).all()


@pytest.mark.clause("468.7/pictures")
@pytest.mark.parametrize(
    ("plates", "reason"),
    [
        ([("7ABC123", None)], "the plate's place in it is unknown"),
        ([("7ABC123", Box(10, 10, 0, 0))], "the plate's place in it is unknown"),
        ([("7ABC123", CAR), ("8XYZ987", None)], "the place of another plate in it is unknown"),
        ([("7ABC123", Box(900, 900, 50, 20))], "the plate's place lies outside it"),
    ],
)
async def test_a_frame_that_cannot_be_cut_is_left_out_and_the_package_says_why(
    retention, tmp_path, plates, reason
):
    image = png(scene())
    capture, [read, *_] = await a_frame(retention, image, *plates)
    packaged, path = await build(retention, an_approval(), tmp_path)
    name = f"images/{capture.capture_id}.png"
    assert omitted(path) == {name: reason}
    assert f"data/{name}" not in names(path)
    assert (packaged.images, packaged.omitted) == (1, 1)
    assert f"data/crops/{read.read_id}.png" in names(path)
    assert "Omitted: 1\n" in content(path, "bag-info.txt").decode()
    assert verify_package(path).holds


@pytest.mark.clause("468.7/pictures")
async def test_a_frame_of_which_a_purge_destroyed_another_plates_place_is_left_out(
    retention, tmp_path
):
    """The hold keeps one of two reads with their frame, and where the other plate is in it is not known any more."""
    capture, [held, _] = await a_frame(
        retention, png(scene()), ("7ABC123", CAR), ("8XYZ987", Box(180, 290, 80, 40)), at=LONG_AGO
    )
    alone, _ = await a_frame(
        retention, png(scene()), ("7ABC123", CAR), at=LONG_AGO + timedelta(seconds=1)
    )
    await place(retention, plate="7ABC123")
    await purge(retention)
    criteria = {"captured_from": LONG_AGO - timedelta(days=1)}
    _, path = await build(retention, an_approval(criteria=criteria), tmp_path)
    name = f"images/{capture.capture_id}.png"
    assert omitted(path) == {name: "the place of another plate in it is unknown"}
    assert {f"data/images/{alone.capture_id}.png", f"data/crops/{held.read_id}.png"} < names(path)


@pytest.mark.clause("468.7/pictures")
@pytest.mark.clause("wall/pictures")
async def test_a_picture_that_breaks_the_cutter_is_omitted_alone_with_its_reason(
    retention, tmp_path
):
    broken, _ = await a_frame(retention, b"\xff\xd8\xff\xe0 hostile", ("7ABC123", CAR))
    bomb = png(np.zeros((8000, 8000, 1), np.uint8))
    large, _ = await a_frame(
        retention, bomb, ("7ABC123", CAR), at=NOON.replace(minute=1), crops=False
    )
    sound, _ = await a_frame(retention, png(scene()), ("7ABC123", CAR), at=NOON.replace(minute=2))
    packaged, path = await build(retention, an_approval(), tmp_path)
    assert omitted(path) == {
        f"images/{broken.capture_id}.png": "it is not a picture that can be read",
        f"images/{large.capture_id}.png": "it is not a picture that can be read",
    }
    assert f"data/images/{sound.capture_id}.png" in names(path)
    assert (packaged.images, packaged.omitted) == (3, 2)


@pytest.mark.clause("468.7/pictures")
async def test_only_originals_that_the_approval_names_are_released(retention, tmp_path):
    image = png(scene())
    named, _ = await a_frame(retention, image, ("7ABC123", CAR), ("8XYZ987", OTHER_CAR))
    beside, _ = await a_frame(retention, image, ("7ABC123", CAR), at=NOON.replace(minute=1))
    not_asked_for, _ = await a_frame(retention, image, ("8XYZ987", OTHER_CAR))
    approval = an_approval(originals=[named.capture_id, not_asked_for.capture_id])
    packaged, path = await build(retention, approval, tmp_path)
    originals = {name for name in names(path) if name.startswith("data/originals/")}
    assert originals == {f"data/originals/{named.capture_id}.jpg"}
    assert content(path, next(iter(originals))) == image
    assert (decoded(image_of(path, named))[:50] == FILL).all()
    assert (decoded(image_of(path, beside))[:50] == FILL).all()
    assert omitted(path) == {
        f"originals/{not_asked_for.capture_id}": "named in the decision, but not a picture of this request"
    }
    told = json.loads(content(path, "data/request.json"))["pictures"]["originals"]
    assert told == sorted(str(c.capture_id) for c in (named, not_asked_for))
    assert packaged.images == 5
    [event] = await retention.emitted(ReleasePackaged)
    assert event.omitted == 1


@pytest.mark.clause("468.7/pictures")
async def test_an_original_that_was_changed_in_the_store_is_not_released(retention, tmp_path):
    named, _ = await a_frame(retention, png(scene()), ("7ABC123", CAR), crops=False)
    retention.objects.stored[named.image.object_key] = png(scene()[:, ::-1])
    packaged, path = await build(retention, an_approval(originals=[named.capture_id]), tmp_path)
    why = "its SHA-256 is not the one recorded at capture"
    assert omitted(path) == {
        f"originals/{named.capture_id}.jpg": why,
        f"images/{named.capture_id}.png": why,
    }
    assert packaged.images == 0
