"""The page of roles is the policy's: a change of the policy shows in it."""

import re

import pytest

from deploy import roles
from services.registry import SPECS
from shared.core.permissions import Permission
from shared.core.policy import load_policy
from shared.core.problem_codes import Common

POLICY = roles.ROOT / "policy.toml"


@pytest.fixture
def changed(tmp_path):
    """Return the policy with a text of it replaced."""

    def changed(before, after):
        text = POLICY.read_text()
        assert before in text
        path = tmp_path / "policy.toml"
        path.write_text(text.replace(before, after))
        return load_policy(path)

    return changed


def test_the_page_of_roles_is_the_policys():
    assert roles.PAGE.read_text() == roles.text(load_policy(POLICY)), "run `make roles`"


def test_it_names_every_role_title_permission_and_kind_of_purpose():
    policy, page = load_policy(POLICY), roles.PAGE.read_text()
    names = {*policy.roles, *Permission, *policy.purposes.allowed, *policy.purposes.prohibited}
    assert [name for name in names if f"`{name}`" not in page] == []
    words = " ".join(page.split())
    titles = policy.titles.authorised | policy.titles.external
    assert [title for title in titles if title not in words] == []


@pytest.mark.parametrize(
    ("before", "after", "row"),
    [
        ('"hit:read", "hit:verify", "hotlist:read"]', '"hit:read", "hotlist:read"]', r"`dispatcher` \| (?!.*verify)"),
        ('alone = ["auditor", ', "alone = [", r"`auditor` \|.*\| `agency_requester` \|"),
        ('"Chief of Police", ', "", r"(?s)^(?!.*Chief of Police)"),
        ("valid_days = 365", "valid_days = 200", "not older than 200 days"),
    ],
)  # fmt: skip
def test_a_change_of_the_policy_shows(changed, before, after, row):
    assert re.search(row, roles.text(changed(before, after)))


def test_the_least_number_of_people_follows_from_the_acts_that_take_several(changed):
    least = roles.least_people(load_policy(POLICY))
    assert (len(least), least.count("auditor")) == (7, 3)
    assert "at least seven different people" in (roles.ROOT / "deploy/README.md").read_text()
    # Without a custodian who hands invitations over, it takes a second Training Sergeant.
    other = changed(
        'custodian = ["account:self", "account:deliver", ', 'custodian = ["account:self", '
    )
    assert roles.least_people(other).count("training_sergeant") == 2


def test_each_act_that_takes_several_people_names_the_problem_of_one_person():
    codes = {
        one.code for spec in SPECS.values() if spec.problem_codes for one in spec.problem_codes
    }
    assert {act.code for act in roles.ACTS} <= codes | {one.code for one in Common}
