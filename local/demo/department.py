"""A sample department: its people with their roles, its cameras, and the agency that requests data."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyotp

from local.demo.client import Api, Person
from local.stack import data
from services.identity.actions.bootstrap import bootstrap, deliver_invitation
from services.identity.settings import Settings

DEPARTMENT_ORI = "CA0520100"
AGENCY_ORI = "CA0520000"
AGENCY = {
    "ori": AGENCY_ORI,
    "name": "Tehama County Sheriff",
    "kind": "law_enforcement",
    "state": "US-CA",
    "contact": "Records Division, Tehama County Sheriff",
}


@dataclass(frozen=True)
class Role:
    """A person to invite."""

    username: str
    name: str
    title: str
    role: str
    trained: bool = True
    agency_ori: str = DEPARTMENT_ORI


ADMINISTRATOR = Role("a.ramirez", "Ana Ramirez", "Administration Sergeant", "alpr_administrator")
LIEUTENANT = Role("l.moreno", "Lee Moreno", "Lieutenant", "alpr_administrator")
TRAINER = Role("t.okafor", "Tom Okafor", "Training Sergeant", "training_sergeant", trained=False)
OFFICER = Role("o.lindqvist", "Ola Lindqvist", "Police Officer", "officer")
INVESTIGATOR = Role("d.quinn", "Dana Quinn", "Detective", "investigator")
ROOKIE = Role("r.novak", "Rae Novak", "Police Officer", "officer", trained=False)
CUSTODIAN = Role("c.records", "Cam Reyes", "Custodian of Records", "custodian")
AUDITOR = Role("i.haddad", "Iris Haddad", "Auditor", "auditor")
SECOND_AUDITOR = Role("j.park", "Jin Park", "Auditor", "auditor")
OUTSIDER = Role(
    "s.tran",
    "Sam Tran",
    "Agency Requester",
    "agency_requester",
    trained=False,
    agency_ori=AGENCY_ORI,
)


@dataclass(frozen=True)
class Device:
    """A camera and its credential, which the API shows only once."""

    device_id: str
    name: str
    credential: str


@dataclass(frozen=True)
class Department:
    """All people, signed in; `rookie` is an officer without training on record.

    The lieutenant is the second administrator: decides on requests of people whom the first invited, and carries
    out purges. The second auditor signs off the audit that the first drew and reviewed.
    """

    administrator: Person
    lieutenant: Person
    trainer: Person
    officer: Person
    investigator: Person
    rookie: Person
    custodian: Person
    auditor: Person
    second_auditor: Person
    outsider: Person
    devices: tuple[Device, ...]

    @property
    def by_role(self) -> dict[str, Person]:
        """All people, by what they are in the demonstration."""
        return {role: person for role, person in vars(self).items() if isinstance(person, Person)}

    @property
    def people(self) -> tuple[Person, ...]:
        """All people."""
        return tuple(self.by_role.values())


class Host(Protocol):
    """The machine of a stack, on which the first people are invited. Both methods return an invitation token."""

    async def bootstrap(self, first: Role) -> str:
        """Invite the first administrator, as `plateward bootstrap` does."""

    async def deliver_invitation(self, username: str) -> str:
        """Show an invitation, as `plateward deliver-invitation` does."""


@dataclass(frozen=True)
class Embedded:
    """The host of a running embedded stack whose data are in `folder`; `environment` has the settings it was given."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    async def bootstrap(self, first: Role) -> str:
        """Invite the first administrator in this process."""
        settings = identity_settings(self.folder, self.environment)
        invited = await bootstrap(
            settings, username=first.username, name=first.name, title=first.title
        )
        return invited.invitation_token

    async def deliver_invitation(self, username: str) -> str:
        """Show an invitation, in this process."""
        given = await deliver_invitation(
            identity_settings(self.folder, self.environment), username=username
        )
        return given.invitation_token


async def seed(api: Api, host: Host) -> Department:
    """Create the department, by the steps that its people would use."""
    administrator = await _enrol(api, ADMINISTRATOR, await host.bootstrap(ADMINISTRATOR))
    await _account(administrator, TRAINER)
    trainer = await _enrol(api, TRAINER, await host.deliver_invitation(TRAINER.username))
    await _train(trainer, administrator)
    await administrator.must("release", "POST", "/v1/agencies", json=AGENCY)
    lieutenant, officer, investigator, rookie, custodian, auditor, second, outsider = [
        await join(api, administrator, trainer, role)
        for role in (
            LIEUTENANT,
            OFFICER,
            INVESTIGATOR,
            ROOKIE,
            CUSTODIAN,
            AUDITOR,
            SECOND_AUDITOR,
            OUTSIDER,
        )
    ]
    devices = tuple([await _device(administrator, **camera) for camera in CAMERAS])
    return Department(
        administrator, lieutenant, trainer, officer, investigator, rookie, custodian, auditor, second,
        outsider, devices,
    )  # fmt: skip


CAMERAS: tuple[dict[str, Any], ...] = (
    {
        "name": "Solano St east",
        "kind": "fixed",
        "place": {"latitude": 39.9277, "longitude": -122.1792},
    },
    {
        "name": "Highway 99W north",
        "kind": "fixed",
        "place": {"latitude": 39.9401, "longitude": -122.1839},
    },
    {"name": "Patrol unit 12", "kind": "vehicle"},
)


def identity_settings(folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return identity's settings for the data of a running stack. Raises: LocalError."""
    given = data.environment(folder, environment)
    named = {name: given.get(name.upper()) for name in Settings.model_fields}
    return Settings.model_validate({name: value for name, value in named.items() if value})


async def join(api: Api, administrator: Person, trainer: Person, role: Role) -> Person:
    """Invite a person, hand the invitation over, enrol and train them."""
    made = await _account(administrator, role)
    path = f"/v1/accounts/{made['account']['account_id']}/invitation/delivery"
    given = await trainer.must("identity", "POST", path)
    person = await _enrol(api, role, given["invitation_token"])
    if role.trained:
        await _train(trainer, person)
    return person


async def _account(administrator: Person, role: Role) -> Any:
    """Create an account; another person delivers the invitation."""
    body = {
        "username": role.username,
        "name": role.name,
        "title": role.title,
        "agency_ori": role.agency_ori,
        "roles": [role.role],
        "sources": ["department", "state"] if role.agency_ori == DEPARTMENT_ORI else [],
    }
    return await administrator.must("identity", "POST", "/v1/accounts", json=body)


async def _enrol(api: Api, role: Role, invitation: str) -> Person:
    """Choose a password, confirm the second factor, sign in."""
    password = secrets.token_urlsafe(18)
    body = {"invitation_token": invitation, "password": password}
    factor = (await api.must("identity", "POST", "/v1/enrolment", json=body)).json()
    code = pyotp.TOTP(factor["totp_secret"]).now()
    confirm = {"invitation_token": invitation, "totp": code}
    account = (
        await api.must("identity", "POST", "/v1/enrolment/confirmation", json=confirm)
    ).json()
    person = Person(
        api, role.username, role.name, role.title, account["account_id"],
        password=password, totp_secret=factor["totp_secret"],
    )  # fmt: skip
    await person.sign_in()
    return person


async def _train(trainer: Person, person: Person) -> None:
    body = {"account_id": person.account_id, "completed_on": f"{datetime.now(UTC):%Y-%m-%d}"}
    await trainer.must("identity", "POST", "/v1/training", json=body)
    await person.refresh()


async def _device(administrator: Person, **camera: Any) -> Device:
    made = await administrator.must("ingest", "POST", "/v1/devices", json=camera)
    return Device(made["device"]["device_id"], made["device"]["name"], made["credential"])
