"""Which files are accepted as whole still images, and how the others are refused."""

import random
import struct
import time
from contextlib import suppress

import pytest

from services.ingest.domain.images import inspect
from shared.core.errors import AlprError, Malformed, TooLarge, UnsupportedMedia
from tests.unit.ingest import pictures as p

WHOLE = [
    ("image/jpeg", p.jpeg),
    ("image/jpeg", p.progressive_jpeg),
    ("image/jpeg", p.jpeg_with_restarts),
    ("image/jpeg", p.grey_jpeg),
    ("image/jpeg", p.jpeg_with_thumbnail),
    ("image/jpeg", p.jpeg_with_more_pictures),
    ("image/png", p.png),
    ("image/png", p.deep_png),
    ("image/png", p.palette_png),
    ("image/webp", p.lossy_webp),
    ("image/webp", p.lossless_webp),
    ("image/webp", p.extended_webp),
]
BY_NAME = [pytest.param(media_type, make, id=make.__name__) for media_type, make in WHOLE]


@pytest.mark.parametrize(("media_type", "make"), BY_NAME)
def test_a_complete_image_is_accepted_with_its_dimensions(media_type, make):
    frame = inspect(make())
    assert (frame.media_type, frame.width_px, frame.height_px) == (media_type, 96, 64)


@pytest.mark.parametrize(("media_type", "make"), BY_NAME)
def test_padding_with_zeros_is_accepted(media_type, make):
    assert inspect(make() + bytes(512)).width_px == 96


@pytest.mark.parametrize(("media_type", "make"), BY_NAME)
def test_other_bytes_after_the_end_are_refused(media_type, make):
    for tail in (b"<?php", make(), bytes(9) + b"PK\x03\x04"):
        if make is p.jpeg_with_more_pictures and tail == make():
            continue  # its own header announces further pictures
        with pytest.raises(Malformed):
            inspect(make() + tail)


def test_a_jpeg_has_eight_pictures_at_most():
    whole = p.jpeg_with_more_pictures()
    assert inspect(whole + p.jpeg(32, 16) * 6).width_px == 96
    with pytest.raises(Malformed):
        inspect(whole + p.jpeg(32, 16) * 7)


@pytest.mark.parametrize(("media_type", "make"), BY_NAME)
def test_a_file_cut_anywhere_is_refused(media_type, make):
    whole = make()
    # Cut at every byte: also in the middle of a marker, a length or a CRC.
    first = whole.index(b"\xff\xd9") + 2 if make is p.jpeg_with_more_pictures else None
    for size in range(len(whole)):
        if first is not None and first <= size <= first + 6:
            continue  # its first picture is whole, and the next has not begun
        with pytest.raises((Malformed, UnsupportedMedia)):
            inspect(whole[:size])


@pytest.mark.parametrize("make", [p.jpeg, p.progressive_jpeg, p.jpeg_with_restarts, p.png])
def test_a_cut_file_that_a_disk_filled_up_with_zeros_is_refused(make):
    whole = make()
    for tenth in range(1, 10):
        cut = whole[: len(whole) * tenth // 10]
        with pytest.raises(Malformed):
            inspect(cut + bytes(len(whole) - len(cut)))


@pytest.mark.parametrize("bomb", [p.jpeg_bomb, p.png_bomb, p.webp_bomb])
def test_a_decompression_bomb_is_refused_by_its_header(bomb):
    with pytest.raises(TooLarge, match="megapixels"):
        inspect(bomb())


@pytest.mark.parametrize("make", [p.animated_png, p.animated_webp, p.gif])
def test_moving_images_are_refused_as_an_unsupported_kind(make):
    with pytest.raises(UnsupportedMedia, match=r"animated|GIF"):
        inspect(make())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "PDF"),
        (b"BM\x00\x00", "BMP"),
        (b"II*\x00", "TIFF"),
        (b"\x00\x00\x00\x18ftypheic", "HEIF"),
        (b"<svg/>", "markup"),
        (b"hello", "not an image"),
    ],
)
def test_a_file_that_is_not_a_supported_image_is_refused_with_its_kind(data, said):
    with pytest.raises(UnsupportedMedia, match=said):
        inspect(data)


def sof(precision=8, height=64, width=96, components=3, marker=0xC0):
    body = struct.pack(">BHHB", precision, height, width, components) + b"\1\x11\0" * components
    return p.segment(marker, body)


def jpeg_of(*segments):
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


SCAN = p.segment(0xDA, b"\1\1\0\0\x3f\0") + b"data\xff\x00\xff\xd0more"


def test_a_hand_made_jpeg_is_accepted():
    assert inspect(jpeg_of(sof(), SCAN)).height_px == 64


def fault(data):
    """Return what is wrong with a file: the defect and its byte, or what it is instead."""
    with pytest.raises((Malformed, TooLarge, UnsupportedMedia)) as caught:
        inspect(data)
    said = caught.value.params
    if "defect" in said:
        return said["defect"].value, said["byte"]
    return said["kind"].value if "kind" in said else caught.value.problem.code


START = p.segment(0xDA, b"\1\1\0\0\x3f\0")
"""The header of a scan, without its data."""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (jpeg_of(sof(height=0), SCAN), ("no_pixels", 4)),
        (jpeg_of(sof(width=0), SCAN), ("no_pixels", 4)),
        (jpeg_of(sof(precision=12), SCAN), "jpeg_depth"),
        (jpeg_of(sof(components=2), SCAN), "jpeg_components"),
        (jpeg_of(sof(), sof(), SCAN), ("second_header", 23)),
        (jpeg_of(SCAN), ("header_late", 12)),
        (jpeg_of(sof()), ("no_picture", 23)),
        (jpeg_of(sof(), START), ("scan_empty", 31)),
        *[
            (jpeg_of(sof(), bytes((0xFF, one)), SCAN), ("marker_misplaced", 21))
            for one in (0x00, 0xD0, 0xD3, 0xD7, 0xD8)
        ],
        (jpeg_of(sof(), b"xx", SCAN), ("marker_missing", 21)),
        (jpeg_of(b"\xff\xe0\x00\x01", sof(), SCAN), ("segment_length", 4)),
        (jpeg_of(p.segment(0xC0, b"\x08\0\x40"), SCAN), ("header_length", 4)),
        (jpeg_of(p.segment(0xC0, b"\x08\0\x40\0\x60\3" + bytes(8)), SCAN), ("header_length", 4)),
        (b"\xff\xd8\xff\xe0\x00", ("truncated", 5)),
        (b"\xff\xd8\xff\xe0\x00\x10abc", ("truncated", 9)),
        (b"\xff\xd8" + sof() + SCAN, ("truncated", 21 + len(SCAN))),
        (b"\xff\xd8" + sof(), ("truncated", 21)),
        (jpeg_of(sof(), *[SCAN] * 101), "image_too_many_scans"),
        (jpeg_of(sof(), SCAN) + b"<?php", ("trailing_bytes", 23 + len(SCAN))),
        (jpeg_of(sof(), SCAN) + b"\0\xff\0<?php", ("trailing_bytes", 26 + len(SCAN))),
        (jpeg_of(sof(), SCAN) * 2, ("trailing_bytes", 23 + len(SCAN))),
    ],
)
def test_a_contradictory_jpeg_is_refused_with_its_defect_and_where_it_is(data, said):
    assert fault(data) == said


@pytest.mark.parametrize("process", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_a_jpeg_of_a_process_that_no_camera_uses_is_refused(process):
    assert fault(jpeg_of(sof(marker=process), SCAN)) == "jpeg_process"


@pytest.mark.parametrize("components", [1, 3, 4])
@pytest.mark.parametrize("process", [0xC0, 0xC1, 0xC2])
def test_each_usual_jpeg_is_accepted(process, components):
    assert inspect(jpeg_of(sof(marker=process, components=components), SCAN)).width_px == 96


def test_a_jpeg_has_a_hundred_scans_at_most():
    assert inspect(jpeg_of(sof(), *[SCAN] * 100)).width_px == 96


@pytest.mark.parametrize(
    ("announcement", "accepted"),
    [
        (p.segment(0xE2, b"MPF\0rest"), True),
        (p.segment(0xE2, b"ICC_PROFILE\0"), False),
        (p.segment(0xE1, b"MPF\0rest"), False),
    ],
    ids=["further pictures", "a profile", "in another segment"],
)
def test_further_pictures_are_accepted_only_if_the_first_announces_them(announcement, accepted):
    first, further = jpeg_of(announcement, sof(), SCAN), jpeg_of(sof(width=32), SCAN)
    if not accepted:
        assert fault(first + further) == ("trailing_bytes", len(first))
        return
    assert inspect(first + b"\xff" + further).width_px == 96
    assert fault(first + further + b"<?php") == ("trailing_bytes", len(first + further))
    assert fault(first + b"\0\0" + jpeg_of(sof())) == ("no_picture", len(first) + 2 + 23)


IDAT, IEND = p.chunk(b"IDAT", b"data"), p.chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (p.png_of(IDAT, p.ihdr(4, 4), IEND), ("header_late", 8)),
        (p.png_of(p.ihdr(4, 4), IEND), ("no_picture", 33)),
        (p.png_of(p.ihdr(4, 4), p.chunk(b"IDAT", b""), IEND), ("no_picture", 45)),
        (p.png_of(p.ihdr(0, 4), IDAT, IEND), ("no_pixels", 8)),
        (p.png_of(p.ihdr(4, 4, depth=3), IDAT, IEND), ("header_contradiction", 8)),
        (p.png_of(p.ihdr(4, 4, colour=5), IDAT, IEND), ("header_contradiction", 8)),
        (p.png_of(p.ihdr(4, 4, interlace=2), IDAT, IEND), ("header_contradiction", 8)),
        (p.png_of(p.ihdr(4, 4, compression=1), IDAT, IEND), ("header_contradiction", 8)),
        (p.png_of(p.ihdr(4, 4, filtering=1), IDAT, IEND), ("header_contradiction", 8)),
        (p.png_of(p.ihdr(4, 4, colour=3), IDAT, IEND), ("palette_missing", 49)),
        (p.png_of(p.ihdr(4, 4), p.ihdr(4, 4), IDAT, IEND), ("second_header", 33)),
        (p.png_of(p.ihdr(4, 4), IDAT, p.chunk(b"tEXt", b"a"), IDAT, IEND), ("chunks_apart", 62)),
        (p.png_of(p.ihdr(4, 4), p.chunk(b"ABCD", b""), IDAT, IEND), ("chunk_unknown", 33)),
        (p.png_of(p.ihdr(4, 4), p.chunk(b"acTL", b""), IDAT, IEND), "animated_png"),
        (p.png_of(p.ihdr(4, 4), p.chunk(b"\0\0\0\0", b""), IDAT, IEND), ("chunk_name", 33)),
        (p.png_of(p.ihdr(70_000, 1), IDAT, IEND), "image_too_large"),
        (p.png_of(p.ihdr(1, 65_536), IDAT, IEND), "image_too_large"),
        (p.png_of(p.ihdr(10_001, 5_000), IDAT, IEND), "image_too_large"),
        (p.png_of(p.chunk(b"IHDR", b"short"), IDAT, IEND), ("header_length", 8)),
        (p.png_of(p.ihdr(4, 4), IDAT), ("truncated", 49)),
        (p.png_of(p.ihdr(4, 4), IDAT, IEND[:11]), ("truncated", 60)),
        (p.png_of(p.ihdr(4, 4), IDAT, IEND) + bytes(3) + b"PK", ("trailing_bytes", 61)),
    ],
)
def test_a_contradictory_png_is_refused_with_its_defect_and_where_it_is(data, said):
    assert fault(data) == said


@pytest.mark.parametrize(("width_px", "height_px"), [(65_535, 1), (1, 65_535), (10_000, 5_000)])
def test_the_largest_pictures_are_accepted(width_px, height_px):
    frame = inspect(p.png_of(p.ihdr(width_px, height_px), IDAT, IEND))
    assert (frame.width_px, frame.height_px) == (width_px, height_px)


DEPTHS_BY_COLOUR = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The standard's table 12."""

PALETTE = p.chunk(b"PLTE", bytes(3))


@pytest.mark.parametrize("colour", range(8))
@pytest.mark.parametrize("depth", range(18))
def test_a_png_has_one_of_the_depths_of_its_kind_of_colour(colour, depth):
    data = p.png_of(p.ihdr(4, 4, depth, colour), PALETTE, IDAT, IEND)
    if depth in DEPTHS_BY_COLOUR.get(colour, ()):
        assert inspect(data).width_px == 4
    else:
        assert fault(data) == ("header_contradiction", 8)


def test_an_interlaced_png_is_accepted():
    assert inspect(p.png_of(p.ihdr(4, 4, interlace=1), IDAT, IEND)).width_px == 4


def test_a_palette_counts_wherever_it_stands_before_the_pixels():
    words = p.chunk(b"tEXt", b"a")
    for between in ([PALETTE], [PALETTE, words], [words, PALETTE, words]):
        assert inspect(p.png_of(p.ihdr(4, 4, colour=3), *between, IDAT, IEND)).width_px == 4


def test_pixels_may_begin_with_an_empty_chunk_and_go_on_in_several():
    empty, words = p.chunk(b"IDAT", b""), p.chunk(b"tEXt", b"a")
    for chunks in ([empty, IDAT], [IDAT, empty], [IDAT, IDAT, words], [empty, IDAT, IDAT]):
        assert inspect(p.png_of(p.ihdr(4, 4), *chunks, IEND)).width_px == 4


def test_a_png_changed_on_the_way_is_refused():
    data = bytearray(p.png())
    data[len(data) // 2] ^= 1
    with pytest.raises(Malformed, match="CRC"):
        inspect(bytes(data))


def test_a_png_of_one_large_chunk_that_changed_on_the_way_is_refused():
    data = bytearray(p.png_of(p.ihdr(4, 4), p.chunk(b"IDAT", bytes(2_000_000)), IEND))
    assert inspect(bytes(data)).width_px == 4
    data[1_000_000] ^= 1
    with pytest.raises(Malformed, match="CRC"):
        inspect(bytes(data))


def riff(*chunks):
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


LOSSLESS = b"\x2f" + struct.pack("<I", 3 | 3 << 14) + b"rest!"
CANVAS_4 = bytes(4) + b"\3\0\0" + b"\3\0\0"
CANVAS_5 = bytes(4) + b"\4\0\0" + b"\4\0\0"
LOSSY = b"\x10\0\0\x9d\x01\x2a\4\0\4\0"


def test_a_hand_made_webp_is_accepted():
    assert inspect(riff((b"VP8L", LOSSLESS))).width_px == 4
    assert inspect(riff((b"VP8X", CANVAS_4), (b"VP8L", LOSSLESS))).width_px == 4
    assert inspect(riff((b"VP8X", CANVAS_4 + b"more"), (b"VP8L", LOSSLESS))).width_px == 4


@pytest.mark.parametrize("size", [(300, 40), (40, 300), (9_000, 1), (1, 9_000), (16_383, 2)])
def test_the_sides_of_a_webp_are_those_of_its_picture(size):
    width_px, height_px = size
    scaled = struct.pack("<HH", 0x4000 | width_px, 0xC000 | height_px)  # two bits say how to scale
    alpha = 1 << 28
    lossless = struct.pack("<I", (width_px - 1) | (height_px - 1) << 14 | alpha)
    canvas = (width_px - 1).to_bytes(3, "little") + (height_px - 1).to_bytes(3, "little")
    for picture in ((b"VP8 ", LOSSY[:6] + scaled), (b"VP8L", b"\x2f" + lossless)):
        for chunks in ([picture], [(b"VP8X", b"\x10" + bytes(3) + canvas), picture]):
            frame = inspect(riff(*chunks))
            assert (frame.width_px, frame.height_px) == size


@pytest.mark.parametrize("flags", [0x01, 0x04, 0x08, 0x10, 0x20, 0x3C])
def test_a_webp_may_announce_anything_but_that_it_moves(flags):
    canvas = bytes((flags,)) + CANVAS_4[1:]
    assert inspect(riff((b"VP8X", canvas), (b"VP8L", LOSSLESS))).width_px == 4
    moving = bytes((flags | 0x02,)) + CANVAS_4[1:]
    assert fault(riff((b"VP8X", moving), (b"VP8L", LOSSLESS))) == "animated_webp"


@pytest.mark.parametrize("version", range(1, 8))
def test_a_lossless_webp_of_another_version_is_refused(version):
    bits = struct.pack("<I", 3 | 3 << 14 | version << 29)
    assert fault(riff((b"VP8L", b"\x2f" + bits))) == ("version_unknown", 12)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (riff(), ("length_differs", 12)),
        (riff((b"EXIF", b"x")), ("no_picture", 22)),
        (riff((b"VP8L", LOSSLESS), (b"VP8L", LOSSLESS)), ("second_picture", 30)),
        (riff((b"VP8L", b"\x00" + LOSSLESS[1:])), ("header_length", 12)),
        (riff((b"VP8L", LOSSLESS[:4])), ("header_length", 12)),
        (riff((b"VP8L", LOSSLESS[:4] + b"\xff")), ("version_unknown", 12)),
        (riff((b"VP8X", CANVAS_5), (b"VP8L", LOSSLESS)), ("sizes_differ", 30)),
        (riff((b"VP8L", LOSSLESS), (b"VP8X", CANVAS_5)), ("header_late", 30)),
        (riff((b"VP8L", LOSSLESS), (b"VP8X", CANVAS_4)), ("header_late", 30)),
        (riff((b"VP8X", CANVAS_4), (b"VP8X", CANVAS_4)), ("header_late", 30)),
        (riff((b"VP8X", CANVAS_4[:9]), (b"VP8L", LOSSLESS)), ("header_length", 12)),
        (riff((b"VP8X", b"\2" + CANVAS_5[1:]), (b"VP8L", LOSSLESS)), "animated_webp"),
        (riff((b"VP8L", LOSSLESS), (b"ANMF", b"")), "animated_webp"),
        (riff((b"VP8L", LOSSLESS), (b"ANIM", b"")), "animated_webp"),
        (riff((b"VP8 ", b"\x11" + LOSSY[1:])), ("not_key_frame", 12)),
        (riff((b"VP8 ", b"\xf0\xff\xff" + LOSSY[3:])), ("truncated", 12)),
        (riff((b"VP8 ", b"\x30" + LOSSY[1:])), ("truncated", 12)),  # one byte more than it has
        (riff((b"VP8 ", LOSSY[:6] + bytes(4))), ("no_pixels", 12)),
        (riff((b"VP8 ", LOSSY[:3] + b"abc" + LOSSY[6:])), ("header_length", 12)),
        (riff((b"VP8 ", b"short")), ("header_length", 12)),
        (riff((b"VP8 ", LOSSY[:9])), ("header_length", 12)),
        (riff((b"VP8X", CANVAS_4[:4] + b"\xff" * 6)), "image_too_large"),
        (riff((b"VP8L", LOSSLESS))[:-1], ("truncated", 29)),
        (riff((b"VP8L", LOSSLESS)) + bytes(3) + b"PK", ("length_differs", 30)),
        (b"RIFF" + struct.pack("<I", 16) + b"WEBPVP8L" + b"\xff" * 8, ("chunk_length", 12)),
        (b"RIFF" + struct.pack("<I", 19) + riff((b"VP8L", LOSSLESS[:1]))[8:], ("truncated", 22)),
    ],
)
def test_a_contradictory_webp_is_refused_with_its_defect_and_where_it_is(data, said):
    assert fault(data) == said


@pytest.mark.parametrize("make", [make for _, make in WHOLE], ids=lambda make: make.__name__)
def test_randomly_changed_bytes_are_accepted_or_refused_with_a_named_error(make):
    rng = random.Random(20260601)
    whole = make()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(min(len(data), 700))] = rng.randrange(256)
        with suppress(AlprError):  # anything else fails the test
            inspect(bytes(data))


@pytest.mark.parametrize(
    ("make", "at", "piece"),
    [
        pytest.param(p.jpeg, 2, b"\xff\xfe\x00\x02", id="JPEG comments"),
        pytest.param(p.jpeg, 2, b"\xff\x01", id="JPEG markers"),
        pytest.param(p.png, 33, b"\x00\x00\x00\x00tEXt" + b"\x96B\xc5\x85", id="PNG texts"),
    ],
)
def test_an_image_with_millions_of_empty_segments_is_refused_quickly(make, at, piece):
    whole = make()
    data = whole[:at] + piece * (25_000_000 // len(piece)) + whole[at:]
    began = time.process_time()
    with pytest.raises(TooLarge, match="segments or chunks"):
        inspect(data)
    assert time.process_time() - began < 1


def test_a_webp_of_millions_of_empty_chunks_is_refused_at_once():
    body = p.lossless_webp()[12:] + b"ABCD\x00\x00\x00\x00" * 3_000_000
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    with pytest.raises(TooLarge, match="segments or chunks"):
        inspect(data)


def jpeg_of_segments(count):
    return jpeg_of(*[p.segment(0xFE, b"")] * count, sof(), SCAN)


def png_of_chunks(count):
    return p.png_of(p.ihdr(4, 4), *[p.chunk(b"tEXt", b"")] * count, IDAT, IEND)


def webp_of_chunks(count):
    return riff((b"VP8L", LOSSLESS), *[(b"ABCD", b"")] * count)


@pytest.mark.parametrize("make", [jpeg_of_segments, png_of_chunks, webp_of_chunks])
def test_an_image_has_ten_thousand_segments_or_chunks_at_most(make):
    assert inspect(make(9_990)).height_px
    with pytest.raises(TooLarge, match="segments or chunks"):
        inspect(make(10_010))


def test_a_long_run_of_fill_bytes_before_a_marker_is_parsed_quickly():
    whole = p.jpeg()
    began = time.process_time()
    assert inspect(whole[:2] + b"\xff" * 25_000_000 + whole[2:]).width_px == 96
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("fill", [b"\xff", b"\xff\x00", b"\x00", b"\xff\xd0"])
def test_twenty_five_megabytes_of_filler_are_refused_within_a_second(fill):
    data = b"\xff\xd8" + sof() + p.segment(0xDA, b"\1\1\0\0\x3f\0") + b"d"
    data += fill * (25_000_000 // len(fill))
    begun = time.process_time()
    with pytest.raises(AlprError):
        inspect(data)
    assert time.process_time() - begun < 1
