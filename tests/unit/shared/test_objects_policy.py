"""The policy for a provider comes from the same table as compose's, and is within a server's limit."""

import json

import pytest

from shared.objects.rights import PING, RIGHTS, bucket_policy, user_of


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
release release/ get put
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
