"""Every service, by what it declares of itself.

An image holds one service alone, without this module: a service finds its own declaration beside it.
"""

from collections.abc import Mapping
from importlib import import_module

from shared.service.spec import Kind, ServiceSpec

NAMES = (
    "identity",
    "ingest",
    "hotlist",
    "retention",
    "release",
    "audit",
    "recognition",
    "console",
)
"""The folders beside this module, in the order in which the services start."""


def _spec_of(name: str) -> ServiceSpec:
    spec = import_module(f"services.{name}.spec").SPEC
    if not (isinstance(spec, ServiceSpec) and spec.name == name):
        message = f"services.{name}.spec.SPEC is the ServiceSpec of {name}"
        raise TypeError(message)
    return spec


SPECS: Mapping[str, ServiceSpec] = {name: _spec_of(name) for name in NAMES}


def names(*kinds: Kind) -> tuple[str, ...]:
    """Return the names of the services of these kinds, in the order in which they start."""
    return tuple(name for name, spec in SPECS.items() if spec.kind in kinds)
