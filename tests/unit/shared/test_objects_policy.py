"""The policy for a provider comes from the same table as compose's, and is within a server's limit."""

import json

import pytest

from shared.objects.rights import PING, RIGHTS, bucket_policy, main, user_of
from shared.objects.setup import Server, SetupFault, set_up


def test_the_policy_fits_beside_the_bucket_and_names_every_service_with_rights() -> None:
    policy = bucket_policy("plateward")
    assert len(json.dumps(policy, separators=(",", ":"))) < 4000
    named = {who for one in policy["Statement"] for who in one["Principal"]["AWS"]}
    assert named == {user_of(service) for service in RIGHTS}
    assert {one["Effect"] for one in policy["Statement"]} == {"Allow"}


def test_a_prefix_of_the_store_precedes_every_key_and_listing() -> None:
    policy = bucket_policy("b", lambda s: f"arn:{s}", below="alpr/")
    resources = [r for one in policy["Statement"] for r in one["Resource"]]
    assert {r for r in resources if r != "arn:aws:s3:::b"} == {
        f"arn:aws:s3:::b/alpr/{key}"
        for key in (PING, *(f"{p}*" for rights in RIGHTS.values() for p in rights))
    }
    listed = [
        one["Condition"]["StringLike"]["s3:prefix"]
        for one in policy["Statement"]
        if "Condition" in one
    ]
    assert listed
    assert all(prefix.startswith("alpr/") for prefixes in listed for prefix in prefixes)


def test_only_ingest_puts_captures_and_no_service_deletes_a_purge_list() -> None:
    assert [s for s, rights in RIGHTS.items() if "put" in rights.get("captures/", ())] == ["ingest"]
    assert not [s for s, rights in RIGHTS.items() if "delete" in rights.get("purges/", ())]


# Written out beside the code: a right that is added there fails here until it is added with intent.
EXPECTED = """
ingest captures/ put
ingest crops/ put
recognition captures/ get
recognition crops/ put
hotlist captures/ get
hotlist crops/ get
hotlist purges/ get
retention captures/ delete get list
retention crops/ delete get list
retention packages/ delete get list put
retention evidence/ delete get list put
retention purges/ get list put
release release/ delete get put
release packages/ delete get
audit purges/ get
"""


@pytest.mark.clause("wall/objects")
def test_the_table_of_rights_is_as_decided():
    written = [
        f"{service} {prefix} {' '.join(sorted(verbs))}"
        for service, rights in RIGHTS.items()
        for prefix, verbs in rights.items()
    ]
    assert sorted(written) == sorted(EXPECTED.split("\n")[1:-1])


@pytest.mark.clause("wall/objects")
def test_a_service_lists_below_the_prefixes_that_the_table_says_alone() -> None:
    listed = {
        one["Principal"]["AWS"][0]: one["Condition"]["StringLike"]["s3:prefix"]
        for one in bucket_policy("b")["Statement"]
        if "Condition" in one
    }
    assert listed == {
        "plateward-retention": ["captures/*", "crops/*", "packages/*", "evidence/*", "purges/*"]
    }


@pytest.mark.clause("wall/objects")
def test_the_command_prints_the_policy_of_a_provider_whose_users_are_arns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "rights bucket 123456789012 --partition aws-us-gov --below alpr/"
    monkeypatch.setattr("sys.argv", words.split())
    main()
    printed = json.loads(capsys.readouterr().out)
    users = "arn:aws-us-gov:iam::123456789012:user/"
    expected = bucket_policy("bucket", lambda s: users + user_of(s), below="alpr/")
    text = json.dumps(expected).replace("arn:aws:s3:::", "arn:aws-us-gov:s3:::")
    assert printed == json.loads(text)


class AServer(Server):
    """A server that has one user already and refuses one path."""

    def __init__(self, refuses: str = "") -> None:
        super().__init__("http://objects", "us-east-1", "root", "a secret of the root")
        object.__setattr__(self, "refuses", refuses)
        object.__setattr__(self, "asked", [])

    def send(self, method, path, query=None, body=b""):
        self.asked.append((method, path, dict(query or {}), body.decode()))
        if path == self.refuses:
            return 403, b"no"
        if method == "HEAD":
            return 404, b""
        return (409 if path == "/create-user" and b"plateward-audit" in body else 201), b""


SECRETS = {service: f"secret <of> {service}" for service in RIGHTS}


@pytest.mark.clause("wall/objects")
def test_the_set_up_makes_bucket_users_policy_and_the_object_for_pings() -> None:
    server = AServer()
    set_up(server, "b", SECRETS)
    asked = [(method, path, query) for method, path, query, _ in server.asked]
    assert asked[:2] == [("HEAD", "/b", {}), ("PUT", "/b", {})]
    assert asked[-2:] == [("PUT", "/b", {"policy": ""}), ("PUT", f"/b/{PING}", {})]
    created = [body for _, path, _, body in server.asked if path == "/create-user"]
    assert len(created) == len(RIGHTS)
    assert all("<Role>user</Role>" in body for body in created)
    assert "<Secret>secret &lt;of&gt; ingest</Secret>" in created[0]
    [(user, changed)] = [(q, body) for _, path, q, body in server.asked if path == "/update-user"]
    assert user == {"access": "plateward-audit"}
    assert "<Secret>secret &lt;of&gt; audit</Secret>" in changed, (
        "one that is there gets its secret"
    )
    assert json.loads(server.asked[-2][3]) == bucket_policy("b")


@pytest.mark.parametrize("refuses", ["/create-user", "/update-user", "/b", f"/b/{PING}"])
def test_a_set_up_that_the_server_refuses_fails_without_a_secret(refuses: str) -> None:
    server = AServer(refuses)
    with pytest.raises(SetupFault, match="was refused with 403") as fault:
        set_up(server, "b", SECRETS)
    assert "secret" not in f"{fault.value} {server!r}"
