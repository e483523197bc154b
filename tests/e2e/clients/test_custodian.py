"""A custodian proposes a purge, a second person authorises it, a third executes it, and it is certified."""

import pytest

from tests.e2e.clients.python import refusal, until

pytestmark = pytest.mark.clients


def custodian(service, *, custodian, administrator, lieutenant):
    proposer, second, third = (
        service("retention", token) for token in (custodian, administrator, lieutenant)
    )
    reason = "Records past the schedule, as every month"
    run = proposer.propose_purge_run(proposer.model("ProposalIn", kind="single", reason=reason))
    note = second.model("NoteIn", note="Compared with the adopted schedule")
    by_proposer = refusal(proposer.authorise_purge_run, run.run_id, note)
    authorised = second.authorise_purge_run(run.run_id, note)
    by_authoriser = refusal(second.execute_purge_run, run.run_id)
    executing = third.execute_purge_run(run.run_id)
    certified = until(
        lambda: proposer.get_purge_run(run.run_id), lambda now: now.state == "certified"
    )
    certificate = proposer.get_purge_certificate(run.run_id)
    return {
        "run_id": str(run.run_id),
        "states": [run.state, authorised.state, executing.state, certified.state],
        "authorised_by_proposer": by_proposer,
        "executed_by_authoriser": by_authoriser,
        "reads": certified.reads,
        "certificate": {
            "run_id": certificate.run_id,
            "key_id": certificate.signature.key_id,
        },
        "key_id": service("retention").get_signing_key().key_id,
    }


async def test_three_people_purge_and_the_run_is_certified(run, tokens):
    answers = run(
        custodian,
        **{who: tokens[who] for who in ("custodian", "administrator", "lieutenant")},
    )
    run_id, key_id = answers.pop("run_id"), answers.pop("key_id")
    assert answers == {
        "states": ["proposed", "authorised", "executing", "certified"],
        "authorised_by_proposer": {"status": 403, "code": "permission_missing"},
        "executed_by_authoriser": {"status": 409, "code": "purge_needs_third_person"},
        "reads": 0,
        "certificate": {"run_id": run_id, "key_id": key_id},
    }
