"""A compromised service at the object store: every prefix, every verb, on an S3 server that enforces policies.

The server is versitygw, as docker-compose.yml runs it, set up by the command that sets it up there (ADR-0021).
"""

import pytest

from deploy.objects.gateway import REGION, ROOT, Gateway
from local.stack.services import APIS, PAGES, WORKERS
from shared.core.errors import NotFound, Unavailable
from shared.objects.opening import open_store
from shared.objects.rights import PING, RIGHTS, Verb, user_of
from shared.objects.setup import Server, _make_user, set_up

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.s3,
    pytest.mark.clause("wall/objects"),
]

BUCKET = "plateward"
PREFIXES = sorted({prefix for rights in RIGHTS.values() for prefix in rights})
ELSEWHERE = ["other/", "", "capturesx/", "release", "purge/"]
"""Keys outside every service's prefixes, some of which only begin like one."""

SECRETS = {service: f"secret-of-{service}-0123456789" for service in RIGHTS}
REFUSED, DONE = 403, (200, 204)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture(scope="module")
def root(gateway):
    return Server(gateway.url, REGION, ROOT, gateway.root_secret)


@pytest.fixture(scope="module")
def without_policy(gateway, root):
    """The answers to each service before there was a policy: the server must refuse by itself."""
    root.send("PUT", f"/{BUCKET}")
    for service in RIGHTS:
        _make_user(root, user_of(service), SECRETS[service])
    root.send("PUT", f"/{BUCKET}/captures/before", body=b"x")
    answers = {}
    for service in RIGHTS:
        for verb in Verb:
            answers[service, verb] = attempt(
                as_service(gateway, service), verb, "captures/", "before"
            )
    return answers


@pytest.fixture(scope="module")
def whole(gateway, root, without_policy):
    """Set up as in compose, twice: as at a second start."""
    for _ in range(2):
        set_up(root, BUCKET, SECRETS)
    return gateway


def as_service(gateway, service):
    return Server(gateway.url, REGION, user_of(service), SECRETS[service])


def attempt(server, verb, prefix, name):
    """Try one verb on one key; return the status."""
    path = f"/{BUCKET}/{prefix}{name}"
    if verb is Verb.LIST:
        return server.send("GET", f"/{BUCKET}", {"list-type": "2", "prefix": prefix})[0]
    method = {Verb.GET: "GET", Verb.PUT: "PUT", Verb.DELETE: "DELETE"}[verb]
    return server.send(method, path, body=b"x" if verb is Verb.PUT else b"")[0]


def test_the_object_server_refuses_every_request_without_a_policy(without_policy):
    assert len(without_policy) == len(RIGHTS) * len(Verb)
    assert set(without_policy.values()) == {REFUSED}


@pytest.mark.parametrize("service", sorted(RIGHTS))
def test_a_service_has_exactly_the_object_store_rights_of_the_table(whole, root, service):
    ours = as_service(whole, service)
    for prefix in (*PREFIXES, *ELSEWHERE):
        for verb in Verb:
            name = f"{service}-{verb}"
            root.send("PUT", f"/{BUCKET}/{prefix}{name}", body=b"theirs")
            status = attempt(ours, verb, prefix, name)
            allowed = verb in RIGHTS[service].get(prefix, frozenset())
            assert (status in DONE) if allowed else (status == REFUSED), (service, verb, prefix)
            there = root.send("GET", f"/{BUCKET}/{prefix}{name}")
            changed = allowed and verb in (Verb.PUT, Verb.DELETE)
            assert (there == (200, b"theirs")) is not changed, (service, verb, prefix)


@pytest.mark.parametrize("service", sorted(RIGHTS))
def test_a_service_cannot_bypass_its_object_prefixes(whole, root, service):
    """Copies, deletions of many, uploads in parts, and operations on the bucket itself."""
    ours = as_service(whole, service)
    rights = RIGHTS[service]
    root.send("PUT", f"/{BUCKET}/captures/theirs", body=b"theirs")
    root.send("PUT", f"/{BUCKET}/release/documents/theirs", body=b"theirs")
    for prefix in PREFIXES:
        key = f"{prefix}theirs"
        root.send("PUT", f"/{BUCKET}/{key}", body=b"theirs")
        if Verb.DELETE not in rights.get(prefix, ()):
            many = f"<Delete><Object><Key>{key}</Key></Object></Delete>".encode()
            ours.send("POST", f"/{BUCKET}", {"delete": ""}, many)
            assert root.send("GET", f"/{BUCKET}/{key}")[0] == 200, key
        if Verb.PUT not in rights.get(prefix, ()):
            assert ours.send("POST", f"/{BUCKET}/{prefix}new", {"uploads": ""})[0] == REFUSED
            assert ours.send("PUT", f"/{BUCKET}/{key}", {"acl": ""})[0] == REFUSED
            assert (
                ours.send("PUT", f"/{BUCKET}/{key}", {"tagging": ""}, b"<Tagging/>")[0] == REFUSED
            )
    for query in ("policy", "acl", "versioning", "uploads", "cors", "object-lock", "tagging"):
        assert ours.send("GET", f"/{BUCKET}", {query: ""})[0] == REFUSED, query
    for query in ("policy", "acl", "versioning"):
        assert ours.send("PUT", f"/{BUCKET}", {query: ""}, b"{}")[0] == REFUSED, query
    assert ours.send("GET", f"/{BUCKET}")[0] == REFUSED, "a list of everything"
    assert ours.send("GET", f"/{BUCKET}", {"prefix": "rel"})[0] == REFUSED
    assert ours.send("DELETE", f"/{BUCKET}")[0] == REFUSED
    assert ours.send("PUT", "/another-bucket")[0] == REFUSED
    account = (
        b"<Account><Access>mine</Access><Secret>0123456789</Secret><Role>admin</Role></Account>"
    )
    assert ours.send("PATCH", "/create-user", body=account)[0] == REFUSED
    assert ours.send("PATCH", "/list-users")[0] == REFUSED
    mine = {"access": user_of(service)}
    role = b"<MutableProps><Role>admin</Role></MutableProps>"
    assert ours.send("PATCH", "/update-user", mine, role)[0] == REFUSED


@pytest.mark.parametrize("service", sorted({*APIS, *PAGES, *WORKERS} - set(RIGHTS)))
def test_a_service_that_keeps_no_objects_has_no_key(whole, service):
    stranger = Server(whole.url, REGION, user_of(service), "anything-at-all")
    for verb in Verb:
        assert attempt(stranger, verb, "captures/", "x") == REFUSED


def test_a_service_cannot_use_anothers_object_key(whole):
    crossed = Server(whole.url, REGION, user_of("retention"), SECRETS["ingest"])
    assert attempt(crossed, Verb.GET, "captures/", "x") == REFUSED
    assert (
        Server(whole.url, REGION, ROOT, SECRETS["retention"]).send("GET", f"/{BUCKET}")[0]
        == REFUSED
    )


@pytest.fixture
def store_of(whole, monkeypatch):
    """A service's store as it opens it itself, by its settings."""

    def opened(service):
        monkeypatch.setenv("AWS_ENDPOINT_URL", whole.url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", REGION)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", user_of(service))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS.get(service, "wrong"))
        return open_store(f"s3://{BUCKET}")

    return opened


@pytest.mark.parametrize("service", sorted(RIGHTS))
async def test_a_service_can_use_its_object_rights_through_its_own_client(
    store_of, root, tmp_path, service
):
    """Without this, every refusal above would be no proof; a package is uploaded in parts."""
    store = store_of(service)
    await store.ping()
    for prefix, verbs in RIGHTS[service].items():
        key = f"{prefix}own/{service}"
        root.send("PUT", f"/{BUCKET}/{key}", body=b"theirs")
        if Verb.PUT in verbs:
            await store.put(key, b"ours")
            large = tmp_path / "package"
            large.write_bytes(bytes(12_000_000))
            await store.put_file(f"{key}.zip", large)
        if Verb.GET in verbs:
            assert await store.get(key) == (b"ours" if Verb.PUT in verbs else b"theirs")
            with pytest.raises(NotFound):
                await store.get(f"{prefix}none")
        if Verb.LIST in verbs:
            assert key in [one.key for one in await store.page(f"{prefix}own")]
            assert (await store.level(prefix.rstrip("/"))).folders
        if Verb.DELETE in verbs:
            await store.delete(key)
            assert root.send("GET", f"/{BUCKET}/{key}")[0] == 404


async def test_a_refused_object_store_key_is_reported(store_of):
    with pytest.raises(Unavailable, match=f"refuses this service's key, or has no object '{PING}'"):
        await store_of("identity").ping()
