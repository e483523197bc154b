"""Corrections of reads as tests make them."""

from tests.integration.retention.exporting import send

REASON = "the picture shows an 8"


async def correct(
    retention, read, plate="7A8C123", status=200, *permissions, key=None, headers=None, **body
):
    """Correct a read; return the answer."""
    path = f"/v1/reads/{read.read_id}/correction"
    given = {"plate": plate, "reason": REASON, **body}
    return await send(retention, path, given, status, *permissions, key=key, headers=headers)
