"""Which passwords are accepted."""

import pytest

from services.identity.domain.passwords import check_password, common_passwords, normalise_password
from shared.core.errors import InvalidInput


def check(password, username="j.rivera"):
    check_password(normalise_password(password), username=username, minimum_characters=8)


@pytest.mark.parametrize(
    "password",
    [
        "four plain words here",
        "Solano&Third774",
        "пароль-из-слов",
        "correct horse battery",
        "🚓🚙🚗🛻🚚🚛🚜🏎",
    ],
)
def test_a_good_password_is_accepted(password):
    check(password)


@pytest.mark.clause("468.6/breached-passwords")
@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven77", "fewer than 8"),
        ("", "fewer than 8"),
        ("x1y2" * 33, "more than 128"),
        ("aaaaaaaaaaaa", "repeats"),
        ("1212121212", "repeats"),
        ("my-J.Rivera-2026", "username"),
        ("iloveyou", "breached"),
        ("ILoveYou", "breached"),
        ("iloveyou2026!", "breached"),
        ("**iloveyou**", "breached"),
        ("1qaz2wsx", "breached"),
        ("p@ssw0rd", "breached"),
        ("ｉｌｏｖｅｙｏｕ", "breached"),  # full-width letters
    ],
)
def test_a_bad_password_is_refused_with_the_rule_and_without_the_password(password, why):
    with pytest.raises(InvalidInput) as refused:
        check(password)
    assert why in refused.value.detail
    assert refused.value.field == "password"
    assert not password or password not in refused.value.detail


def test_the_list_of_common_passwords_is_there():
    common = common_passwords()
    assert len(common) > 3000
    assert all(word == word.casefold() and len(word) >= 8 for word in common)
