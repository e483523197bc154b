"""Stands in for recognition's program that reads crops: a crop of a test is the text that it answers.

`7ABC123 0.9` is a reading, `-` is no reading, `junk` is no image, `fatal` ends the program.
"""

import json
import sys
from typing import Any


def main() -> None:
    """Answer crops until standard input ends."""
    _say({"engine": "stand-in@1"})
    while head := sys.stdin.buffer.read(4):
        crop = sys.stdin.buffer.read(int.from_bytes(head)).decode()
        if crop == "fatal":
            sys.exit(1)
        if crop == "junk":
            _say({"is_image": False})
        elif crop == "-":
            _say({})
        else:
            plate, confidence = crop.split()
            _say({"plate": plate, "confidence": float(confidence)})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
