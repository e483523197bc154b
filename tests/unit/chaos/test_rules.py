"""Which alerts a run must have seen, and how the rules' waits are shortened."""

import pytest

from tests.chaos.faults import recovered_s
from tests.chaos.plan import ALL_BROKERS, CAMERAS, Fault, What, plan
from tests.chaos.rules import Alert, expected, missing, rules, seconds, shortened, waits_s


def test_only_the_waits_of_the_rules_change():
    for group, same in zip(rules()["groups"], shortened()["groups"], strict=True):
        for rule, quick in zip(group["rules"], same["rules"], strict=True):
            wait, short = rule.get("for"), quick.get("for")
            assert {**rule, "for": short} == {**quick, "for": short}
            assert short == (wait and f"{round(seconds(wait) * 1000 / 24)}ms")
    assert waits_s("ServiceDown") == 5


@pytest.mark.parametrize(
    ("fault", "alert"),
    [
        (Fault(What.STOP, "retention", 5, 12), Alert("ServiceDown", "retention")),
        (Fault(What.STOP, "postgres", 5, 12), Alert("PostgresDown")),
        (Fault(What.SILENT, "postgres", 5, 12), Alert("PostgresDown")),
        (Fault(What.CUT, ALL_BROKERS, 5, 12), Alert("KafkaDown")),
        (Fault(What.FULL, "ingest", 5, 12), Alert("ObjectStoreDown", "ingest")),
        (Fault(What.CLOCK, "hotlist", 5, 12, 200), Alert("AuditLogBehind", "hotlist")),
    ],
)
def test_a_fault_that_lasts_must_raise_its_alert(fault, alert):
    assert expected([fault], 0) == {Alert("Watchdog"), alert}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(What.STOP, "retention", 5, 6),
        Fault(What.KILL, "retention", 5, 0),
        Fault(What.CUT, "broker-1", 5, 18),
        Fault(What.CUT, CAMERAS, 5, 18),
        Fault(What.CLOCK, "hotlist", 5, 12, -200),
        Fault(What.CLOCK, "audit", 5, 12, 200),
        Fault(What.STOP, "broker-2", 5, 18),
    ],
)
def test_other_faults_must_raise_none(fault):
    assert expected([fault], 0) == {Alert("Watchdog")}


def test_a_dead_letter_must_raise_its_alert():
    assert Alert("DeadLetters") in expected([], 1)


def test_every_expected_alert_is_one_of_the_rules():
    named = {rule["alert"] for group in rules()["groups"] for rule in group["rules"]}
    alerts = {alert.name for seed in range(10) for alert in expected(plan(seed, 3600), 1)}
    assert {"KafkaDown", "PostgresDown", "ServiceDown", "AuditLogBehind"} <= alerts <= named


def test_an_alert_counts_only_for_the_part_that_it_names():
    fired = [{"alertname": "ServiceDown", "app": "hotlist"}, {"alertname": "Watchdog"}]
    must = {Alert("Watchdog"), Alert("ServiceDown", "hotlist"), Alert("ServiceDown", "audit")}
    assert missing(must, fired) == [Alert("ServiceDown", "audit")]


def test_a_fault_has_recovered_at_the_first_look_at_which_all_was_well_after_it():
    seen = [(1.0, True), (6.0, False), (9.5, True), (12.0, True), (20.0, False)]
    faults = [
        Fault(What.STOP, "audit", 2, 5),
        Fault(What.KILL, "audit", 12, 0),
        Fault(What.KILL, "audit", 13, 0),
    ]
    assert recovered_s(faults, seen) == [2.5, 0.0, None]
