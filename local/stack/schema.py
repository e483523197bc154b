"""Creates the services' tables as their owner, before the services start; they never get the owner's address."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from local.stack.process import LocalError
from local.stack.servers import ROOT
from local.stack.services import environment_of
from shared.core.errors import AlprError
from shared.core.logs import named
from shared.postgres.schema import migrate_as
from shared.postgres.settings import DatabaseSettings

OWNER = "DATABASE_OWNER_URL"


async def make_tables(services: Sequence[str], environment: Mapping[str, str]) -> None:
    """Migrate the tables of `services`, if the environment names their owner.

    Raises: LocalError.
    """
    try:
        for service in services:
            await _make(service, environment_of(service, environment))
    except ValidationError as exc:
        faults = "; ".join(str(fault["msg"]) for fault in exc.errors(include_input=False))
        raise LocalError(faults.replace("Value error, ", "")) from None
    except AlprError as exc:
        raise LocalError(f"the tables cannot be made: {exc.detail}") from exc
    except DBAPIError as exc:
        raise LocalError(f"the tables cannot be made: {named(exc.orig or exc)}") from None


async def _make(service: str, environment: Mapping[str, str]) -> None:
    given = {name: environment.get(name.upper()) for name in DatabaseSettings.model_fields}
    settings = DatabaseSettings.model_validate({n: v for n, v in given.items() if v})
    owner, role = settings.database_owner_link(), settings.database_link().role
    if owner is None:
        return  # the user's own database: its role makes the tables itself, or they exist already
    await migrate_as(owner, service, ROOT / "services" / service / "migrations", role=role)
