"""Setting of how long a process waits at its start for slow stores."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PatienceSettings(BaseSettings):
    """Settings of processes that wait for a store at their start."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    start_patience_s: Annotated[float, Field(ge=0)] = 120
    """How long a service or its migration waits at its start for each store (Postgres, Kafka) that does not answer."""
