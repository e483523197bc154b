"""What docker says of a project, as the test of compose reads it."""

import json

import pytest

from tests.containers.project import Container, exit_text, parsed, reaches_outside

ROW = {
    "Service": "ingest",
    "Name": "p-ingest-1",
    "State": "running",
    "Health": "healthy",
    "ExitCode": 0,
}


def test_containers_are_read_from_lines_and_from_one_list() -> None:
    expected = [Container("ingest", "p-ingest-1", "running", "healthy", 0)] * 2
    assert parsed("\n".join([json.dumps(ROW)] * 2)) == expected
    assert parsed(json.dumps([ROW, ROW])) == expected


@pytest.mark.parametrize(
    ("changed", "well"),
    [
        ({}, True),
        ({"Health": "starting"}, False),
        ({"State": "exited", "Health": ""}, False),
        ({"Service": "keys", "State": "exited", "Health": ""}, True),
        ({"Service": "audit-tables", "State": "exited", "ExitCode": 1}, False),
        ({"Service": "topics"}, False),
    ],
)
def test_a_container_is_well_if_it_is_healthy_or_ended_as_it_should(
    changed: dict[str, object], well: bool
) -> None:
    [container] = parsed(json.dumps(ROW | changed))
    assert container.well is well


def test_a_default_route_leads_outside() -> None:
    head = "Iface\tDestination\tGateway \tFlags\n"
    within = "eth0\t000012AC\t00000000\t0001\n"
    assert reaches_outside(f"{head}eth1\t00000000\t010013AC\t0003\n{within}")
    assert not reaches_outside(head + within)


def test_an_exit_by_a_signal_is_named() -> None:
    assert [exit_text(code) for code in (0, 1, 137, 143)] == ["0", "1", "SIGKILL", "SIGTERM"]
