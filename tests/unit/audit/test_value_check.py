"""An erasing of values counts under the certificate that the log has of its purge run, and under no other."""

import json

import pytest

from services.audit.actions.value_check import CERTIFIED_TYPE, ERASED_TYPE, ValueCheck
from services.audit.domain.recount import Faults

pytestmark = pytest.mark.clause("wall/erasing")

RUN, PURGED = "run", "purged"


def entry(kind, **data):
    return json.dumps({"type": f"{kind}v1", "data": data}).encode()


def certified(digest, change="certified"):
    details = {"certificate_sha256": digest}
    return entry(CERTIFIED_TYPE, run_id=RUN, change=change, details=details)


def erased(digest):
    return entry(ERASED_TYPE, run_id=RUN, purged_event_id=PURGED, certificate_sha256=digest)


@pytest.mark.parametrize(
    ("before", "start", "is_fault"),
    [
        ([certified("c1")], 0, False),
        ([certified("c2")], 0, True),
        ([certified("c1"), certified("c2")], 0, False),
        ([certified("c2"), certified("c1")], 0, True),
        ([certified("c1", change="executed")], 0, True),
        ([], 0, True),
        ([], 7, False),
        ([certified("c2")], 7, True),
    ],
    ids=[
        "its own",
        "another",
        "the first one counts",
        "a later one counts not",
        "no certificate",
        "none in a whole log",
        "none in a part of a log",
        "another in a part",
    ],
)
def test_values_are_erased_under_the_runs_first_certificate_in_the_log(before, start, is_fault):
    faults = Faults()
    check = ValueCheck(faults, start=start)
    for seq, content in enumerate([*before, erased("c1")], start):
        check.digests(seq, content)
    what = f"entry {start + len(before)}: values were erased under another certificate of run {RUN}"
    assert [fault.what for fault in faults.found] == (
        [f"{what} than the log has"] if is_fault else []
    )
    assert check.unlisted() == [PURGED]
