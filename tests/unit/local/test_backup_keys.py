"""A backup seals every key that a service reads from its environment."""

from pydantic import SecretStr

from local.backup.installation import SECRETS
from services.registry import SPECS

NO_KEYS = {
    "AUDIT_MAIL_URL",
    "AUDIT_NOTICE_SECRET",
    "AUDIT_NOTICE_TOKEN",
    "IDENTITY_MAIL_URL",
    "KAFKA_SASL_PASSWORD",
}
"""Passwords for other systems, which a department makes anew."""


def secrets_of(spec):
    """Yield the settings of a service that are secrets, by their names in the environment."""
    for name, field in spec.settings_class().model_fields.items():
        if SecretStr.__name__ in str(field.annotation):
            yield name.upper()


def test_every_key_of_a_service_is_sealed():
    found = {name for spec in SPECS.values() for name in secrets_of(spec)}
    assert len(found) > 8, "found hardly any: the walk is broken"
    assert found - NO_KEYS <= set(SECRETS)
