"""A whole department in one process: all services with routes, on a real broker and a real Postgres.

They are joined by Kafka, their database and the object store alone, and check tokens that identity made.
"""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import make_url

from local.stack.broker import Broker
from local.stack.postgres import Postgres
from services.identity.actions.bootstrap import bootstrap
from services.identity.service import IdentityService
from services.registry import SPECS, names
from shared.core.policy import Policy, load_policy
from shared.kafka.bus import KafkaBus
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.service.spec import Kind
from shared.testing import FakeObjects, TestRoot, all_mac_keys, eventually, mac_key_text
from tests.integration.authz.asking import Answer, ask
from tests.integration.identity.conftest import Person, QuickSettings, hand_over

SERVICES = names(Kind.API)
ELSEWHERE = "CA0520000"
"""The agency whose people may ask for a release."""

SOURCES = ("department", "state", "federal")
UP_WITHIN_S = 90


class RunningClock:
    """The time of day, moved on when a code of the second factor is used up."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self._ahead

    def advance(self, **duration: float) -> None:
        """Move forward by a timedelta's arguments."""
        self._ahead += timedelta(**duration)


def smaller(policy_file: Path, folder: Path, *, finding: int, refused: int) -> Path:
    """Return a copy of the policy with smaller limits of records a day, so that a small store is past them."""
    text = policy_file.read_text()
    limits = load_policy(policy_file).limits
    for name, number in (("disclosed_finding", finding), ("disclosed_refused", refused)):
        line = f"{name} = {getattr(limits, name)}\n"
        assert text.count(line) == 1
        text = text.replace(line, f"{name} = {number}\n")
    smaller_file = folder / "policy.toml"
    smaller_file.write_text(text)
    return smaller_file


@dataclass
class Department:
    """The services, and the people who run them."""

    apps: dict[str, FastAPI]
    runtimes: dict[str, ApiRuntime]
    clock: RunningClock
    objects: FakeObjects
    policy: Policy
    broker: Broker
    administrator: Person = field(init=False)
    sergeant: Person = field(init=False)
    reviewer: Person = field(init=False)
    """A second administrator, who made no account."""

    _sent: int = 0

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Any = None,
        *,
        listen_s: float = 0,
    ) -> Answer:
        """Send one request; a stream is heard for `listen_s`."""
        self._sent += 1
        address = f"10.{self._sent >> 16 & 255}.{self._sent >> 8 & 255}.{self._sent & 255}"
        app = self.apps[service]
        return await ask(app, method, path, dict(headers), body, address, listen_s=listen_s)

    async def heard(self) -> None:
        """Wait until every service knows that accounts are current."""
        others = [self.runtimes[name] for name in SERVICES if name != "identity"]

        def current() -> bool:
            for runtime in others:
                runtime.people.check_current(self.clock.now())
            return True

        async def is_current() -> bool:
            try:
                return current()
            except Exception:  # noqa: BLE001 - with any error, it has not received it yet
                return False

        await eventually(is_current, within_s=UP_WITHIN_S)

    async def hire(self, username: str, role: str, title: str, ori: str) -> Person:
        """Make an account of one role; enrol, without signing in."""
        made = await self.administrator.post(
            "/v1/accounts",
            username=username,
            name=username.title(),
            title=title,
            agency_ori=ori,
            roles=[role],
            sources=[] if title in self.policy.titles.external else list(SOURCES),
        )
        person = Person(self.administrator.client, self.clock, username)
        return await person.enrol(
            await hand_over(service_of(self.apps["identity"], IdentityService), made)
        )

    async def staff(self, roles: Mapping[str, str]) -> dict[str, Person]:
        """Hire one insider of each role, train them, and sign all of them in.

        Args: the title of each role.
        """
        settings = self.runtimes["identity"].settings
        first = await bootstrap(settings, username="chief.admin", name="Ada Min", clock=self.clock)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.apps["identity"]), base_url="http://identity"
        )
        self.administrator = Person(client, self.clock, "chief.admin")
        await self.administrator.enrol(first.invitation_token)
        await self.administrator.sign_in()
        self.sergeant = await self.hire(
            "t.okafor", "training_sergeant", "Training Sergeant", self.policy.department.ori
        )
        self.reviewer = await self.hire(
            "r.viewer", "alpr_administrator", "Lieutenant", self.policy.department.ori
        )
        hired = {}
        for role, title in roles.items():
            external = title in self.policy.titles.external
            ori = ELSEWHERE if external else self.policy.department.ori
            hired[role] = await self.hire(f"insider.{role}", role, title, ori)
        await self.sergeant.sign_in()
        for person in (self.administrator, self.reviewer, *hired.values()):
            recorded = await self.sergeant.post(
                "/v1/training",
                account_id=person.account_id,
                completed_on=self.clock.now().date().isoformat(),
            )
            assert recorded.status_code == 201, recorded.text
        self.clock.advance(seconds=30)
        for person in (self.administrator, self.reviewer, *hired.values()):
            answer = await person.try_sign_in()
            assert answer.status_code == 201, answer.text
            person.access = answer.json()["access_token"]
            person.refresh = answer.json()["refresh_token"]
        await self.heard()
        return hired

    async def approve(self, request_id: str) -> None:
        """Approve a request of an agency."""
        await self.reviewer.renew()
        said = await self.reviewer.post(
            "/v1/purposes",
            kind="release",
            offence_type="robbery",
            case_number="26-000470",
            justification="Robbery of a shop in Tehama County, the vehicle is sought",
        )
        assert said.status_code == 201, said.text
        headers = {**self.reviewer.headers, "x-alpr-purpose": said.json()["purpose_token"]}
        decision = {"decision": "approve", "reason": "Robbery case, scoped to one plate"}
        path = f"/v1/requests/{request_id}/decision"
        answer = await self.ask("release", "POST", path, headers, decision)
        assert answer.status == 200, answer.body

    async def administrators_purpose(self) -> str:
        """Declare a purpose as the administrator; return its token."""
        said = await self.administrator.post(
            "/v1/purposes",
            kind="stolen_or_wanted_vehicle",
            offence_type="vehicle theft",
            case_number="26-000401",
            justification="List of the vehicles that the department looks for",
        )
        assert said.status_code == 201, said.text
        token: str = said.json()["purpose_token"]
        return token

    async def as_administrator(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """Do a department's preparations before any misuse; return the answer's JSON."""
        headers = self.administrator.headers
        answer = await self.ask(service, method, path, headers, body)
        assert answer.status < 300, answer.body
        return answer.json


@asynccontextmanager
async def department(
    postgres: Postgres, database_url: str, broker: Broker, policy_file: Path
) -> AsyncIterator[Department]:
    """Start all services over an empty database and broker."""
    clock, objects = RunningClock(), FakeObjects()
    policy = load_policy(policy_file)
    common = {
        "database_owner_url": database_url,
        "database_pool_size": 8,
        "root_public_keys": TestRoot().public,
        "policy_file": policy_file,
        "kafka_bootstrap": broker.bootstrap,
        "kafka_empty_fetch_pause_ms": 5,
        "kafka_allow_one_copy": True,
        "refusals_burst": 1_000_000,
        "object_store_url": "file:///nowhere",
    }
    key = [base64.b64encode(bytes(range(n, n + 32))).decode() for n in range(4)]
    own: dict[str, Any] = {
        **TestRoot().settings(now=clock.now()),
        "identity_key_encryption_key": key[0],
        **TestRoot().settings("ingest_signing", "captures"),
        "ingest_id_key": key[1],
        "hotlist_id_key": key[1],
        "hotlist_poll_s": 0.2,
        "retention_work_every_s": 0.5,
        "retention_pass_settle_s": 0,
        "audit_event_mac_keys": all_mac_keys(),
        "audit_signing_key": key[2],
        "audit_values_key": key[3],
    }
    database = make_url(database_url).database or ""
    apps, runtimes = {}, {}
    async with AsyncExitStack() as running:
        for name in SERVICES:
            kind = QuickSettings if name == "identity" else SPECS[name].settings_class()
            settings = kind(
                **common,
                **{field: value for field, value in own.items() if field in kind.model_fields},
                database_url=postgres.service_url(name, database),
                event_mac_key=mac_key_text(name),
            )
            runtime = ApiRuntime(SPECS[name], settings, objects=objects, clock=clock)
            app = import_module(f"services.{name}.main").build_app(settings, runtime)
            await running.enter_async_context(app.router.lifespan_context(app))
            apps[name], runtimes[name] = app, runtime
        made = Department(apps, runtimes, clock, objects, policy, broker)
        await made.heard()
        yield made


async def publish(broker: Broker, source: str, events: list[Any]) -> None:
    """Publish events as another service would."""
    bus = KafkaBus(broker.bootstrap, source)
    await bus.start()
    await bus.publish(events)
    await bus.stop()


def monotonic() -> float:
    """Return seconds of a clock that no test moves."""
    return time.monotonic()
