"""How long sessions, invitations and keys last, and what a password costs, unless a department sets it otherwise."""

import pytest

from services.identity.settings import Settings

DEFAULTS = {
    "identity_key_rotation_days": 30,
    "identity_invitation_hours": 72,
    "identity_session_hours": 12,
    "identity_argon2_memory_kib": 65_536,
    "identity_argon2_time_cost": 3,
    "identity_sign_in_burst": 20,
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_a_session_is_a_shift_and_an_invitation_three_days(name, value):
    assert Settings.model_fields[name].default == value
