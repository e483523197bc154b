"""Settings of the limits on refused requests."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RefusalSettings(BaseSettings):
    """Settings of services that refuse requests and record the refusals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    refusals_burst: Annotated[int, Field(ge=1)] = 100
    refusals_per_minute: Annotated[float, Field(gt=0)] = 20
    """Unauthenticated requests of one address (of IPv6: its /64) that are refused and recorded one by one: at
    once, and then each minute. Further ones get 429 and are recorded as a sum (ADR-0015)."""
