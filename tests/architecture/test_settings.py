"""A service's settings have the fields of the resources that it uses, and of no other."""

from collections.abc import Iterator

import pytest
from pydantic_settings import BaseSettings

from services.registry import NAMES, SPECS
from shared.accounts.settings import TrustSettings
from shared.events import ReadsRecognised
from shared.kafka.mac_settings import MacSettings
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import topic_of
from shared.limits.settings import RefusalSettings
from shared.objects.rights import RIGHTS
from shared.objects.settings import ObjectSettings
from shared.postgres.settings import DatabaseSettings
from shared.service.settings import CaptureSettings, CommonSettings
from shared.service.spec import Kind, ServiceSpec


def resources_of(spec: ServiceSpec) -> dict[type[BaseSettings], bool]:
    """Each resource's class of settings, and whether a service uses the resource."""
    events, api = spec.kind is not Kind.PAGES, spec.kind is Kind.API
    return {
        KafkaSettings: events,
        MacSettings: events,
        ObjectSettings: spec.name in RIGHTS,
        DatabaseSettings: api,
        TrustSettings: api,
        RefusalSettings: api,
        CaptureSettings: spec.name in topic_of(ReadsRecognised).consumers,
    }


def own_fields(resource: type[BaseSettings]) -> set[str]:
    """The fields that a class of settings declares itself."""
    return set(resource.__annotations__) & set(resource.model_fields)


def foreign(spec: ServiceSpec, settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the fields of settings that belong to a resource which the service does not use."""
    for resource, used in resources_of(spec).items():
        if not used:
            yield from sorted(own_fields(resource) & set(settings.model_fields))


def missing(spec: ServiceSpec, settings: type[BaseSettings]) -> Iterator[str]:
    """Yield the classes of the resources that the service uses and its settings do not inherit."""
    for resource, used in resources_of(spec).items():
        if used and not issubclass(settings, resource):
            yield resource.__name__


@pytest.mark.parametrize("service", NAMES)
def test_settings_have_the_fields_of_what_the_service_uses(service):
    spec = SPECS[service]
    assert not list(foreign(spec, spec.settings_class()))
    assert not list(missing(spec, spec.settings_class()))


def test_the_console_reads_neither_database_nor_kafka_nor_keys():
    read = set(SPECS["console"].settings_class().model_fields)
    stores = ("database_", "kafka_", "object_", "event_mac_", "root_public_")
    assert not [name for name in read if name.startswith(stores)]


def test_the_fields_of_another_resource_are_found():
    class Inherits(CommonSettings, DatabaseSettings):
        pass

    class Declares(CommonSettings):
        kafka_bootstrap: str = ""

    assert "database_url" in set(foreign(SPECS["console"], Inherits))
    assert list(foreign(SPECS["console"], Declares)) == ["kafka_bootstrap"]
    assert "database_owner_url" in set(foreign(SPECS["recognition"], Inherits))


def test_settings_that_lack_a_resource_are_found():
    assert set(missing(SPECS["recognition"], CommonSettings)) == {
        "KafkaSettings",
        "MacSettings",
        "ObjectSettings",
    }
    assert "DatabaseSettings" in set(missing(SPECS["hotlist"], CommonSettings))
