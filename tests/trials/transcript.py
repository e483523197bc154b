"""What a trial prints."""

import time
from dataclasses import dataclass, field
from typing import Any


class Failed(Exception):
    """Something did not hold; the message says what."""


@dataclass
class Transcript:
    """What was seen, printed as it comes; the last line has the figures."""

    began: float = field(default_factory=time.monotonic)
    figures: dict[str, Any] = field(default_factory=dict)

    def line(self, text: str, **figures: Any) -> None:
        """Print a line, and keep its figures."""
        self.figures |= figures
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)
