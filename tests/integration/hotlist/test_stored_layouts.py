"""Layouts that a former version stored are read as before."""

from importlib import import_module

import pytest
from sqlalchemy import text

from tests.integration.hotlist.feeds import LAYOUT

MIGRATION = import_module("services.hotlist.migrations.versions.0016_delimiters_in_words")
WORDS = {",": "comma", ";": "semicolon", "|": "pipe", "\t": "tab"}


@pytest.mark.parametrize("character", WORDS)
async def test_a_delimiter_that_was_stored_as_a_character_is_named_by_its_word(
    hotlist, as_owner, character
):
    list_id = await hotlist.list("state")
    layout = {**LAYOUT, "delimiter": WORDS[character]}
    await hotlist.call("PUT", f"/v1/lists/{list_id}/layout", json=layout)
    stored = text("SELECT layout FROM lists WHERE layout IS NOT NULL")
    async with as_owner("hotlist") as connection:
        after = (await connection.execute(stored)).scalar_one()
        await connection.execute(text(MIGRATION.AS_CHARACTERS))
        before = (await connection.execute(stored)).scalar_one()
        await connection.execute(text(MIGRATION.IN_WORDS))
        assert (await connection.execute(stored)).scalar_one() == after
    assert before == {**after, "delimiter": character}
    found = await hotlist.call("GET", f"/v1/lists/{list_id}/layout")
    assert found["delimiter"] == WORDS[character]


async def test_a_layout_of_fixed_places_stays_as_it_is(hotlist, as_owner):
    list_id = await hotlist.list("state")
    columns = [
        {"field": "plate", "first": 1, "last": 8},
        {"field": "record_kind", "first": 9, "last": 10},
    ]
    layout = {key: value for key, value in LAYOUT.items() if key != "delimiter"}
    await hotlist.call("PUT", f"/v1/lists/{list_id}/layout", json={**layout, "columns": columns})
    async with as_owner("hotlist") as connection:
        await connection.execute(text(MIGRATION.IN_WORDS))
    found = await hotlist.call("GET", f"/v1/lists/{list_id}/layout")
    assert (found["delimiter"], len(found["columns"])) == (None, 2)
