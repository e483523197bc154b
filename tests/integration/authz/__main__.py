"""`make authz-matrix`: every case of every service; the last line has the numbers of sent and of wrong cases."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest


def main() -> int:
    """Send the cases and print the sum."""
    with tempfile.TemporaryDirectory(prefix="plateward-") as folder:
        report = Path(folder) / "report.json"
        os.environ.update(AUTHZ_CASES="all", AUTHZ_REPORT=str(report))
        status = int(pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent)]))
        found = json.loads(report.read_text()) if report.exists() else {}
    for service, (sent, wrong) in sorted(found.items()):
        print(f"{service}: {sent} cases, {wrong} wrong")
    sent, wrong = (sum(counts[i] for counts in found.values()) for i in (0, 1))
    print(f"{sent} cases, {wrong} wrong")
    return status


if __name__ == "__main__":
    sys.exit(main())
