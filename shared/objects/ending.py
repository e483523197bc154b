"""Lets obstore's threads leave Python before the interpreter ends.

obstore hands each result to the event loop from a thread of its own. If that thread is still in the loop's
`call_soon_threadsafe` when the interpreter ends, CPython before 3.14 ends the thread, which aborts the whole process: a
command that did all its work would report a failure (exit status 134). A quarter of short commands ended so.
"""

import atexit
import sys
import time
from types import FrameType

WAIT_S = 5.0
_PAUSE_S = 0.001
_HANDING_OVER = "call_soon_threadsafe"


def wait_at_exit() -> None:
    """Wait for such threads whenever this process exits."""
    atexit.register(wait_for_threads)


def wait_for_threads(within_s: float = WAIT_S) -> bool:
    """Wait until no such thread hands over a result; return False after `within_s` seconds."""
    end = time.monotonic() + within_s
    while any(_first(frame) == _HANDING_OVER for frame in sys._current_frames().values()):
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE_S)  # nothing signals that a thread leaves Python; this lets it run
    return True


def _first(frame: FrameType) -> str:
    """Return the name of the function that a thread entered Python with."""
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name
