import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from services.recognition.decode import (
    MAX_IMAGE_BYTES,
    ImageTooLarge,
    UndecodableImage,
    decode,
    image_size,
    reduction,
)


def picture(width=60, height=40):
    """A frame whose left half is red and right half blue, BGR."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2] = (0, 0, 255)
    frame[:, width // 2 :] = (255, 0, 0)
    return frame


def encoded(frame, extension=".png"):
    ok, data = cv2.imencode(extension, frame)
    assert ok
    return data.tobytes()


def png_header(width, height):
    """The beginning of a PNG that announces a size; nothing of a picture follows."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    length, crc = struct.pack(">I", 13), struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + length + header + crc + b"\x00\x00\x00\x00IDAT"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_each_format_comes_out_as_bgr(extension):
    frame = decode(encoded(picture(), extension)).pixels
    assert (frame.shape, frame.dtype) == ((40, 60, 3), np.uint8)
    assert frame[20, 10].argmax() == 2
    assert frame[20, 50].argmax() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_frame_that_was_held_sideways_comes_out_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    out = io.BytesIO()
    Image.fromarray(picture()[:, :, ::-1].copy()).save(out, kind, exif=exif)
    frame = decode(out.getvalue()).pixels
    assert frame.shape == (60, 40, 3)
    assert frame[10, 20].argmax() == 2, "left of the picture as stored is its top"


def test_greyscale_sixteen_bits_and_alpha_come_out_as_eight_bit_bgr():
    grey = np.full((8, 9), 120, np.uint8)
    deep = np.full((8, 9, 3), 120 * 257, np.uint16)
    clear = np.dstack([np.full((8, 9, 3), 120, np.uint8), np.zeros((8, 9), np.uint8)])
    for image in (grey, deep, clear):
        frame = decode(encoded(image)).pixels
        assert (frame.shape, frame.dtype) == ((8, 9, 3), np.uint8)
        assert (frame == 120).all()


def test_one_pixel_is_a_frame():
    assert decode(encoded(np.full((1, 1, 3), 7, np.uint8))).pixels.tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_a_truncated_image_is_refused_by_name(extension):
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(noise, extension)
    with pytest.raises(UndecodableImage, match="cut off"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(40), b"plain text"])
def test_what_is_no_image_is_refused_by_name(data):
    with pytest.raises(UndecodableImage):
        decode(data)


def test_a_bomb_is_refused_from_its_header():
    assert image_size(png_header(10_000, 5_000)) == (10_000, 5_000)
    with pytest.raises(ImageTooLarge, match="10000x5001"):
        decode(png_header(10_000, 5_001))
    with pytest.raises(ImageTooLarge, match="bomb"):
        decode(png_header(60_000, 60_000))


@pytest.mark.parametrize("chunk", ["VP8 ", "VP8L", "VP8X"])
def test_a_webp_bomb_is_refused_from_its_header_in_each_of_its_forms(chunk):
    quality = 101 if chunk == "VP8L" else 80
    ok, data = cv2.imencode(".webp", picture(61, 41), [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert ok
    data = bytearray(data.tobytes())
    if chunk == "VP8X":
        extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + bytes([60, 0, 0, 40, 0, 0])
        data[12:12] = extended
        data[4:8] = struct.pack("<I", len(data) - 8)
    assert data[12:16] == chunk.encode()
    assert image_size(bytes(data)) == (61, 41)
    sides = {"VP8 ": b"\xff\x3f\xff\x3f", "VP8L": b"\xff\xff\xff\x0f", "VP8X": b"\xff\xff\x00" * 2}
    start = {"VP8 ": 26, "VP8L": 21, "VP8X": 24}[chunk]
    data[start : start + len(sides[chunk])] = sides[chunk]
    with pytest.raises(ImageTooLarge):
        decode(bytes(data))


def test_a_file_over_the_limit_is_refused_unseen():
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode(bytes(MAX_IMAGE_BYTES + 1))


@pytest.mark.parametrize(
    ("width", "height", "factor"),
    [(1280, 720, 1), (3840, 2160, 1), (5120, 2880, 2), (7680, 4320, 2), (2160, 10_300, 4)],
)
def test_only_very_large_frames_are_reduced(width, height, factor):
    assert reduction(width, height) == factor


def test_a_reduced_frame_says_by_how_much():
    frame = decode(encoded(np.zeros((16, 5200, 3), np.uint8), ".jpg"))
    assert (frame.pixels.shape, frame.reduced_by) == ((8, 2600, 3), 2)
