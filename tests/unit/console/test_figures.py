"""The counted figures as pages: for anyone without small counts, and exactly for auditors."""

import re

import httpx
import pytest

AUDITOR = ("account:self", "purpose:declare", "audit:read")
DECLARED = {
    "kind": "audit", "offence_type": "audit", "case_number": "A26-3",
    "justification": "review of the retention period",
}  # fmt: skip
PUBLIC = "GET /figures"
EXACT = "GET /figures/exact"


def a_figure(figure, kind=None, state="counted", count=None, fewer_than=None):
    return {
        "figure": figure,
        "kind": kind,
        "state": state,
        "count": count,
        "fewer_than": fewer_than,
    }


@pytest.fixture
def figures(services):
    """Two whole months, as audit answers them to anyone."""
    months = [
        {
            "month": month,
            "false_alert_percent": percent,
            "figures": [
                a_figure("reads_captured", state="rounded", count=1_234_500),
                a_figure("searches", "missing_person", "few", fewer_than=5),
                a_figure("searches", "active_warrant", count=searches),
                a_figure("searches", "stolen_plate", *small),
                a_figure("records_opened", "1_week", count=12),
                a_figure("false_alerts", "misread", "withheld"),
                a_figure("listed_plates", "state", "not_reported"),
            ],
        }
        for month, percent, searches, small in (
            ("2026-05", 12, 31, ("counted", 6)),
            ("2026-04", None, 28, ("few", None, 5)),
        )
    ]
    body = {
        "department": "Corning Police Department",
        "time_zone": "America/Los_Angeles",
        "fewest": 5,
        "months": months,
    }
    services.answers[PUBLIC] = lambda _: httpx.Response(200, json=body, headers={"ETag": '"one"'})
    return body


@pytest.mark.clause("468.2/public-page")
async def test_anyone_sees_counts_by_month_and_no_small_one(browser, figures):
    assert (await browser.open("/figures")).status_code == 200
    assert "Counts of whole months, in the time zone America/Los_Angeles." in browser.said
    assert "Counts below 5 are not shown" in browser.said
    assert "Figure 2026-05 2026-04" in browser.said
    assert "reads captured 1,234,500 1,234,500" in browser.said
    assert "searches: active warrant 31 28" in browser.said
    assert "searches: stolen plate 6 < 5" in browser.said
    assert "< 5 in each month: searches: missing person." in browser.said
    assert "Withheld in each month: false alerts: misread." in browser.said
    assert "pictures opened: up to 1 week 12 12" in browser.said
    assert "false alerts, of hits checked 12% withheld" in browser.said
    assert "Not reported in each month: listed plates: state." in browser.said


async def test_the_policy_page_leads_to_the_figures(browser, services):
    await browser.open("/policy")
    assert '<a href="/figures">counted figures</a>' in browser.page.text


async def test_before_the_first_whole_month_the_page_says_so(browser, services, figures):
    services.answers[PUBLIC] = lambda _: httpx.Response(200, json={**figures, "months": []})
    assert (await browser.open("/figures")).status_code == 200
    assert "No whole month has been counted yet." in browser.said


async def test_the_document_is_for_caches_and_sent_once(browser, figures):
    first = await browser.open("/figures.json")
    assert first.json() == figures
    assert first.headers["cache-control"] == "public, max-age=3600"
    again = await browser.open("/figures.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_visitors_cost_the_services_nothing_and_older_figures_do_while_audit_is_away(
    browser, services, figures, clock
):
    for path in ("/figures", "/figures.json", "/figures"):
        await browser.open(path)
    assert len(services.seen) == 1
    clock.advance(minutes=6)
    services.down = True
    assert (await browser.open("/figures")).status_code == 200
    services.down = False
    clock.advance(minutes=6)
    await browser.open("/figures.json")
    assert len(services.seen) == 2


async def test_figures_that_cannot_be_read_are_reported(browser, services):
    services.down = True
    assert (await browser.open("/figures")).status_code == 503
    assert "the service audit does not answer" in browser.said


@pytest.fixture
async def auditor(sign_in, services):
    browser = await sign_in(*AUDITOR)
    await browser.open("/purpose")
    await browser.send("/purpose", back="/", **DECLARED)
    return browser


async def test_an_auditor_sees_the_age_of_what_people_search_for(auditor, services):
    def a_month(month, *, is_whole, **counts):
        sums = [
            {"figure": "records_searched", "kind": age, "count": n} for age, n in counts.items()
        ]
        return {"month": month, "is_whole": is_whole, "figures": sums}

    months = [
        a_month("2026-06", is_whole=False, **{"1_day": 1000}),
        a_month("2026-05", is_whole=True, **{"1_day": 60, "1_month": 30, "unknown": 7}),
        a_month("2026-04", is_whole=True, **{"1_day": 9, "older": 1}),
    ]
    body = {"time_zone": "America/Los_Angeles", "months": months}
    services.answers[EXACT] = lambda _: httpx.Response(200, json=body)
    assert (await auditor.open("/audit/figures")).status_code == 200
    assert "by month in the time zone America/Los_Angeles" in auditor.said
    assert "In the whole months from 2026-04 to 2026-05" in auditor.said
    assert "Records that searches showed: 100" in auditor.said
    assert "up to 1 day 69 69.0% 69.0%" in auditor.said
    assert "up to 1 month 30 30.0% 99.0%" in auditor.said
    assert "older 1 1.0% 100.0%" in auditor.said
    assert "The age of 7 more is not on record." in auditor.said
    assert "2026-06 (in part)" in auditor.said
    assert re.search(r"records searched: 1 day\s+1,000 60 9", auditor.said)


async def test_ages_are_of_the_last_two_years_of_whole_months(auditor, services):
    def a_month(number, *, is_whole=True):
        sums = [{"figure": "records_opened", "kind": "1_week", "count": 10}]
        named = f"{2024 + number // 12}-{number % 12 + 1:02}"
        return {"month": named, "is_whole": is_whole, "figures": sums}

    months = [a_month(30, is_whole=False), *(a_month(number) for number in range(29, -1, -1))]
    body = {"time_zone": "UTC", "months": months}
    services.answers[EXACT] = lambda _: httpx.Response(200, json=body)
    await auditor.open("/audit/figures")
    assert "In the whole months from 2024-07 to 2026-06" in auditor.said
    assert "Pictures that people opened: 240" in auditor.said


async def test_exact_figures_are_not_for_others(sign_in, services):
    browser = await sign_in("account:self", "purpose:declare", "record:search")
    assert (await browser.open("/audit/figures")).status_code == 403
    assert not [request for request in services.seen if "figures" in request.url.path]
