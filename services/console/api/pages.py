"""Renders pages from templates with their common values. All values are escaped."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import msgspec
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape
from msgspec.structs import replace

from services.console.actions.errors import Refused
from services.console.actions.sessions import Purpose, Session
from services.console.api.browser import SESSION, jar_of
from services.console.api.forms import TOKEN, form_token
from services.console.api.visit import Visit
from services.console.domain.navigation import links_for
from services.console.domain.rights import usable
from services.console.service import ConsoleService
from shared.core.vehicles import COLOURS, MAKES
from shared.service.running import service_of

FOLDER = Path(__file__).parents[1]


def page(
    request: Request,
    template: str,
    visit: Visit | None = None,
    status: int = HTTPStatus.OK,
    *,
    problem: Refused | None = None,
    **values: Any,
) -> HTMLResponse:
    """Render a page; `visit` is the signed-in person's, None without one."""
    session: Session | None = visit.session if visit else None
    why_untrained = visit.why_untrained if visit else ""
    if session is not None:  # what a page offers, it offers to people who can use it now
        now = service_of(request.app, ConsoleService).clock.now()
        can = usable(session.permissions, session.trained_until, now)
        session = replace(session, permissions=can)
    purpose: Purpose | None = visit.purpose if visit else None
    console = service_of(request.app, ConsoleService)
    text = TEMPLATES.get_template(template).render(
        **page_values(request, session),
        purpose=purpose,
        why_untrained=why_untrained,
        links=links_for(session.permissions) if session else [],
        idle_s=int(console.sessions.idle.total_seconds()),
        is_use=bool(jar_of(request).changed.get(SESSION)),
        problem=problem,
        **values,
    )
    return HTMLResponse(text, status)


def page_values(request: Request, session: Session | None) -> dict[str, Any]:
    """Return the values that a page and its fragments have in common."""
    return {
        "base": request.scope.get("root_path", ""),
        "policy": service_of(request.app, ConsoleService).policy,
        "session": session,
        "form_field": TOKEN,
        "form_token": form_token(request),
    }


def waiting_page(
    request: Request,
    visit: Visit,
    title: str,
    back: str,
    rows: Sequence[tuple[str, int, str | None]],
    permission: str,
) -> HTMLResponse:
    """Render the list of waiting items that a person sees without a purpose: name, count and oldest of each row.

    `back` is the page with the details, for after declaring a purpose that opens `permission`.
    """
    now, declare = (
        service_of(request.app, ConsoleService).clock.now(),
        purpose_path(back, permission),
    )
    return page(request, "waiting.html", visit, heading=title, declare=declare, rows=rows, now=now)


def picture_page(
    request: Request,
    visit: Visit,
    *,
    plate: str,
    record: Mapping[str, Any],
    src: str,
    back: str,
    back_name: str,
) -> HTMLResponse:
    """Render the whole picture of a hit or a read, with a box around its plate where the record has one."""
    return page(
        request,
        "picture.html",
        visit,
        plate=plate,
        captured_at=record["captured_at"],
        device_name=record["device_name"],
        box=record["box"],
        src=src,
        back=back,
        back_name=back_name,
    )


def purpose_path(back: str, permission: str) -> str:
    """Return the URL to declare a purpose that opens `permission`, any purpose if "", and then continue at `back`."""
    return f"/purpose?{urlencode({'back': back} | ({'opens': permission} if permission else {}))}"


def fragment(template: str, **values: Any) -> str:
    """Render a part of a page, for a page that is already open."""
    return TEMPLATES.get_template(template).render(**values)


def words(name: str) -> str:
    """Write `stolen_vehicle` as words."""
    return name.replace("_", " ")


def role_name(role: str) -> str:
    """Write a role as a label: "Training sergeant", "ALPR administrator"."""
    return words(role).capitalize().replace("Alpr", "ALPR")


def moment(at: str | datetime) -> Markup:
    """Render a time to the second in UTC, as in the access records; the page's script adds local time."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    utc = known.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M:%S}"
    )


def span(seconds: int) -> str:
    """Return a duration in its two largest units."""
    for size, unit, smaller, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // smaller} {part}"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def age(at: str | datetime, now: datetime) -> str:
    """Return an age in its two largest units."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return span(max(0, int((now - known).total_seconds())))


def indented(value: Any) -> str:
    """Return JSON, indented for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_json(value: msgspec.Struct) -> str:
    """Return JSON, for the script of a page."""
    return msgspec.json.encode(value).decode()


def measure(value: float) -> str:
    """Return a measure without digits that say nothing: 300.0 as 300."""
    return f"{value:,.10g}"


def percent(share: float) -> str:
    """Return a confidence in whole percent, rounded down, so that uncertainty never reads 100%."""
    return f"{math.floor(round(share * 100, 6))}%"


def risk(share: float) -> str:
    """Return a risk in whole percent, rounded up, so that a risk never reads 0%."""
    return f"{math.ceil(round(share * 100, 6))}%"


def vehicle(seen: Mapping[str, Any]) -> str:
    """Describe a vehicle as its camera did: "white Ford Transit, receding, lane 2, 48 km/h"."""
    what = " ".join(filter(None, (seen.get(name) for name in ("colour", "make", "model"))))
    lane, speed = seen.get("lane"), seen.get("speed_kmh")
    facts = (
        what,
        seen.get("direction"),
        None if lane is None else f"lane {lane}",
        None if speed is None else f"{speed:.0f} km/h",
    )
    return ", ".join(filter(None, facts))


def marked(text: str | None, differences: list[dict[str, Any]]) -> Markup:
    """Render a plate with the positions marked at which reading and listing differ."""
    if text is None:
        return Markup("<em>no longer kept</em>")
    at = {difference["position"] for difference in differences}
    return Markup("").join(
        Markup("<mark>{}</mark>").format(character) if number in at else escape(character)
        for number, character in enumerate(text)
    )


def with_focus(content: Markup) -> Markup:
    """Give a page's fault the focus, so that it is in view, unless the control that is at fault has it."""
    if '" autofocus' in content:
        return content
    fault = Markup('<div class="fault" role="alert"')
    return content.replace(fault, fault + Markup(' tabindex="-1" autofocus'), 1)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        words=words,
        moment=moment,
        span=span,
        age=age,
        indented=indented,
        json=as_json,
        percent=percent,
        measure=measure,
        with_focus=with_focus,
        risk=risk,
        role_name=role_name,
        vehicle=vehicle,
        marked=marked,
    )
    environment.globals.update(known_colours=tuple(COLOURS), known_makes=MAKES)
    return environment


TEMPLATES = _environment()
