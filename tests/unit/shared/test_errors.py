"""Errors: raised with their own class and parameters, and answered with the status of their kind."""

from http import HTTPStatus

import pytest

from shared.core.errors import (
    Conflict,
    CredentialEnded,
    InvalidInput,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from shared.core.problem_codes import Common
from shared.http.app import members


def test_a_code_is_raised_by_its_own_class_with_its_own_parameters_alone():
    with pytest.raises(TypeError, match="is raised as"):
        Conflict(Common.TOO_MANY_REFUSED)
    with pytest.raises(TypeError, match="has the parameters"):
        InvalidInput(Common.PLATE_NOT_NORMAL, plate="7ABC123")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Unavailable(Common.AUDIT_LOG_BEHIND, retry_after_s=60), 60),
        (Unavailable(Common.DATABASE_AWAY), 2),
        (TooManyRequests(Common.TOO_MANY_REFUSED, retry_after_s=7), 7),
    ],
)
def test_an_answer_says_when_to_come_again(error, seconds):
    assert members(error)["retry_after_s"] == seconds


def test_a_kind_of_error_is_answered_like_the_nearest_of_which_it_is_one():
    class Gone(NotFound):
        """One that has no status of its own."""

    assert members(Gone(Common.ROUTE_UNKNOWN))["status"] == HTTPStatus.NOT_FOUND
    ended = next(code for code in Common if code.error is CredentialEnded)
    assert members(CredentialEnded(ended))["status"] == HTTPStatus.UNAUTHORIZED
