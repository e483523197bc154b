"""`make test-mutations`: COUNT random mutations by SEED; the last line is the result in JSON."""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

import pytest


def main() -> int:
    """Run the mutations and print the named faults."""
    count = os.environ.get("COUNT") or "1000"
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
    with tempfile.TemporaryDirectory(prefix="plateward-") as folder:
        report = Path(folder) / "report.json"
        os.environ.update(MUTATIONS=count, SEED=seed, MUTATIONS_REPORT=str(report))
        print(f"COUNT={count} SEED={seed}", flush=True)
        status = int(pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent)]))
        found = json.loads(report.read_text()) if report.exists() else {"seed": int(seed)}
    print(json.dumps({"ok": status == 0, **found}))
    return status


if __name__ == "__main__":
    sys.exit(main())
