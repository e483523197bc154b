"""`make digests` against a real registry."""

import json
from pathlib import Path

import pytest

from deploy.digests import __main__ as command
from deploy.digests import pins
from deploy.digests.named import Named
from tests.registry import Image, Registry

pytestmark = pytest.mark.images


def test_a_registry_gives_the_digest_of_the_index_of_all_platforms(
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = Named(
        base="python:3.11",
        compose={"proxy": "caddy:2"},
        built=("identity",),
        operators=f"{registry.host}/postgresql:17",
        own={"plateward/audit": f"{registry.host}/alpr/audit:1.2"},
    )
    for name in ("FILE", "COMPOSE", "COMPONENT"):
        monkeypatch.setattr(pins, name, tmp_path / name)
    pins.FILE.write_text("{}")
    monkeypatch.setattr(command, "named_images", lambda _: named)
    platforms = [Image(b"a layer", "amd64"), Image(b"a layer", "arm64")]
    pushed = {
        "python:3.11": registry.push("library/python", "3.11", *platforms),
        "caddy:2": registry.push("library/caddy", "2", Image(b"of caddy")),
        named.operators: registry.push("postgresql", "17", *platforms),
        f"{registry.host}/alpr/audit:1.2": registry.push("alpr/audit", "1.2", *platforms),
    }
    assert command.main(["--registry", registry.host]) == 0
    assert json.loads(pins.FILE.read_text()) == pushed
    moved = registry.push("library/caddy", "2", Image(b"of another caddy"))
    capsys.readouterr()
    assert command.main(["--registry", registry.host]) == 1
    assert (
        f"caddy:2: the tag names {moved}, and before {pushed['caddy:2']}" in capsys.readouterr().err
    )
    assert json.loads(pins.FILE.read_text()) == pushed
    assert command.main(["--registry", registry.host, "--renew", "caddy:2"]) == 0
    assert json.loads(pins.FILE.read_text()) == pushed | {"caddy:2": moved}
    assert command.main(["--registry", "127.0.0.1:1"]) == 2
    assert "does not answer" in capsys.readouterr().err
