"""Services that do not answer, or answer what cannot be read."""

import httpx
import pytest

from tests.unit.console.services import HIT, OTHER_HIT, a_hit, page_of

AT = "2026-06-02T12:00:00+00:00"


def raising(error):
    def answer(request):
        raise error("no", request=request)

    return answer


@pytest.mark.parametrize(
    "error", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.DecodingError]
)
async def test_what_a_service_may_have_recorded_is_not_called_unrecorded(officer, services, error):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    services.answers[f"POST /hits/{HIT}/disposition"] = raising(error)
    await officer.open(f"/hits/{HIT}")
    here = f"/hits/{HIT}/disposition"
    answer = await officer.send(here, disposition="stopped", enforcement="no")
    assert answer.status_code == 503
    assert "it may have recorded it: look before you send it again" in officer.said


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_what_no_service_got_may_be_sent_again(officer, services, error):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    services.answers[f"POST /hits/{HIT}/disposition"] = raising(error)
    await officer.open(f"/hits/{HIT}")
    here = f"/hits/{HIT}/disposition"
    answer = await officer.send(here, disposition="stopped", enforcement="no")
    assert answer.status_code == 503
    assert "got nothing; load this page again to send it once more" in officer.said


async def test_a_page_whose_service_hangs_says_so_and_nothing_about_what_was_recorded(
    officer, services
):
    services.answers[f"GET /hits/{HIT}"] = raising(httpx.ReadTimeout)
    answer = await officer.open(f"/hits/{HIT}")
    assert answer.status_code == 503
    assert "gave no answer that can be read; load this page again" in officer.said
    assert "recorded" not in officer.said


async def test_an_invitation_is_not_called_failed_because_the_rest_of_its_page_did(
    sign_in, services
):
    browser = await sign_in("account:self", "account:manage")
    account = {**services.me(), "account_id": OTHER_HIT, "status": "invited"}
    invited = {"state": "to_be_delivered", "account": account, "expires_at": AT}
    services.answers["POST /accounts"] = lambda _: httpx.Response(201, json=invited)
    services.answers["GET /accounts"] = raising(httpx.ConnectError)
    await browser.open("/people/new")
    answer = await browser.send(
        "/people/new", name="Nia New", username="n.new", title="Police Officer",
        agency_ori="CA0520100", role_officer="yes",
    )  # fmt: skip
    assert answer.status_code == 503
    assert "Done, but the page cannot be shown the person is invited" in browser.said
    assert "load this page again" not in browser.said


async def test_training_is_not_called_failed_because_the_rest_of_its_page_did(sign_in, services):
    services.answers["GET /training/due"] = page_of({**services.me(), "account_id": HIT})
    browser = await sign_in("account:self", "training:record")
    await browser.open("/training")
    recorded = {"account_id": HIT, "course": "ALPR operator", "completed_on": "2026-05-30",
                "valid_until": AT, "training_id": HIT, "recorded_by": "p-1", "recorded_at": AT}  # fmt: skip
    services.answers["POST /training"] = lambda _: httpx.Response(201, json=recorded)
    services.answers["GET /training/due"] = raising(httpx.ReadTimeout)
    await browser.send("/training", account_id=HIT, completed_on="2026-05-30")
    assert "Done, but the page cannot be shown the training is on record" in browser.said
