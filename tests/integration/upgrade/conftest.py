"""The department of tests/fixtures/upgrade under the present code: dumps restored, migrated, services started.

As an administrator upgrades: everything stopped, roles.sql run, each service's `migrate`, then the services,
with the old keys and those that a first start of this version draws. Time goes on from where the
fixture ended.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from local.stack.keys import stored_keys
from local.stack.mac_keys import audits_mac_keys
from local.stack.services import APIS, environment_of
from services.audit.events import subscriptions as of_audit
from services.audit.service import AuditService
from services.hotlist.events import subscriptions as of_hotlist
from services.hotlist.service import HotlistService
from services.identity.service import IdentityService
from services.identity.workers.tick import tick
from services.registry import SPECS
from services.release.events import subscriptions as of_release
from services.release.service import ReleaseService
from services.retention.events import subscriptions as of_retention
from services.retention.service import RetentionService
from shared.accounts.known_accounts import FOLLOWED
from shared.core.policy import load_policy
from shared.events import IdentityTicked
from shared.kafka.codec import Message, decode, decode_present
from shared.kafka.consumer import RawSubscription
from shared.objects.local import LocalObjects
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import FakeBus, FakeClock, TestRoot

FIXTURE = Path(__file__).parents[2] / "fixtures" / "upgrade"
FACTS = json.loads((FIXTURE / "facts.json").read_text())
ENDED = datetime.fromisoformat(FACTS["ended_at"])
DATABASE = "upgraded"
LATER = (timedelta(minutes=5 + 10 * n) for n in itertools.count())
"""When each test begins: a code of an authenticator is good once, and the tests share the database."""


@pytest.fixture(scope="module")
def migrated(postgres, tmp_path_factory):
    """The database, restored from the dumps and migrated; every command's environment, secrets included."""
    postgres._sql(
        f'CREATE ROLE plateward_services LOGIN; CREATE DATABASE "{DATABASE}" OWNER plateward'
    )
    for schema in APIS:
        postgres._sql((FIXTURE / f"{schema}.sql").read_text(), DATABASE)
    owner = postgres.create_database(DATABASE)  # roles.sql, on a database that is there
    folder = tmp_path_factory.mktemp("upgraded")
    shutil.copytree(FIXTURE / "keys", folder / "keys")
    root = TestRoot()
    given = {
        **postgres.environment(DATABASE),
        "DATABASE_OWNER_URL": owner,
        "ROOT_PUBLIC_KEYS": root.public,
        "POLICY_FILE": str(_policy(folder)),
    }
    for prefix, usage in (("identity_issuer", "tokens"), ("ingest_signing", "captures")):
        certified = root.settings(prefix, usage, now=ENDED)
        given |= {name.upper(): value for name, value in certified.items()}
    environment = {**given, **stored_keys(folder / "keys", given, first_start=False)}
    environment |= audits_mac_keys(environment)
    for service in APIS:
        told = environment_of(service, environment)
        done = subprocess.run(
            [sys.executable, "-m", f"services.{service}", "migrate"],
            cwd=Path(__file__).parents[3],
            env={"PATH": os.environ["PATH"], **told},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{service}: {done.stdout}{done.stderr}"
    environment.pop("DATABASE_OWNER_URL")
    shutil.copytree(FIXTURE / "objects", folder / "objects")
    environment["OBJECT_STORE_URL"] = (folder / "objects").as_uri()
    yield environment
    postgres.drop_database(DATABASE)


def _policy(folder):
    """Return the department's policy with the schedule that its standing order rests on."""
    text = Path("policy.toml").read_text()
    path = folder / "policy.toml"
    path.write_text(text.replace("schedule_days = 400", "schedule_days = 366"))
    return path


def settings_of(service, environment):
    """Return a service's settings as its environment sets them."""
    chosen = SPECS[service].settings_class()
    told = environment_of(service, environment)
    return chosen(**{n: told[n.upper()] for n in chosen.model_fields if n.upper() in told})


@dataclass
class Upgraded:
    """All services in process over the migrated data, one bus between them."""

    environment: dict[str, str]
    clock: FakeClock
    bus: FakeBus
    apps: dict[str, Any] = field(default_factory=dict)
    runtimes: dict[str, ApiRuntime] = field(default_factory=dict)
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def settle(self):
        """Let identity tick, relay all outboxes and hand all events to their consumers, until there are no more."""
        identity = service_of(self.apps["identity"], IdentityService)
        await tick(identity, self.bus)
        for _ in range(20):
            for runtime in self.runtimes.values():
                await runtime.relay.drain()
            records, self.bus.records = self.bus.records, []
            if not records:
                return
            messages = [
                Message(r.topic, 0, n, r.key, r.value, dict(r.headers))
                for n, r in enumerate(records)
            ]
            of_people = {kind.TOPIC for kind in (*FOLLOWED, IdentityTicked)}
            await identity.people.learn_all([decode(m) for m in messages if m.topic in of_people])
            for subscription in self._subscriptions():
                await _deliver(subscription, messages)
        raise AssertionError("the services do not come to rest")

    def _subscriptions(self):
        yield from of_audit(service_of(self.apps["audit"], AuditService))
        yield from of_release(service_of(self.apps["release"], ReleaseService))
        yield from of_retention(service_of(self.apps["retention"], RetentionService))
        yield from of_hotlist(service_of(self.apps["hotlist"], HotlistService))

    async def ask(self, service, method, path, person=None, purpose=None, **request):
        headers = {**request.pop("headers", {})}
        if person is not None:
            headers["Authorization"] = f"Bearer {person}"
        if purpose is not None:
            headers["X-ALPR-Purpose"] = purpose
        return await self.clients[service].request(method, path, headers=headers, **request)

    async def must(self, service, method, path, person=None, **request):
        answer = await self.ask(service, method, path, person, **request)
        assert answer.is_success, f"{method} {service}{path}: {answer.status_code} {answer.text}"
        return answer

    async def sign_in(self, username):
        """Sign in with the password and the authenticator of before; return the access token."""
        known = FACTS["people"].get(username) or FACTS["separated"]
        self.clock.advance(seconds=31)  # a code is good once
        code = pyotp.TOTP(known["totp_secret"]).at(self.clock.now())
        body = {"username": username, "password": known["password"], "totp": code}
        answer = await self.must("identity", "POST", "/v1/sessions", json=body)
        await self.settle()
        return answer.json()["access_token"]

    async def declare(self, person, kind="crime_scene_canvass", **more):
        body = {
            "kind": kind,
            "offence_type": "vehicle theft",
            "case_number": "26-000412",
            "justification": "Looking at what was there before the upgrade",
            **more,
        }
        said = await self.must("identity", "POST", "/v1/purposes", person, json=body)
        await self.settle()
        return said.json()["purpose_token"]


async def _deliver(subscription, messages):
    wanted = {kind.TOPIC for kind in subscription.events}
    mine = [message for message in messages if message.topic in wanted]
    if not mine:
        return
    if isinstance(subscription, RawSubscription):
        await subscription.handler(mine)
        return
    for kind, handler in subscription.handlers.items():
        if events := [decode_present(m) for m in mine if m.topic == kind.TOPIC]:
            await handler(events)


@pytest.fixture
async def upgraded(migrated):
    """The services, started; they read the compacted topics first, as at a real start."""
    clock = FakeClock(ENDED + next(LATER))
    world = Upgraded(migrated, clock, FakeBus())
    policy = load_policy(Path(migrated["POLICY_FILE"]))
    objects = LocalObjects(Path(migrated["OBJECT_STORE_URL"].removeprefix("file://")))
    async with contextlib.AsyncExitStack() as stack:
        people = None
        for service in APIS:
            runtime = ApiRuntime(
                SPECS[service],
                settings_of(service, migrated),
                bus=world.bus,
                objects=objects,
                clock=clock,
                people=people,
                policy=policy,
            )
            if people is None:
                people = runtime.people
                await people.learn_all(compacted())
            app = await stack.enter_async_context(_running(service, runtime))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url=f"http://{service}")
            world.clients[service] = await stack.enter_async_context(client)
            world.apps[service], world.runtimes[service] = app, runtime
        await world.settle()
        yield world


@asynccontextmanager
async def _running(service, runtime):
    app = import_module(f"services.{service}.main").build_app(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        yield app


def compacted():
    """Return the records that services replay at their start, decoded; skip those that no longer decode."""
    found = []
    for line in (FIXTURE / "compacted-topics.ndjson").read_text().splitlines():
        record = json.loads(line)
        headers = {name: _bytes(value) for name, value in record["headers"]}
        message = Message(
            record["topic"],
            0,
            record["offset"],
            record["key"].encode(),
            record["value"].encode(),
            headers,
        )
        found.append(decode(message))
    return found


def _bytes(text):
    from base64 import b64decode

    return b64decode(text)
