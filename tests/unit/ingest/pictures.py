"""Images for tests of ingest, rendered and then bent as cameras, disks and attackers bend them."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

JPEG_SIDES = (96, 64)


def picture(width_px: int = 96, height_px: int = 64, *, channels: int = 3) -> np.ndarray:
    """Return (height, width, channels) uint8: a gradient with edges, so that files are not trivially small."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 40, (height_px, width_px, channels), dtype=np.uint8)
    ramp = np.linspace(0, 200, width_px, dtype=np.uint8)[None, :, None]
    frame = noise + ramp
    cv2.rectangle(frame, (width_px // 4, height_px // 4), (width_px // 2, height_px // 2), 255, 2)
    return frame


def _encode(extension: str, frame: np.ndarray, *options: int) -> bytes:
    done, data = cv2.imencode(extension, frame, list(options))
    assert done
    return data.tobytes()


def jpeg(width_px: int = 96, height_px: int = 64, quality: int = 90) -> bytes:
    return _encode(".jpg", picture(width_px, height_px), cv2.IMWRITE_JPEG_QUALITY, quality)


def progressive_jpeg() -> bytes:
    return _encode(".jpg", picture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def jpeg_with_restarts() -> bytes:
    return _encode(".jpg", picture(), cv2.IMWRITE_JPEG_RST_INTERVAL, 1)


def grey_jpeg() -> bytes:
    return _encode(".jpg", picture(channels=1))


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with_thumbnail() -> bytes:
    """Return a whole JPEG, with its own SOI and EOI, inside an EXIF segment of another."""
    inner = jpeg(16, 16)
    whole = jpeg()
    return whole[:2] + segment(0xE1, b"Exif\0\0" + inner) + whole[2:]


def jpeg_with_more_pictures() -> bytes:
    """Return a JPEG that announces further pictures (MPF), and one of them after its end."""
    whole = jpeg()
    return whole[:2] + segment(0xE2, b"MPF\0rest") + whole[2:] + b"\0" * 5 + jpeg(32, 16)


def png(width_px: int = 96, height_px: int = 64) -> bytes:
    return _encode(".png", picture(width_px, height_px))


def deep_png() -> bytes:
    return _encode(".png", picture().astype(np.uint16) * 257)


def palette_png() -> bytes:
    out = BytesIO()
    Image.fromarray(picture()).convert("P").save(out, "PNG")
    return out.getvalue()


def lossy_webp(width_px: int = 96, height_px: int = 64) -> bytes:
    return _encode(".webp", picture(width_px, height_px), cv2.IMWRITE_WEBP_QUALITY, 80)


def lossless_webp() -> bytes:
    return _encode(".webp", picture(), cv2.IMWRITE_WEBP_QUALITY, 101)


def extended_webp() -> bytes:
    """Return a WebP with alpha: VP8X, ALPH and VP8 chunks."""
    out = BytesIO()
    rgba = np.dstack([picture(), picture(channels=1)])
    Image.fromarray(rgba, "RGBA").save(out, "WEBP", quality=80)
    return out.getvalue()


def _animated(kind: str) -> bytes:
    out = BytesIO()
    first = Image.fromarray(picture())
    second = Image.fromarray(255 - picture())
    first.save(out, kind, save_all=True, append_images=[second], duration=100)
    return out.getvalue()


def animated_webp() -> bytes:
    return _animated("WEBP")


def animated_png() -> bytes:
    return _animated("PNG")


def gif() -> bytes:
    return _animated("GIF")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def ihdr(
    width_px: int,
    height_px: int,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    *,
    compression: int = 0,
    filtering: int = 0,
) -> bytes:
    kinds = (depth, colour, compression, filtering, interlace)
    return chunk(b"IHDR", struct.pack(">II5B", width_px, height_px, *kinds))


def png_bomb() -> bytes:
    """Return a few kilobytes that would be 900 megapixels."""
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return png_of(ihdr(30_000, 30_000), chunk(b"IDAT", rows), chunk(b"IEND", b""))


def jpeg_bomb() -> bytes:
    """Return a frame header that announces 65,500 x 65,500."""
    whole = jpeg()
    at = whole.index(b"\xff\xc0")
    return whole[: at + 5] + struct.pack(">HH", 65_500, 65_500) + whole[at + 9 :]


def webp_bomb() -> bytes:
    """Return a VP8L header that announces 16,384 x 16,384."""
    whole = bytearray(lossless_webp())
    at = whole.index(b"VP8L") + 8
    whole[at + 1 : at + 5] = struct.pack("<I", 0x3FFF | 0x3FFF << 14)
    return bytes(whole)
