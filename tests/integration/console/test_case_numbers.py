"""The purpose form of a department that has forms of its numbers and a table of offences."""

import pytest

from shared.core.policy import load_policy
from shared.events import PurposeDeclared

CASES = """
[cases]
case_numbers = ["##-######", "CPD-##"]
known_within_h = 24

[cases.offences]
"VC 10851" = "vehicle theft"
"PC 211" = "robbery"
"""


@pytest.fixture
def policy_file(repository, tmp_path):
    """The department's policy, with forms and offences."""
    file = tmp_path / "policy.toml"
    file.write_text((repository / "policy.toml").read_text() + CASES)
    return file


@pytest.mark.clause("468.4(a)/case-forms")
async def test_the_form_shows_what_a_number_and_an_offence_must_be_and_a_refusal_says_it_again(
    browser, sign_in, hire, train, runtime, bus, policy_file, monkeypatch
):
    monkeypatch.setattr(runtime, "policy", load_policy(policy_file))
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    await sign_in(officer)
    await browser.open("/purpose?back=/search")
    assert "written ##-###### or CPD-##, where # is a digit" in browser.said
    assert '<option value="vehicle theft">VC 10851</option>' in browser.page.text
    said = {
        "back": "/search",
        "kind": "stolen_or_wanted_vehicle",
        "justification": "Owner reports a stolen sedan last seen near Solano Street",
    }
    await browser.send("/purpose", **said, offence_type="vehicle theft", case_number="26-1")
    assert "write the number as ##-######, CPD-##" in browser.said
    await browser.send("/purpose", **said, offence_type="crime", case_number="26-001234")
    assert "must be one of robbery (PC 211), vehicle theft (VC 10851)" in browser.said
    await browser.send("/purpose", **said, offence_type="VC 10851", case_number="26-001234")
    assert browser.page.url.path == "/search", browser.said
    await runtime.relay.drain()
    [declared] = [e for e in bus.events(PurposeDeclared) if e.accepted]
    assert declared.purpose.offence_type == "vehicle theft (VC 10851)"


@pytest.mark.clause("468.4(a)/known-numbers")
async def test_the_search_page_says_that_the_department_does_not_have_a_number(
    browser, sign_in, hire, train, runtime, policy_file, monkeypatch
):
    monkeypatch.setattr(runtime, "policy", load_policy(policy_file))
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    await sign_in(officer)
    await browser.open("/purpose?back=/search")
    assert "Numbers are compared with those of the department's own systems." in browser.said
    await browser.send(
        "/purpose",
        back="/search",
        kind="stolen_or_wanted_vehicle",
        justification="Owner reports a stolen sedan last seen near Solano Street",
        offence_type="VC 10851",
        case_number="26-001299",
    )
    assert "do not have 26-001299 yet: check the number" in browser.said
    await browser.open("/policy")
    assert "do not have within 24 hours is looked into by an auditor" in browser.said
