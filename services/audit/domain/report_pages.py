"""The report of an audit as a file: a page that a browser shows and prints, and that an export of the log verifies."""

import re
from dataclasses import dataclass
from html import unescape

import msgspec

from services.audit.domain.audit_reports import AuditReport, Section
from services.audit.domain.sealing import Unreadable
from shared.core.markup import Html, document, joined, table, tag

FORM = 1
"""The number of this form of report; a change of its text or its rules needs the next one."""

_MADE_BY = re.compile(r'<code id="report">(.*?)</code>')


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """From what a report is made, beside the log's entries: the page names it, so that it can be made again."""

    form: int = FORM
    department: str
    """As the policy calls it."""
    names: bool
    period_seq: int
    size: int
    """The number of entries of the log."""


@dataclass(frozen=True)
class ReportPage:
    """The page of a report."""

    asked: Asked
    report: AuditReport
    note: str
    """The signed checkpoint of `asked.size` entries."""

    @property
    def html(self) -> Html:
        """The whole page."""
        missing = self.report.missing
        state = "NOT COMPLETE" if missing else "COMPLETE"
        return document(
            self.report.title,
            tag("h1", self.report.title),
            tag("p", tag("span", state, class_="mark")),
            tag("ul", *(tag("li", one) for one in missing)) if missing else Html(""),
            *(_section(one) for one in self.report.sections),
            self._verification(),
        )

    def _verification(self) -> Html:
        return tag(
            "section",
            tag("h2", "How to verify it"),
            tag(
                "p",
                "This page proves nothing by itself. All in it, except the department's name, follows from the entries"
                " of the audit log. Get an export of the log from entry 0, and from another place than this page the"
                " public key of the log. Then, on a machine that needs no network:",
            ),
            tag("pre", "plateward verify-report REPORT.html EXPORT.ndjson --vkey KEY"),
            tag("p", "The checkpoint up to which the log was read, signed with its key:"),
            tag("pre", self.note),
            tag(
                "p",
                "Made from: ",
                tag("code", msgspec.json.encode(self.asked).decode(), id="report"),
            ),
        )


def asked_in(page: str) -> Asked:
    """Return from what a page was made. Raises: Unreadable if it is no report, or one of another form."""
    found = _MADE_BY.search(page)
    try:
        asked = msgspec.json.decode(unescape(found[1]) if found else "", type=Asked)
    except msgspec.MsgspecError:
        raise Unreadable("the file is no report of an audit, as the service made it") from None
    if asked.form != FORM:
        raise Unreadable(
            f"the report has form {asked.form}, this version makes form {FORM}: verify it with the version that made it"
        )
    return asked


def _section(section: Section) -> Html:
    facts = (joined([tag("dt", name), tag("dd", value)]) for name, value in section.facts)
    content: list[Html] = [tag("p", one) for one in section.paragraphs]
    if section.facts:
        content.append(tag("dl", *facts))
    if section.rows:
        content.append(table(section.columns, section.rows))
    elif section.columns:
        content.append(tag("p", "None."))
    return tag("section", tag("h2", section.heading), *content)
