import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from services.recognition.engine.decode import (
    MAX_IMAGE_BYTES,
    ImageTooLarge,
    UndecodableImage,
    decode,
    image_size,
    reduction,
)


def picture(width=60, height=40):
    """Return a frame whose left half is red and right half blue, BGR."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2] = (0, 0, 255)
    frame[:, width // 2 :] = (255, 0, 0)
    return frame


def encoded(frame, extension=".png"):
    ok, data = cv2.imencode(extension, frame)
    assert ok
    return data.tobytes()


def png_header(width, height):
    """Return the beginning of a PNG that announces a size, without any data of the picture."""
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
def test_a_sideways_frame_is_decoded_upright(kind):
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


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_a_single_pixel_image_is_decoded(extension):
    assert decode(encoded(np.full((1, 1, 3), 8, np.uint8), extension)).pixels.tolist() == [
        [[8] * 3]
    ]


def smooth(width=48, height=32):
    """Return a picture without sharp edges, different in every corner, RGB for Pillow."""
    y, x = np.mgrid[:height, :width]
    channels = 5 * x, 7 * y, 128 + 2 * x - 3 * y
    return Image.fromarray(np.dstack(channels).clip(0, 255).astype(np.uint8))


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA"])
def test_every_kind_of_png_comes_out_as_its_colours(mode):
    picture = smooth()
    if mode == "I;16":
        grey = np.asarray(picture.convert("L"))
        data, picture = (
            saved(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
            Image.fromarray(grey),
        )
    else:
        picture = picture.convert(mode)
        data = saved(picture, "PNG")
    expected = np.asarray(picture.convert("RGB"))[:, :, ::-1]
    assert np.abs(decode(data).pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        saved(smooth().convert("CMYK"), "JPEG", quality=95),
        saved(smooth(), "JPEG", quality=95, progressive=True),
        saved(smooth(), "WEBP", save_all=True, append_images=[smooth().rotate(180)], quality=95),
        saved(smooth(), "PNG", save_all=True, append_images=[smooth().rotate(180)]),
    ],
    ids=["cmyk", "progressive", "animated webp", "animated png"],
)
def test_rare_formats_are_decoded_and_animations_give_their_first_frame(data):
    expected = np.asarray(smooth())[:, :, ::-1].astype(int)
    assert np.abs(decode(data).pixels - expected).mean() < 5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright_and_unmirrored(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(smooth(), kind, exif=exif, quality=95)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    expected = np.asarray(upright)[:, :, ::-1].astype(int)
    frame = decode(data).pixels
    assert frame.shape == expected.shape
    assert np.abs(frame - expected).mean() < 5


ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Passes of an interlaced PNG: first column and row, steps across and down (PNG 8.2)."""


def interlaced(frame):
    """Return a PNG in seven passes; `frame` is BGR."""
    rgb, rows = frame[:, :, ::-1], []
    for x, y, across, down in ADAM7:
        part = rgb[y::down, x::across]
        rows += [b"\x00" + row.tobytes() for row in part if part.size]
    height, width = frame.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("size", [(60, 40), (61, 41), (1, 1), (3, 2)])
def test_an_interlaced_png_comes_out_whole(size):
    frame = np.random.default_rng(2).integers(0, 255, (*size[::-1], 3), np.uint8)
    assert (decode(interlaced(frame)).pixels == frame).all()


def test_an_interlaced_png_that_is_cut_off_is_refused():
    frame = np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)
    with pytest.raises(UndecodableImage):
        decode(interlaced(frame)[:6000])


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_an_8k_frame_comes_out_at_half_its_sides(extension):
    large = np.full((4320, 7680, 3), 90, np.uint8)
    large[:, :3840] = 180
    frame = decode(encoded(large, extension))
    assert (frame.pixels.shape, frame.reduced_by) == ((2160, 3840, 3), 2)
    assert abs(int(frame.pixels[1000, 100, 0]) - 180) <= 2
    assert abs(int(frame.pixels[1000, 3700, 0]) - 90) <= 2


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_a_truncated_image_is_refused_by_name(extension):
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(noise, extension)
    with pytest.raises(UndecodableImage, match="cut off"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(40), b"plain text"])
def test_data_that_is_not_an_image_raises_undecodable_image(data):
    with pytest.raises(UndecodableImage):
        decode(data)


@pytest.mark.parametrize("extension", [".bmp", ".tiff", ".ppm"])
def test_an_image_of_a_kind_that_no_camera_sends_is_refused(extension):
    with pytest.raises(UndecodableImage, match="not a JPEG, PNG or WebP"):
        decode(encoded(np.zeros((64, 64, 3), np.uint8), extension))


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


def test_a_webp_header_that_is_cut_off_is_refused():
    for chunk in (b"VP8X", b"VP8L", b"VP8 "):
        with pytest.raises(UndecodableImage):
            image_size(b"RIFF\x00\x00\x00\x00WEBP" + chunk + bytes(13))


@pytest.mark.parametrize("sides", [(2, 60_000), (60_000, 2)])
def test_a_picture_too_narrow_to_be_reduced_is_refused(sides):
    with pytest.raises(UndecodableImage):
        decode(encoded(np.zeros((*sides, 3), np.uint8), ".png"))


def test_a_file_over_the_limit_is_refused_without_decoding():
    with pytest.raises(ImageTooLarge, match="bytes"):
        decode(bytes(MAX_IMAGE_BYTES + 1))


@pytest.mark.parametrize(
    ("width", "height", "factor"),
    [
        (1280, 720, 1),
        (3840, 2160, 1),
        (5120, 2880, 2),
        (7680, 4320, 2),
        (2160, 10_300, 4),
        (48_000, 1000, 8),
    ],
)
def test_only_very_large_frames_are_reduced(width, height, factor):
    assert reduction(width, height) == factor


def test_a_reduced_frame_reports_its_factor():
    frame = decode(encoded(np.zeros((16, 5200, 3), np.uint8), ".jpg"))
    assert (frame.pixels.shape, frame.reduced_by) == ((8, 2600, 3), 2)
