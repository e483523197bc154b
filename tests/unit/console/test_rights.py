"""What a person may do now, and in words why not."""

from datetime import UTC, datetime, timedelta

import pytest

from services.console.domain.rights import usable, why_not, why_untrained
from shared.core.permissions import Permission

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
MINE = frozenset({"account:self", "record:search"})


def test_each_permission_has_a_description():
    assert len({permission.words for permission in Permission}) == len(Permission)


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize("until", [None, NOW - timedelta(days=2), NOW])
def test_without_current_training_only_permissions_that_need_no_training_are_usable(until):
    assert usable(MINE, until, NOW) == {"account:self"}
    assert "training" in why_untrained(MINE, until, NOW)
    assert why_not("record:search", MINE, until, NOW) == why_untrained(MINE, until, NOW)


def test_with_current_training_everything_is_usable():
    assert usable(MINE, LATER, NOW) == MINE
    assert why_untrained(MINE, LATER, NOW) == ""
    assert why_not("record:search", MINE, LATER, NOW) == ""


def test_a_permission_outside_the_role_is_refused_with_a_plain_reason():
    why = why_not("hold:manage", MINE, LATER, NOW)
    assert (
        why
        == "your role does not let you place, export or release holds; the ALPR administrator assigns roles"
    )


def test_an_unknown_permission_is_named_in_the_refusal():
    assert "(moon:visit)" in why_not("moon:visit", MINE, LATER, NOW)
