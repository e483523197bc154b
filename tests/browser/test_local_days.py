"""Days in forms, in the zone of the browser."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.browser.console import WIDE, Console

pytestmark = pytest.mark.browser


async def test_the_day_of_a_course_is_today_where_the_sergeant_sits_and_not_in_utc(
    browser, stack, town
):
    today = datetime.now(UTC).replace(hour=0, minute=30)
    context = await browser.new_context(viewport=WIDE, timezone_id="America/Los_Angeles")
    async with Console(context, stack.urls["console"]) as console:
        page = await console.sign_in(town.people["training_sergeant"])
        await page.clock.set_fixed_time(today)
        await page.goto(f"{console.address}/training")
        day = page.get_by_label("Completed on")
        assert await day.get_attribute("max") == f"{today:%Y-%m-%d}"
        assert await day.input_value() == f"{today - timedelta(days=1):%Y-%m-%d}"
