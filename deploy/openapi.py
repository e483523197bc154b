"""Writes each service's OpenAPI document to docs/openapi; a test holds the committed ones to the code."""

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from local.stack.keys import stored_keys
from local.stack.mac_keys import audits_mac_keys
from local.stack.services import environment_of
from services.registry import SPECS, names
from shared.http.openapi import OCTETS
from shared.service.command import Answer, command
from shared.service.spec import Kind

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "openapi"
SERVICES = names(Kind.API, Kind.WORKER)
"""Those that have a document: pages have none."""


def app_of(service: str, objects: Path) -> FastAPI:
    """Build a service's app without starting it; its stores need not exist."""
    drawn = stored_keys(objects / "keys", {}, first_start=True)
    drawn = environment_of(service, {**drawn, **audits_mac_keys(drawn)})
    keys: dict[str, Any] = {name.lower(): value for name, value in drawn.items()}
    spec = SPECS[service]
    settings = spec.settings_class()(
        policy_file=ROOT / "policy.toml", object_store_url=f"file://{objects}", **keys
    )
    return spec.build_app(settings)


def document(service: str) -> dict[str, Any]:
    """Return a service's OpenAPI document."""
    with tempfile.TemporaryDirectory() as objects:
        return app_of(service, Path(objects)).openapi()


def text(service: str) -> str:
    """Return a service's OpenAPI document as committed."""
    return json.dumps(_sorted(document(service)), indent=1, ensure_ascii=False) + "\n"


def _sorted(value: Any) -> Any:
    """Return a value of JSON with its members sorted, OCTETS first: generators read the first media type they know."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (name != OCTETS, name))
        return {name: _sorted(value[name]) for name in names}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@command("openapi")
def openapi_command() -> Answer:
    """Write the OpenAPI document of each service to docs/openapi."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (FOLDER / f"{service}.json").write_text(text(service))
    written = [f"{FOLDER.relative_to(ROOT)}/{service}.json" for service in SERVICES]
    return Answer(f"{len(written)} documents in {FOLDER.relative_to(ROOT)}", {"written": written})
