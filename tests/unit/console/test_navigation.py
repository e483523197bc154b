"""The pages and forms that the start page and the navigation offer to each role."""

import re

import pytest

from shared.core.policy import load_policy
from tests.unit.console.conftest import ROOT

ROLES = load_policy(ROOT / "policy.toml").roles
OFFERED = {
    "officer": {"/alerts", "/search", "/hotlists"},
    "dispatcher": {"/alerts", "/hotlists"},
    "investigator": {"/alerts", "/search", "/hotlists", "/holds"},
    "alpr_administrator": {"/hotlists", "/releases", "/holds", "/people"},
    "training_sergeant": {"/invitations"},
    "custodian": {"/invitations", "/releases", "/holds"},
    "auditor": {"/releases", "/audit"},
    "agency_requester": set(),
}


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize("role", sorted(ROLES))
async def test_each_role_is_offered_the_pages_of_its_permissions_and_no_others(sign_in, role):
    browser = await sign_in(*ROLES[role])
    found = set(re.findall(r'<a href="(/[a-z]+)"', browser.page.text)) - {"/policy"}
    assert found == OFFERED[role]
    [listed] = re.findall(r'<ul class="links">(.*?)</ul>', browser.page.text, re.DOTALL)
    assert set(re.findall(r'<a href="(/[a-z]+)"', listed)) - {"/policy"} == OFFERED[role]
