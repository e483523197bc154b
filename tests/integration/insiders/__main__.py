"""`make insiders`: an insider of every role of the policy, with every operation and every kind of purpose.

`INSIDERS=officer,auditor` lets those alone spend their day.
"""

import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    """Let each spend a day."""
    os.environ.setdefault("INSIDERS", "all")
    return int(pytest.main(["-q", "-s", "-p", "no:cacheprovider", str(Path(__file__).parent)]))


if __name__ == "__main__":
    sys.exit(main())
