"""A purpose to declare, and an officer who may declare it."""

import pytest


def a_purpose(**changes):
    said = {
        "kind": "stolen_or_wanted_vehicle",
        "offence_type": "vehicle theft",
        "case_number": "26-001234",
        "justification": "Owner reports a stolen sedan last seen near Solano Street",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


@pytest.fixture
async def officer(hire, train):
    person = await hire("o.seven", "officer")
    await train(person)
    return person
