"""The public policy page: all that Civil Code 1798.90.51(b) asks for, from policy.toml alone."""

import re

import httpx
import msgspec
import pytest

from services.console.main import build_app
from services.console.service import ConsoleService
from shared.core.policy import load_policy
from tests.unit.console.conftest import ROOT, Browser

POLICY = load_policy(ROOT / "policy.toml")


@pytest.mark.clause("468.3.1(e)/designee-page")
async def test_the_policy_page_names_the_designee_by_title_and_name(browser):
    assert (await browser.open("/policy")).status_code == 200
    assert f"{POLICY.designee.name}, {POLICY.designee.title}" in browser.said


@pytest.mark.clause("468.3.1(e)/designee-page")
@pytest.mark.clause("468.3.1(g)/posted")
async def test_another_policy_file_makes_another_page(settings, services, tmp_path):
    text = (ROOT / "policy.toml").read_text()
    for old, new in (
        (POLICY.designee.name, "Sgt. Someone <Else>"),
        ("schedule_days = 400", "schedule_days = 517"),
        (POLICY.retention.resolution_id, "Resolution 2030-001"),
    ):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "policy.toml"
    file.write_text(text)
    other = settings.model_copy(update={"policy_file": file})
    browser = Browser(build_app(other, ConsoleService.of(other, transport=services.transport())))
    await browser.open("/policy")
    assert "Sgt. Someone <Else>" in browser.said
    assert "<Else>" not in browser.page.text
    assert "517 days" in browser.said
    assert "Resolution 2030-001" in browser.said
    assert "400 days" not in browser.said


@pytest.mark.clause("468.3.1(g)/posted")
async def test_the_policy_page_displays_purposes_titles_training_retention_sharing_and_monitoring(
    browser,
):
    await browser.open("/policy")
    for purpose in POLICY.purposes.allowed:
        assert f"<li>{purpose.replace('_', ' ')}</li>" in browser.page.text
    for purpose, citation in POLICY.purposes.prohibited.items():
        assert f"{purpose.replace('_', ' ')}: {citation}" in browser.said
    for title in POLICY.titles.authorised:
        assert f"<li>{title}</li>" in browser.page.text
    assert (
        f"“{POLICY.training.course}”, valid for {POLICY.training.valid_days} days" in browser.said
    )
    for value in (
        POLICY.retention.floor_days,
        POLICY.retention.schedule_days,
        POLICY.retention.schedule_id,
        POLICY.retention.schedule_in_force_from,
        POLICY.retention.resolution_id,
        POLICY.retention.attorney_consent_id,
        POLICY.sharing.refused_citation,
    ):
        assert str(value) in browser.said
    assert f"{POLICY.custodian.name}, {POLICY.custodian.title}" in browser.said
    for heading in ("Monitoring and security", "Sharing", "Accuracy and correction of errors"):
        assert re.search(rf"<h2[^>]*>{heading}</h2>", browser.page.text)


@pytest.mark.clause("468.2/public-page")
async def test_the_public_sees_only_the_policy_without_signing_in(browser, services):
    pages = [
        "/", "/alerts", "/alerts/stream", "/purpose", "/search", "/idle",
        "/hits/0199c0de-0000-7000-8000-00000000a11e",
        "/hits/0199c0de-0000-7000-8000-00000000a11e/crop",
        "/hits/0199c0de-0000-7000-8000-00000000a11e/image",
        "/reads/0199c0de-0000-7000-8000-00000000a11e/crop",
        "/captures/0199c0de-0000-7000-8000-00000000a11e/image",
    ]  # fmt: skip
    for path in pages:
        answer = await browser.open(path)
        assert answer.status_code in {401, 303} or "event: signed-out" in answer.text, path
    assert (await browser.open("/policy")).status_code == 200
    assert services.seen == [], "a page for nobody asked a service"


@pytest.mark.clause("468.2/public-page")
async def test_the_policy_page_needs_no_service_and_displays_only_the_policys_figures(
    browser, services
):
    services.down = True
    assert (await browser.open("/policy")).status_code == 200
    known = msgspec.json.encode(POLICY).decode()
    body = browser.said.partition("License plate reader policy")[2]
    cited = re.sub(r"(Civil|Government|Penal) Code [\d.()a-z]+", "", body)
    for number in set(re.findall(r"\d+", cited)):
        assert number in known or number == "60", f"{number} is not from the policy"


async def test_the_public_can_fetch_the_newest_checkpoint_and_the_keys(browser, services):
    note = "alpr.example.org/audit\n17\nabc=\n\n— key sig\n"
    services.answers["GET /checkpoint"] = lambda _: httpx.Response(200, text=note)
    answer = await browser.open("/checkpoint")
    assert answer.text == note
    assert answer.headers["content-type"].startswith("text/plain")


async def test_an_unavailable_checkpoint_is_reported(browser, services):
    services.down = True
    assert (await browser.open("/checkpoint")).status_code == 503
    assert "the service audit does not answer" in browser.said


async def test_head_is_answered_as_get_without_the_content(browser):
    whole = await browser.open("/policy")
    for path, status in (("/policy", 200), ("/static/console.css", 200), ("/alerts", 401)):
        answer = await browser.http.head(path)
        assert (answer.status_code, answer.content) == (status, b""), path
    assert (await browser.http.head("/policy")).headers["content-length"] == str(len(whole.content))


async def test_a_browser_that_asks_for_an_icon_beside_a_picture_gets_one(browser):
    answer = await browser.open("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
