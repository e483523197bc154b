"""Images are pinned by the digests that registries give, and a tag that was moved is refused."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import yaml

from deploy.digests import __main__ as command
from deploy.digests import pins
from deploy.digests.named import Named, named_images
from deploy.digests.registry import Place, Registries, RegistryFault, stored_credentials
from tests.deploy.reading import ROOT, built, compose
from tests.registry import INDEX

BODY = b'{"schemaVersion":2,"manifests":[]}'
DIGEST = f"sha256:{sha256(BODY).hexdigest()}"


def test_the_images_are_those_that_the_files_name() -> None:
    named = named_images()
    images = {one["image"] for one in compose()["services"].values()}
    public = {image for image in images if not image.startswith("plateward/")}
    assert set(named.compose.values()) == public
    assert named.base == "python:3.11-slim-bookworm"
    assert set(named.built) == {n for n, one in compose()["services"].items() if "build" in one}
    assert named.own == {}, "the example names no registry"


def test_the_own_images_are_named_by_the_department_s_overlay(tmp_path: Path) -> None:
    images = [
        {"name": "plateward/audit", "newName": "images.example/alpr/audit", "newTag": "1.2"},
        {"name": "plateward/console", "newTag": "1.2"},
    ]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"images": images}))
    assert named_images(tmp_path).own == {"plateward/audit": "images.example/alpr/audit:1.2"}


def test_the_committed_files_are_what_the_committed_digests_give() -> None:
    named, found = named_images(), pins.read_pins()
    assert set(found) <= set(named.all()), "run `make digests`: an image is no longer named"
    for path, content in pins.written(named, found).items():
        assert path.read_text() == content, "run `make digests`"


@pytest.mark.parametrize(
    ("image", "place"),
    [
        ("caddy:2", Place("r.example", "library/caddy", "2")),
        ("prom/prometheus:v3", Place("r.example", "prom/prometheus", "v3")),
        ("other.example/a/b:17", Place("other.example", "a/b", "17")),
        ("localhost:5000/b:1", Place("localhost:5000", "b", "1")),
    ],
)
def test_a_name_without_a_host_is_in_the_given_registry(image: str, place: Place) -> None:
    assert Place.of(image, "r.example") == place
    assert place.url.startswith("http://" if place.registry.startswith("localhost") else "https://")


def test_a_name_without_a_host_needs_a_registry() -> None:
    with pytest.raises(RegistryFault, match="--registry"):
        Place.of("caddy:2", None)


def asked(
    answer: Callable[[httpx.Request], httpx.Response], *, given: str | None = None
) -> Registries:
    credentials = {} if given is None else {"r.example": given}
    return Registries(httpx.Client(transport=httpx.MockTransport(answer)), credentials)


def manifest(body: bytes = BODY, kind: str = INDEX, **headers: str) -> httpx.Response:
    return httpx.Response(200, content=body, headers={"content-type": kind, **headers})


def guarded(realm: str = "https://tokens.example/token") -> Callable[..., httpx.Response]:
    """Return a registry that wants a token of another host, which wants the department's credentials."""

    def answer(request: httpx.Request) -> httpx.Response:
        authorization = request.headers.get("authorization")
        if request.url.host == "tokens.example":
            assert dict(request.url.params) == {
                "service": "images",
                "scope": "repository:prom/prometheus:pull",
            }
            right = authorization == f"Basic {base64.b64encode(b'reader:secret').decode()}"
            return httpx.Response(200, json={"token": "t0k3n"}) if right else httpx.Response(401)
        if authorization == "Bearer t0k3n":
            return manifest()
        wanted = f'Bearer realm="{realm}",service="images",scope="repository:prom/prometheus:pull"'
        return httpx.Response(401, headers={"www-authenticate": wanted})

    return answer


def test_a_token_is_fetched_where_the_registry_says_with_stored_credentials(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    auth = base64.b64encode(b"reader:secret").decode()
    file.write_text(
        json.dumps({"auths": {"https://r.example/v1/": {"auth": auth}, "h.example": {}}})
    )
    stored = stored_credentials(file)
    assert stored == {"r.example": auth}
    assert stored_credentials(tmp_path / "missing.json") == {}
    assert asked(guarded(), given=auth).digest("prom/prometheus:v3", "r.example") == DIGEST


def test_a_refused_token_is_named_without_the_credentials() -> None:
    with pytest.raises(RegistryFault, match=r"tokens\.example gives no token .* 401") as fault:
        asked(guarded(), given="d3Jvbmc6d3Jvbmc=").digest("prom/prometheus:v3", "r.example")
    assert "d3Jvbmc6d3Jvbmc=" not in str(fault.value)


def test_credentials_do_not_leave_without_tls() -> None:
    with pytest.raises(RegistryFault, match="without TLS"):
        asked(guarded("http://tokens.example/token")).digest("prom/prometheus:v3", "r.example")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (manifest(**{"docker-content-digest": "sha256:" + "0" * 64}), "another digest"),
        (manifest(kind="text/html"), "text/html"),
        (httpx.Response(404), "404"),
    ],
)
def test_what_is_no_manifest_of_its_digest_is_refused(answer: httpx.Response, why: str) -> None:
    with pytest.raises(RegistryFault, match=why):
        asked(lambda _: answer).digest("caddy:2", "r.example")


NAMED = Named(
    base="python:3.11",
    compose={"proxy": "caddy:2", "postgres": "postgres:17"},
    built=("identity", "identity-tables"),
    operators="postgresql:17",
    own={"plateward/audit": "images.example/alpr/audit:1.2"},
)


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command over files of its own and the images of NAMED."""
    for name in ("FILE", "COMPOSE", "COMPONENT"):
        file = tmp_path / name.lower()
        file.write_text("{}")
        monkeypatch.setattr(pins, name, file)
    monkeypatch.setattr(command, "named_images", lambda _: NAMED)

    def said(*words: str) -> tuple[int, str]:
        status = command.main(words)
        out, err = capsys.readouterr()
        return status, out + err

    return said


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the registry's tags name; a test moves them."""
    found = {image: f"sha256:{number:064x}" for number, image in enumerate(NAMED.all())}
    monkeypatch.setattr(Registries, "digest", lambda _, image, __: found[image])
    return found


def test_digests_are_written_to_the_files_of_compose_and_kubernetes(
    run: Callable[..., tuple[int, str]], tags: dict[str, str]
) -> None:
    assert run("--registry", "r.example") == (0, "5 images are pinned\n")
    assert json.loads(pins.FILE.read_text()) == tags
    override = yaml.safe_load(pins.COMPOSE.read_text())["services"]
    assert override["proxy"] == {"image": f"caddy:2@{tags['caddy:2']}"}
    arguments = {"PYTHON": f"3.11@{tags['python:3.11']}"}
    assert override["identity"] == override["identity-tables"] == {"build": {"args": arguments}}
    assert run("--registry", "r.example", "--check")[0] == 0
    assert run("--check") == (0, "every image has its digest\n")


def test_a_moved_tag_is_refused_until_it_is_asked_for(
    run: Callable[..., tuple[int, str]], tags: dict[str, str]
) -> None:
    assert run("--registry", "r.example")[0] == 0
    before = pins.FILE.read_text()
    tags["caddy:2"] = "sha256:" + "f" * 64
    for words in ([], ["--check"], ["--renew", "postgres:17"]):
        status, said = run("--registry", "r.example", *words)
        assert status == 1
        assert "caddy:2: the tag names sha256:ffff" in said
        assert pins.FILE.read_text() == before
    assert run("--registry", "r.example", "--renew", "caddy:2")[0] == 0
    assert json.loads(pins.FILE.read_text()) == tags
    assert tags["caddy:2"] in pins.COMPOSE.read_text()


@pytest.mark.usefixtures("tags")
def test_the_check_names_an_image_without_a_digest_and_a_changed_file(
    run: Callable[..., tuple[int, str]],
) -> None:
    status, said = run("--check")
    assert status == 1
    assert "caddy:2 has no digest" in said
    assert run("--registry", "r.example")[0] == 0
    pins.COMPOSE.write_text("services: {}\n")
    pins.FILE.write_text(json.dumps(pins.read_pins() | {"caddy:1": "sha256:" + "0" * 64}))
    status, said = run("--check")
    assert status == 1
    assert "caddy:1 has a digest, and no file names it" in said
    assert "is not what digests.json says" in said


def test_an_overlay_takes_the_digests_of_the_component(tmp_path: Path) -> None:
    component = tmp_path / "component"
    component.mkdir()
    digests = {"images.example/alpr/audit:1.2": "sha256:" + "a" * 64}
    digests["postgresql:17"] = "sha256:" + "b" * 64
    (component / "kustomization.yaml").write_text(pins.written(NAMED, digests)[pins.COMPONENT])
    operators = ROOT / "deploy" / "k8s" / "overlays" / "operators"
    depth = len(tmp_path.resolve().parts) - 1
    overlay = {
        "resources": ["/".join([*[".."] * depth, str(operators.relative_to("/"))])],
        "components": ["component"],
        "images": [
            {"name": "plateward/audit", "newName": "images.example/alpr/audit", "newTag": "1.2"}
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    found = built(tmp_path)
    [audit] = [
        one for one in found if (one["kind"], one["metadata"]["name"]) == ("Deployment", "audit")
    ]
    [container] = audit["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"images.example/alpr/audit@sha256:{'a' * 64}"
    [cluster] = [one for one in found if one["apiVersion"] == "postgresql.cnpg.io/v1"][:1]
    assert cluster["spec"]["imageName"] == f"postgresql:17@sha256:{'b' * 64}"
