"""Several apps behind one port: each is reached below its name, and only there."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from local.stack.dispatch import dispatcher
from local.stack.keys import ADDED, KEYS, REPLACEABLE
from local.stack.services import APIS, PAGES, addresses, build
from shared.core.policy import load_policy
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import Service, service_of
from shared.service.settings import ApiSettings
from shared.testing import FakeBus, FakeObjects, all_mac_keys, mac_key_text
from shared.testing.sample import SAMPLE

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")


def app(name: str, log: list[str], *, root_path: str = "") -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        log.append(f"{name} starts")
        yield
        log.append(f"{name} stops")

    settings = ApiSettings(root_path=root_path, event_mac_key=mac_key_text("sample"))
    runtime = ApiRuntime(
        replace(SAMPLE, name=name), settings, bus=FakeBus(), objects=FakeObjects(), policy=POLICY
    )
    made = create_app(SAMPLE, ApiService(runtime), lifespan=lifespan)
    made.title = f"The {name} <API>"

    @made.get("/v1/things/{thing}")
    async def thing(thing: str, request: Request) -> dict[str, str]:
        return {"name": name, "thing": thing, "url": str(request.url)}

    return made


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def apps(log: list[str]) -> dict[str, FastAPI]:
    return {name: app(name, log) for name in ("first", "second")}


@pytest.fixture
async def client(apps: dict[str, FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=dispatcher(apps))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


async def test_each_app_is_reached_below_its_name(client: httpx.AsyncClient) -> None:
    for name in ("first", "second"):
        answer = await client.get(f"/{name}/v1/things/7")
        assert answer.json() == {
            "name": name,
            "thing": "7",
            "url": f"http://here/{name}/v1/things/7",
        }


async def test_its_pages_and_documents_name_the_prefix(client: httpx.AsyncClient) -> None:
    document = (await client.get("/second/openapi.json")).json()
    assert document["servers"][0] == {"url": "/second"}
    assert "/second/openapi.json" in (await client.get("/second/docs")).text


@pytest.mark.parametrize("path", ["/v1/things/7", "/third/v1/things/7", "/firstly"])
async def test_an_unknown_path_prefix_returns_a_problem_document(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "services here: /first, /second"


async def test_a_method_that_is_not_allowed_is_a_problem_document(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_index_links_every_document_and_escapes_titles(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/")).text
    assert "/first/docs" in page
    assert "/second/openapi.json" in page
    assert "The first &lt;API&gt;" in page


async def test_it_is_ready_only_while_every_app_is(
    client: httpx.AsyncClient, apps: dict[str, FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {"first": {"kafka": "ok"}, "second": {"kafka": "ok", "database": "down"}}
    names = {id(service_of(made, Service)): name for name, made in apps.items()}

    async def check(service: Service) -> dict[str, str]:
        return states[names[id(service)]]

    monkeypatch.setattr(ApiService, "check", check)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, states)
    states["second"] = {"database": "ok"}
    assert (await client.get("/readyz")).status_code == 200


async def lifespan(app: object, messages: Iterator[str]) -> list[str]:
    said: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": next(messages)}

    async def send(message: dict[str, str]) -> None:
        said.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)  # type: ignore[operator]
    return said


async def test_lifespans_run_in_order_and_end_in_reverse(
    apps: dict[str, FastAPI], log: list[str]
) -> None:
    said = await lifespan(dispatcher(apps), iter(["lifespan.startup", "lifespan.shutdown"]))
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert log == ["first starts", "second starts", "second stops", "first stops"]


@pytest.mark.parametrize("name", [*APIS, *PAGES])
def test_every_service_is_built_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLICY_FILE", str(Path(__file__).parents[3] / "policy.toml"))
    monkeypatch.setenv("OBJECT_STORE_URL", tmp_path.as_uri())
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.7")
    for key, draw in (KEYS | REPLACEABLE | ADDED).items():
        monkeypatch.setenv(key, draw())
    monkeypatch.setenv("AUDIT__AUDIT_EVENT_MAC_KEYS", all_mac_keys())
    for key, url in addresses({name: f"http://{name}" for name in APIS}).items():
        monkeypatch.setenv(key, url)
    service = service_of(build(name), Service)
    settings = service.runtime.settings if isinstance(service, ApiService) else service.settings
    assert settings.forwarded_allow_ips == "192.0.2.7"


@pytest.mark.parametrize("path", ["/first/v1/things/7", "/v1/things/7"])
async def test_an_app_behind_a_proxy_serves_addresses_with_and_without_its_prefix(
    path: str,
) -> None:
    alone = app("first", [], root_path="/first")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=alone), base_url="http://here"
    ) as client:
        assert (await client.get(path)).json()["thing"] == "7"
        document = (await client.get("/first/openapi.json")).json()
        assert document["servers"][0] == {"url": "/first"}
