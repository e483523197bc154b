"""Cuts one picture, as a script in its own process; it imports no module of this repository.

It reads the parts to keep as one line of JSON and then the picture from standard input. It writes a PNG to
standard output, or exits with a status of `CutFault`. Before it decodes the picture it drops its rights to files,
sockets and other programs, and limits its memory and processor time (ADR-0029).
"""

import ctypes
import json
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

MEMORY_BYTES = 640 * 1024 * 1024
"""Limit of address space, 300 MB of which are libraries; the rest fits into a pod beside the service."""
CPU_S = 20
MAX_PICTURE_PX = 50_000_000
FILL = (128, 128, 128)
"""Colour outside the parts, one value per channel; it does not depend on the picture."""


class CutFault(IntEnum):
    """Exit statuses: why there is no cut picture."""

    NOT_CONFINED = 3
    NO_PICTURE = 4
    OUTSIDE = 5
    TOO_LARGE = 6


# System calls that decoding and encoding in memory need: read, write, memory, clocks, locks, signals, exit.
_ALLOWED = {
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 35, 39, 60, 96, 131, 186, 201, 202, 228, 230,
         231, 318),
    ),
    "aarch64": (
        0xC00000B7,
        (57, 62, 63, 64, 80, 93, 94, 98, 101, 113, 115, 124, 132, 134, 135, 139, 169, 172, 178, 214, 215,
         216, 222, 226, 233, 278),
    ),
}  # fmt: skip
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # allow; fail with EPERM


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def limit() -> None:
    """Limit memory and processor time, and forbid writing to files."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def confine() -> None:
    """Forbid every system call except those of `_ALLOWED`, permanently. Raises: OSError if that fails."""
    if (known := _ALLOWED.get(platform.machine())) is None:
        raise OSError("system calls of this machine are not known")
    architecture, numbers = known
    count = len(numbers)
    steps = [
        _step(_LOAD, 4),
        _step(_EQUAL, architecture, then=1),
        _step(_RETURN, _REFUSE),
        _step(_LOAD, 0),
        *(_step(_EQUAL, number, then=count - i) for i, number in enumerate(numbers)),
        _step(_RETURN, _REFUSE),
        _step(_RETURN, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the process cannot be confined")


def _step(code: int, value: int, *, then: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, 0, value)


def main() -> int:
    """Cut the picture on standard input."""
    limit()
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PICTURE_PX),
        "OPENCV_LOG_LEVEL": "SILENT",
    }
    import cv2
    import numpy as np

    cv2.setNumThreads(0)
    asked = json.loads(sys.stdin.buffer.readline())
    data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
    try:
        confine()
    except OSError:
        return CutFault.NOT_CONFINED
    try:
        # Upright by its EXIF orientation, as recognition decodes: boxes are of the upright frame.
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if picture is None or picture.size == 0:
            return CutFault.NO_PICTURE
        if asked["visible"] is not None:
            cuts = [_copied(picture, box) for box in asked["visible"]]
            plates = [_copied(picture, box) for box in asked["plates"]]
            if not all(pixels.size for _, pixels in plates):
                return CutFault.OUTSIDE
            picture[:] = FILL
            for (rows, columns), pixels in cuts:
                picture[rows, columns] = pixels
            for box in asked["fill"]:
                picture[_within(picture, box)] = FILL
            for (rows, columns), pixels in plates:
                picture[rows, columns] = pixels
        done, png = cv2.imencode(".png", picture)
    except MemoryError:
        return CutFault.TOO_LARGE
    except cv2.error as exc:
        return CutFault.TOO_LARGE if exc.code == cv2.Error.StsNoMem else CutFault.NO_PICTURE
    if not done:
        return CutFault.NO_PICTURE
    sys.stdout.buffer.write(png.tobytes())
    sys.stdout.buffer.flush()
    return 0


def _within(picture: Any, box: Sequence[int]) -> tuple[slice, slice]:
    """Return the rows and columns of a box (x, y, width, height, px) that lie in a (H, W, 3) picture."""
    x, y, width, height = box
    rows = slice(min(max(y, 0), picture.shape[0]), min(max(y + height, 0), picture.shape[0]))
    columns = slice(min(max(x, 0), picture.shape[1]), min(max(x + width, 0), picture.shape[1]))
    return rows, columns


def _copied(picture: Any, box: Sequence[int]) -> tuple[tuple[slice, slice], Any]:
    where = _within(picture, box)
    return where, picture[where].copy()


if __name__ == "__main__":
    status = int(main())
    sys.stdout.flush()
    os._exit(status)
