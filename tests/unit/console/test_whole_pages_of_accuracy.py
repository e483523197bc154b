"""What pages of reports on accuracy show, whole: each value from its own field, each link to its own record."""

from tests.unit.console.services import HIT, OTHER_HIT, READ
from tests.unit.console.whole import by, june, paths, read


async def test_the_reports_on_accuracy(sign_in, show):
    figures = {
        "judged": 4100, "exact": 3000, "folded": 600, "one_edit": 300, "further": 150, "no_read": 50, "confidences": [],
    }  # fmt: skip
    row = {
        "device_id": READ, "device_name": "Solano St east", "judgement": "right", "region": "US-CA", "source": "edge",
        "is_rest": False, "figures": figures,
    }  # fmt: skip
    rest = row | {
        "is_rest": True,
        "region": None,
        "source": None,
        "judgement": "wrong",
        "figures": None,
    }
    report = {
        "report_id": HIT, "state": "ready", "requested_by": by("Requester"), "requested_at": june(3),
        "captured_from": june(1),
        "captured_to": june(2), "device_ids": [HIT, READ], "fault": None, "measured_at": june(4), "engine": "ours@1234",
        "smallest_cell": 12, "rows": [row, rest],
    }  # fmt: skip
    show(f"/accuracy-reports/{HIT}", report)
    show(
        "/accuracy-reports",
        {"items": [report, report | {"state": "failed", "rows": []}], "next": OTHER_HIT},
    )
    browser = await sign_in("account:self", "accuracy:measure")
    await browser.open(f"/accuracy/{HIT}")
    assert browser.content == read("""
        Report on accuracy ready Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC Cameras
        2 Requested Requester, Requester's title, 2026-06-01 03:00:00 UTC Measured 2026-06-01
        04:00:00 UTC , by ours@1234 Camera Judgement State Read by Judged Engine reads it so Exactly
        But for O, Q, I One off Further off Not at all Solano St east the plate on record is right
        US-CA camera 4,100 87% 3,000 600 300 150 50 Solano St east the plate on record is a misread
        small rows together any fewer than 12 Only reads that raised a verified hit are judged. So
        the figures compare cameras and states with each other; they are not the share of all plates
        that are read right. Where the plate on record is a misread, a high share means that the
        engine repeats the mistake. Back to the reports
    """)
    assert browser.leads == ["/accuracy"]
    show(
        f"/accuracy-reports/{HIT}",
        report | {"state": "failed", "fault": "no crop", "device_ids": [], "rows": []},
    )
    await browser.open(f"/accuracy/{HIT}")
    assert browser.content == read("""
        Report on accuracy failed Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC
        Cameras all Requested Requester, Requester's title, 2026-06-01 03:00:00 UTC Measured
        2026-06-01 04:00:00 UTC , by ours@1234 Last error no crop Back to the reports
    """)
    assert browser.leads == ["/accuracy"]
    await browser.open("/accuracy")
    assert browser.content == read("""
        Reports on accuracy A report says how well plates are read at each camera, from hits that
        people have verified. It shows counts, and never a plate, a picture or a read. Requested By
        Captured State 2026-06-01 03:00:00 UTC Requester 2026-06-01 01:00:00 UTC to 2026-06-01
        02:00:00 UTC ready 2026-06-01 03:00:00 UTC Requester 2026-06-01 01:00:00 UTC to 2026-06-01
        02:00:00 UTC failed Older reports Request a report To request a report, declare a purpose
        first.
    """)
    assert browser.leads == paths(f"""
        /accuracy/{HIT}
        /accuracy/{HIT}
        /accuracy?after={OTHER_HIT}
        /purpose?back=/accuracy&opens=accuracy:measure
    """)
