"""A list learns to read its source's file: the layout is tried on a file, mended, stored, and reads an upload."""

from uuid import uuid4

import pytest

from tests.browser.console import declare, fill, follow, press, see

pytestmark = pytest.mark.browser

EXTRACT = (
    b"7ABC123   CASV20260601TOYT\r\n8XYZ999   NVLP20260415FORD\r\n9QRS456   ORSV20260501HOND\r\n"
)


async def test_a_layout_is_tried_mended_stored_and_reads_the_next_file(console_of):
    console = await console_of("investigator")
    console.complaints.found.clear()
    page = await console.context.new_page()
    await console.open(page, "/hotlists/new")
    await fill(page, name=f"SVS {uuid4()}", source="state")
    await press(page, "Make the list")
    if console.path_of(page) == "/purpose":
        await declare(page)
    await follow(page, "layout")
    if await page.get_by_role("link", name="declare a purpose").count():
        here = console.path_of(page)
        await follow(page, "declare a purpose")
        await declare(page)
        assert console.path_of(page) == here
    file = {"name": "svs.dat", "mimeType": "application/octet-stream", "buffer": EXTRACT}
    await fill(page, encoding="latin-1", dates="YYYYMMDD", zone="America/Los_Angeles")
    await fill(page, place_plate="1-10", place_state="11-12", place_record_kind="13-14")
    await fill(page, place_valid_from="15-22", place_make="23-26", place_reason='"SVS"')
    await fill(page, kinds="SV = stolen_vehicle", texts="make: HOND = Honda")
    await page.get_by_label("A file of the source").set_input_files(file)
    await press(page, "Try it")
    await see(page, "Read: 2 entries; set aside: 1 line")
    await see(page, "Honda")
    await fill(page, kinds="SV = stolen_vehicle\nLP = lost_plate, left out")
    await page.get_by_label("A file of the source").set_input_files(file)
    await press(page, "Try it")
    await see(page, "Read: 2 entries; set aside: 0 lines; left out as lost plate: 1")
    await press(page, "Read each file by this layout")
    await see(page, "as the source writes them, read by the list's layout")
    await follow(page, "Upload a file")
    await page.get_by_label("File", exact=True).set_input_files(file)
    await press(page, "Upload")
    await see(page, "Entries")
    assert "2" in await page.get_by_role("definition").nth(1).inner_text()
    await page.close()
    assert console.complaints.found == []
