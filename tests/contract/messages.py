"""What a page quotes and the code has not: codes of problems, and messages."""

import ast
import re
from functools import cache

from deploy.roles import ROOT
from services.registry import SPECS
from shared.core.problem_codes import Common

FOLDERS = ("services", "shared", "local", "plateward", "deploy", "tests/browser")
VALUE = "…"
_ROW = re.compile(r"^\| (?!you see)(.+?) \| ", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")
_PARAMETER = re.compile(r"\{[^{}]*\}")


def quoted(page: str) -> list[str]:
    """Return what the first columns of a page's tables quote."""
    return [text for cell in _ROW.findall(page) for text in _QUOTED.findall(cell)]


@cache
def codes() -> frozenset[str]:
    own = [spec.problem_codes for spec in SPECS.values() if spec.problem_codes]
    return frozenset(one.code for many in (*own, Common) for one in many)


@cache
def messages() -> str:
    """Return all texts of the code, each value of a text as `…`; those of a shell script as they are."""
    found = [(ROOT / "requirements" / "install.sh").read_text()]
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    str(one.value) if isinstance(one, ast.Constant) else VALUE
                    for one in node.values
                ]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(_PARAMETER.sub(VALUE, node.value))
    return "\0".join(text.replace("`", VALUE) for text in found)


def absent(page: str) -> list[str]:
    """Return what a page quotes and the code has not."""
    return [text for text in quoted(page) if not _is_there(text)]


def _is_there(text: str) -> bool:
    if re.fullmatch(r"[a-z]+(_[a-z]+)+", text):
        return text in codes() or f'"{text}"' in fields()
    pattern = r"[^\0]*".join(re.escape(part) for part in text.strip().split(VALUE))
    return re.search(pattern, messages()) is not None


@cache
def fields() -> str:
    """Return the OpenAPI documents, which have the names of the answers' fields."""
    return "".join(path.read_text() for path in (ROOT / "docs" / "openapi").glob("*.json"))
