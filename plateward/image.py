"""What only an image has: one service, named by SERVICE."""

import os
from importlib import import_module

from shared.service.command import Answer, Unfinished, command, serve_if_built
from shared.service.spec import ServiceSpec


def own_spec() -> ServiceSpec:
    """Return the declaration of the service that this image holds.

    Raises: Unfinished without SERVICE; TypeError for another object.
    """
    name = os.environ.get("SERVICE")
    if name is None:
        raise Unfinished("SERVICE names the service to run; an image sets it")
    try:
        spec = import_module(f"services.{name}.spec").SPEC
    except ModuleNotFoundError:
        raise Unfinished(f"SERVICE={name}: no such service in this image") from None
    if not isinstance(spec, ServiceSpec):
        message = f"services.{name}.spec.SPEC is a ServiceSpec"
        raise TypeError(message)
    return spec


@command("serve")
def serve_command() -> Answer:
    """Run the service of this image until a signal stops it; its settings come from the environment."""
    serve_if_built(own_spec())
    return Answer("", {})
