"""When a package can be downloaded."""

from datetime import timedelta

import pytest

from services.release.domain.requests import RequestStatus, check_download
from shared.core.errors import Conflict
from tests.unit.release.requests import NOON

INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("expires_at", [None, NOON + INSTANT])
def test_a_package_can_be_downloaded_until_it_expires(expires_at):
    check_download(RequestStatus.PACKAGED, expires_at, NOON)


@pytest.mark.parametrize(
    ("status", "expires_at", "code"),
    [
        ("packaged", NOON, "package_expired"),
        ("expired", None, "package_expired"),
        ("expired", NOON + INSTANT, "package_expired"),
        ("approved", None, "package_not_ready"),
        ("failed", None, "package_failed"),
        ("submitted", None, "package_never_made"),
        ("first_approved", None, "package_never_made"),
        ("denied", None, "package_never_made"),
        ("refused", None, "package_never_made"),
        ("withdrawn", None, "package_never_made"),
    ],
)
def test_what_cannot_be_downloaded_says_why(status, expires_at, code):
    with pytest.raises(Conflict) as refused:
        check_download(RequestStatus(status), expires_at, NOON)
    assert refused.value.code == code
