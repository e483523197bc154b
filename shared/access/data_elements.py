"""The data elements that a request asks for: the access record stores them, and a purpose's scope limits them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.routing import APIRoute

from shared.core.fields import made_storable
from shared.core.ids import id_digest
from shared.core.plates import PlatePattern
from shared.limits.body_limit import MAX_BODY_BYTES as MOST_BYTES
from shared.limits.body_limit import whole_body

MAX_BODY_BYTES = 64 * 1024
"""Of a longer body the record stores only the short values at its top level, which name the data elements."""

MAX_TEXT = 500
MAX_VALUES = 20
MAX_NAMES = 200
_SECRET = ("password", "secret", "otp", "token", "totp", "security_key")
_UNRECORDED = {"after": "[the next page]", "sample": "[lines of a file]"}
"""What stands in the record in place of a page's cursor, which reveals a record's capture time, and of the sample of a
hot list, whose plates the request does not ask for. Neither names a data element."""

RECORDS = frozenset({"read_id", "read_ids", "capture_id", "capture_ids", "pass_id", "pass_ids"})
"""Recorded as digests of their ids, which begin with the moment of capture; a purge list names records so, too."""

_FIRST = ("plate", "plates", "captured_from", "captured_to", "device_ids", "area")
"""Always recorded, however many other names a body has (Civil Code 1798.90.52(a)(2))."""


@dataclass(frozen=True)
class Elements:
    """One request's elements."""

    recorded: dict[str, Any]
    """Path, query and JSON body for the access record, cut to size and without secrets."""

    asked: dict[str, Any]
    """The parameters and body fields that the route declares, uncut. Leaves out names that the route ignores: adding
    one must not satisfy a purpose's scope."""


async def elements_of(request: Request) -> Elements:
    """Return the elements of a request. Raises: TooLarge, Malformed."""
    recorded: dict[str, Any] = {
        _storable(name): _written(name, _storable(str(value)))
        for name, value in request.path_params.items()
    }
    asked = _declared(request)
    for name, texts in _query(request, first=asked):
        values = [_storable(text) for text in texts[:MAX_VALUES]]
        value = values[0] if len(values) == 1 else values
        recorded.setdefault(_storable(name), _written(name, value))
    if _is_json(request):
        body = await _body(request)
        parsed = _parsed(body)
        recorded["body"] = _recorded_value(body, parsed)
        if isinstance(parsed, dict):
            asked |= {name: parsed[name] for name in _names_of_body(request) if name in parsed}
    return Elements(recorded, asked)


def _query(request: Request, *, first: Collection[str]) -> list[tuple[str, list[str]]]:
    """Return the first names of the query with their values: those that the route declares before any others."""
    given: dict[str, list[str]] = {}
    # `getlist` would walk all of them for each name.
    for name, text in request.query_params.multi_items():
        given.setdefault(name, []).append(text)
    return sorted(given.items(), key=lambda one: one[0] not in first)[:MAX_NAMES]


def _declared(request: Request) -> dict[str, Any]:
    """Return the path and query parameters that the route declares, by FastAPI's rules."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return {}
    names = [field.alias for field in route.dependant.query_params]
    query = {name: request.query_params[name] for name in names if name in request.query_params}
    return {**query, **request.path_params}


def _names_of_body(request: Request) -> frozenset[str]:
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None:
        return frozenset()
    fields: dict[str, Any] = getattr(route.body_field.field_info.annotation, "model_fields", {})
    return frozenset(field.alias or name for name, field in fields.items())


def _is_json(request: Request) -> bool:
    """Whether FastAPI reads the body as JSON: application/json in any case, and +json."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    if message.get_content_maintype() != "application":
        return False
    return subtype == "json" or subtype.endswith("+json")


async def _body(request: Request) -> bytes:
    """Return the body, bounded here too: the middleware does not bound the bodies of upload routes.

    Raises: TooLarge, Malformed.
    """
    if not hasattr(request, "_body"):
        # Starlette's own cache, so that the route can read the body again.
        request._body = await whole_body(request, most_bytes=MOST_BYTES)
    return await request.body()


_MALFORMED = object()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return _MALFORMED


def _recorded_value(body: bytes, parsed: Any) -> Any:
    if parsed is _MALFORMED:
        return {"malformed": True, "size_bytes": len(body)}
    if len(body) <= MAX_BODY_BYTES:
        return _clean(parsed)
    top = parsed if isinstance(parsed, dict) else {}
    short = [name for name, value in top.items() if not isinstance(value, dict | list)]
    names = [*(name for name in _FIRST if name in top), *short[:MAX_VALUES]]
    cut = {"size_bytes": len(body), **_clean({name: top[name] for name in names})}
    if len(json.dumps(cut)) <= MAX_BODY_BYTES:
        return cut
    return {
        name: cut[name] for name in ("size_bytes", *_FIRST) if isinstance(cut.get(name), str | int)
    }


def _clean(value: Any, depth: int = 0) -> Any:
    if depth > 8:
        return "..."
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0] not in _FIRST)
        return {_storable(k): _written(k, _clean(v, depth + 1)) for k, v in items[:MAX_NAMES]}
    if isinstance(value, list):
        return [_clean(v, depth + 1) for v in value[:200]]
    if isinstance(value, str):
        return _storable(value)
    return value


def _storable(text: str) -> str:
    return made_storable(text, MAX_TEXT)


def _written(name: str, value: Any) -> Any:
    """Return an element as the access record stores it: plates in their normal form, without what it leaves out."""
    if any(word in name.lower() for word in _SECRET):
        return "[hidden]"
    if name in _UNRECORDED and value is not None:
        return _UNRECORDED[name]
    if name in RECORDS:
        return [_digest(one) for one in value] if isinstance(value, list) else _digest(value)
    if name == "plate" and isinstance(value, str):
        return _plate(value)
    if name == "plates" and isinstance(value, list):
        return [_plate(one) if isinstance(one, str) else one for one in value]
    return value


def _digest(value: Any) -> Any:
    """Return the digest of a record's id; returns what is no id unchanged."""
    try:
        return str(id_digest(UUID(value)))
    except (ValueError, AttributeError, TypeError):
        return value


def _plate(text: str) -> str:
    """Return a plate in its normal form; returns text that is not a plate unchanged."""
    try:
        return PlatePattern.parse(text).text
    except ValueError:
        return text
