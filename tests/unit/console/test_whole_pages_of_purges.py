"""What pages of purges show, whole: each value from its own field, each link to its own record."""

from tests.unit.console.answers import a_run, a_schedule
from tests.unit.console.services import HIT, OTHER_HIT, READ
from tests.unit.console.whole import by, june, paths, read

STEPS = {
    "proposed_by": by("Proposer"), "proposed_at": june(1), "decided_by": by("Decider"), "decided_at": june(2),
    "decision_note": "compared with the schedule", "executed_by": by("Executor"), "started_at": june(3),
    "executed_at": june(4), "certified_at": june(5), "reads": 1200, "captures": 3400, "objects": 5600,
    "kept_under_hold": 78,
    "months_dropped": ["2025-02", "2025-03"], "orphans": 91, "orphans_left": 23, "odd_objects": 45,
}  # fmt: skip


async def test_the_page_of_a_purge(sign_in, show):
    browser = await sign_in("account:self", "purge:read")
    show("/schedule", a_schedule())
    run = a_run(
        kind="daily",
        state="certified",
        day="2026-06-01",
        standing_id=OTHER_HIT,
        before="2025-04-01T06:00:00Z",
        **STEPS,
    )
    show(f"/purge-runs/{HIT}", run)
    await browser.open(f"/purges/{HIT}")
    assert browser.content == read("""
        Purge: daily run under the standing order certified Destroys records captured before
        2025-04-01 06:00:00 UTC , except those that a hold keeps Reason Schedule adopted Proposed
        Proposer, Proposer's title, 2026-06-01 01:00:00 UTC Authorised Decider, Decider's title,
        2026-06-01 02:00:00 UTC : compared with the schedule Under the standing order , for
        2026-06-01 Begun Executor, Executor's title, 2026-06-01 03:00:00 UTC Done 2026-06-01
        04:00:00 UTC Certified 2026-06-01 05:00:00 UTC , save the signed certificate Legal basis
        Kept at least 365 days (Government Code 34090.6) Destroyed after 400 days, unless held
        Schedule CPD-RS-2026-04, in force from 2026-01-01 Resolution of the legislative body
        Resolution 2026-011 Written consent of the agency attorney Consent 2026-01-20 Destroyed
        Reads 1,200 Captures 3,400 Pictures and other objects 5,600 Whole months 2025-02, 2025-03
        Objects that no record names 91 destroyed, 23 kept because a hold may cover them or they are
        recent, 45 kept because their names do not tell camera and day Records kept by holds 78 Back
        to the purges
    """)
    assert browser.leads == paths(f"""
        /purges/{OTHER_HIT}
        /purges/{HIT}/certificate
        /purges
    """)
    for state, said, decided in (
        ("refused", "refused", "Refused"),
        ("withdrawn", "withdrawn", "Authorised"),
        ("executed", "done, not yet certified", "Authorised"),
    ):
        show(f"/purge-runs/{HIT}", run | {"state": state})
        await browser.open(f"/purges/{HIT}")
        assert browser.content.startswith(
            f"Purge: daily run under the standing order {said} Destroys"
        )
        assert (
            f"{decided} Decider, Decider's title, 2026-06-01 02:00:00 UTC : compared"
            in browser.content
        )
    withdrawal = {
        "withdrawn_by": by("Withdrawer"),
        "withdrawn_at": june(4),
        "withdrawal_note": "a court case",
    }
    show(f"/purge-runs/{HIT}", run | {"state": "withdrawn", "executed_at": None, **withdrawal})
    await browser.open(f"/purges/{HIT}")
    assert (
        "03:00:00 UTC Withdrawn Withdrawer, Withdrawer's title, 2026-06-01 04:00:00 UTC : a court case"
        in browser.content
    )


async def test_the_list_of_purges(sign_in, show):
    browser = await sign_in("account:self", "purge:read")
    order = a_run(
        kind="standing",
        state="authorised",
        before=None,
        run_id=OTHER_HIT,
        **{n: STEPS[n] for n in ("proposed_by", "proposed_at", "decided_by", "decided_at")},
    )
    done = a_run(
        kind="daily",
        state="certified",
        standing_id=OTHER_HIT,
        before="2025-04-01T06:00:00Z",
        **STEPS,
    )
    show("/schedule", a_schedule(standing=order))
    show("/purge-runs", {"items": [done, order], "next": READ})
    await browser.open("/purges")
    assert browser.content == read("""
        Purges Schedule in force Kept at least 365 days (Government Code 34090.6) Destroyed after
        400 days, unless held Schedule CPD-RS-2026-04, in force from 2026-01-01 Resolution of the
        legislative body Resolution 2026-011 Written consent of the agency attorney Consent
        2026-01-20 Standing order in force since 2026-06-01 02:00:00 UTC : a purge runs each day
        What is due Records captured before 2025-04-27 12:00:00 UTC are past the schedule. A hold
        keeps its records all the same. No whole month is past the schedule. Runs and standing
        orders Proposed, or begun by itself What Captured before State Reads Kept by holds
        Certificate 2026-06-01 03:00:00 UTC daily run under the standing order 2025-04-01 06:00:00
        UTC certified 1,200 78 save it 2026-06-01 01:00:00 UTC Proposer standing order what is due
        each day in force Older runs
    """)
    assert browser.leads == paths(f"""
        /purges/{OTHER_HIT}
        /purges/{HIT}
        /purges/{HIT}/certificate
        /purges/{OTHER_HIT}
        /purges?after={READ}
    """)
