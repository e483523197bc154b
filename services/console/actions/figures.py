"""The counted figures: those for anyone, and the exact ones for auditors (policy 468.2)."""

from typing import Any

from services.console.actions.person_client import PersonClient
from services.console.actions.services import Services, successful

PUBLIC = "/v1/figures"


async def read_figures(services: Services) -> Any:
    """Return the public figures. Raises: Refused."""
    return await services.request_json("audit", "GET", PUBLIC)


async def read_figures_file(services: Services) -> tuple[bytes, str]:
    """Return the public figures as audit sends them, and their entity tag. Raises: Refused."""
    answer = successful(await services.request("audit", "GET", PUBLIC))
    return answer.content, answer.headers.get("ETag", "")


async def read_exact_figures(client: PersonClient) -> Any:
    """Return all that was counted. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("audit", "GET", "/v1/figures/exact")
