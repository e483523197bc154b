"""What docs/operations tells an operator to type is there: commands with their options, settings, metrics, pages."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path

import click
import pytest
import yaml

from deploy.compose.make_env import NEEDED
from deploy.roles import ROOT
from local.stack.key_material import ROOT_FILE
from plateward.catalogue import COMMANDS, PLATEWARD, Catalogue
from services.registry import SPECS
from shared.service.command import Unfinished, migrate_command
from tests.contract.messages import absent, messages

FOLDER = ROOT / "docs" / "operations"
PAGES = sorted(FOLDER.glob("*.md"))
SCRIPTS = (ROOT / "deploy/compose/status.sh", ROOT / "deploy/k8s/status.sh")

OTHERS_READ = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "SSL_CERT_FILE",
    "COMPOSE_FILE",
}
"""Settings that a library or docker compose reads, and no class of ours."""

NO_SETTINGS = {"CREDENTIAL", "AUDIT_KEY", "ACLS", "REPLAY"}
"""Variables of a shell or of make that a page uses."""

ABRIDGED = " (allowed in prose)"
"""The end of a fault of a command's values, or of those that it lacks: prose names a command without them."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
METRIC = re.compile(r"\balpr_[a-z_]+\b")
ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\s+/([a-z]+)(/[.a-z][^`\s]*)")
ALERT = re.compile(r"^## ((?:[A-Z][a-z]+){2,}|Watchdog)$", re.MULTILINE)


def fences(page: str) -> list[str]:
    """Return the shell blocks of a page, each without the indent of its list."""
    return [block for kind, block in FENCE.findall(page) if kind == "sh"]


def spans(page: str) -> list[str]:
    """Return what a page's prose and tables quote as code, each on one line."""
    return [" ".join(text.split()) for text in SPAN.findall(FENCE.sub("", page))]


@dataclass(frozen=True)
class Typed:
    """One command of a shell block, as words."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return shlex.join(self.words)


def typed(block: str) -> Iterator[Typed]:
    """Yield the commands of a shell block: lines continued by a backslash are one; a pipe separates two."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
        lexer.whitespace_split = True
        words: list[str] = []
        to_file = False
        for word in [*lexer, ";"]:
            if word == ">":
                to_file = True
            elif set(word) <= set("|&;"):
                if words:
                    yield Typed(tuple(words))
                words = []
            elif to_file:
                to_file = False
            else:
                words.append(word)


@cache
def compose() -> Mapping[str, object]:
    """Return the services of docker-compose.yml."""
    text = (ROOT / "docker-compose.yml").read_text()
    found: dict[str, object] = yaml.load(text, yaml.CSafeLoader)["services"]
    return found


@cache
def in_cluster() -> frozenset[str]:
    """Return `kind/name`, in lower case, of what the files of deploy/k8s create."""
    found = set()
    for path in (ROOT / "deploy" / "k8s").rglob("*.yaml"):
        for one in path.read_text().split("---\n"):
            kind, name = (
                re.search(what, one, re.MULTILINE) for what in (r"^kind: (\w+)", r"^  name: (\S+)")
            )
            if kind and name:
                found.add(f"{kind[1].lower()}/{name[1]}")
    assert "deployment/identity" in found, "the walk is broken"
    return frozenset(found)


def fault_of(command: Typed) -> str | None:
    """Return what is wrong with a command, None if it could be typed."""
    words = list(command.words)
    match words:
        case ["exec", *rest]:
            return fault_of(Typed(tuple(rest)))
        case ["docker", "compose", "exec", *rest]:
            rest = rest[1:] if rest[0].startswith("-") else rest
            return _unless(rest[0] in compose(), f"no container {rest[0]}") or _inside(
                rest[0], rest[1:]
            )
        case ["docker", "compose", "run", "--rm", "dead-letters", *rest]:
            return _called("plateward", PLATEWARD, ["dead-letters", *rest])
        case ["docker", "compose", "run", "--rm", "--volume", _, name, *rest] | [
            "docker",
            "compose",
            "run",
            "--rm",
            "--no-deps",
            name,
            *rest,
        ]:
            return _unless(name in compose(), f"no container {name}") or _inside(name, rest)
        case ["docker", "compose", verb, *rest] if verb in {
            "up", "logs", "ps", "restart", "stop", "run"
        }:  # fmt: skip
            names = [word for word in rest if not word.startswith("-") and not word[0].isdigit()]
            return _first(_unless(name in compose(), f"no container {name}") for name in names)
        case ["kubectl", "exec", *rest]:
            target = next(word for word in rest if not word.startswith("-"))
            kind, _, name = target.partition("/")
            if not name:  # a pod of a store
                return None
            home = "cronjob" if (kind, name) == ("job", "operator") else kind
            known = _unless(f"{home}/{name}" in in_cluster(), f"the cluster has no {target}")
            return known or _inside(name, rest[rest.index("--") + 1 :])
        case ["kubectl", *rest]:
            return _kubectl(rest)
        case [".venv/bin/plateward", *rest] | ["plateward", *rest]:
            return _called("plateward", PLATEWARD, rest)
        case ["make", *rest]:
            return _make(rest)
        case ["python" | "python3", *_]:
            return _inside(None, words)
        case ["sh", script, *_] if not script.startswith("/"):
            return _unless((ROOT / script).exists(), f"no script {script}")
    return None


def _unless(holds: bool, fault: str) -> str | None:
    return None if holds else fault


def _first(faults: Iterator[str | None]) -> str | None:
    return next((fault for fault in faults if fault), None)


def _inside(container: str | None, words: list[str]) -> str | None:
    """Return what is wrong with a command in a container; None names the checkout."""
    match words:
        case ["sh", "-c", script, *_]:
            return _first(_inside(container, list(one.words)) for one in typed(script))
        case ["python", "-m", "plateward", *rest]:
            if container in SPECS and not _has(container, rest):
                return f"the image of {container} lacks `plateward {rest[0]}`"
            return _called("plateward", PLATEWARD, rest)
        case ["python", "-m", module, *rest]:
            return _of_module(module, rest)
        case ["python3", script, *_]:
            return _unless((ROOT / script).exists(), f"no script {script}")
    return None


def _has(service: str, rest: list[str]) -> bool:
    """Whether an image, which has one service, has a command of `plateward`."""
    entry = COMMANDS.get(rest[0])
    homes = entry.homes if entry else ()
    if rest[0] == "rotate-key":
        return rest[1] == service
    return any(home.startswith((f"services.{service}.", "plateward.")) for home in homes)


def _of_module(module: str, rest: list[str]) -> str | None:
    try:
        home = ROOT / Path(*module.split("."))
        path = next(p for p in (home.with_suffix(".py"), home / "__main__.py") if p.exists())
    except StopIteration:
        return f"no module {module}"
    if module.startswith("services."):
        name = module.split(".")[1]
        own: dict[str, click.Command] = {"migrate": migrate_command(SPECS[name])}
        if "COMMANDS" in path.read_text():
            own |= import_module(f"{module}.__main__").COMMANDS
        return _called(module, click.Group(commands=own), rest)
    texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
    said = [word for word in rest if word.startswith("--") or (word == rest[0] and word.islower())]
    return _first(_unless(word in texts, f"{module} does not know {word}") for word in said)


def _called(name: str, group: click.Command, words: list[str]) -> str | None:
    """Return why click refuses a command line; nothing of it runs."""
    if not isinstance(group, click.Group | Catalogue):
        return f"{name} has no commands"
    context = click.Context(group, info_name=name)
    try:
        _, command, rest = group.resolve_command(context, list(words))
        if isinstance(command, click.Group):
            return _called(str(command.name), command, rest)
        if command is not None:
            command.make_context(str(command.name), [word for word in rest if word != "$@"])
    except click.BadParameter as exc:
        if str(exc).endswith("does not exist."):  # a file that the reader has
            return None
        return f"{name}: {exc}{ABRIDGED}"
    except (click.ClickException, Unfinished) as exc:
        return f"{name}: {exc}"
    return None


KINDS = ("deployment", "job", "cronjob", "networkpolicy", "ingress", "podmonitor")


def _kubectl(words: list[str]) -> str | None:
    files = [
        words[at + 1] for at, word in enumerate(words) if word in {"--filename", "--kustomize"}
    ]
    for file in files:
        if not (ROOT / file).exists():
            return f"no file {file}"
    named = [word for word in words if "/" in word and word.split("/")[0] in KINDS]
    for at, word in enumerate(words):
        if word in KINDS:
            names = takewhile(lambda one: not one.startswith("-"), words[at + 1 :])
            named += [f"{word}/{name}" for name in names]
            named += [f"{word}/{words[-1]}"] if words[0] == "create" else []
            break
    named += [word.partition("=")[2] for word in words if word.startswith("--from=")]
    own = [name for name in named if not name.startswith("deployment/ingress-nginx")]
    made = {"job/operator": "cronjob/operator"}
    return _first(
        _unless(made.get(name, name) in in_cluster(), f"the cluster has no {name}") for name in own
    )


def _make(words: list[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, given, _ = word.partition("=")
        pattern = rf"\$[({{]?\$?{{?(if \$\()?{name}\b" if given else rf"^{re.escape(name)}:"
        if not re.search(pattern, makefile, re.MULTILINE):
            return f"the Makefile has no {name}"
    return None


def wrong_commands(page: str) -> list[str]:
    """Return the commands of a page that cannot be typed as they are written, each with its fault."""
    quoted = [
        Typed(tuple(shlex.split(text.replace("[", "").replace("]", ""))))
        for text in spans(page)
        if text.startswith(("plateward ", "make ", "docker compose ", "python -m "))
        and "'" not in text
    ]
    shown = [command for block in fences(page) for command in typed(block)]
    found = [f"{one.text}: {fault}" for one in shown if (fault := fault_of(one))]
    for one in quoted:
        fault = None if any("…" in word or "<" in word for word in one.words) else fault_of(one)
        if fault and not fault.endswith(ABRIDGED):
            found.append(f"{one.text}: {fault}")
    return found


@cache
def settings() -> frozenset[str]:
    """Return the names of all settings, and of the variables of compose's environment file."""
    own = {f.upper() for spec in SPECS.values() for f in spec.settings_class().model_fields}
    compose_file = (ROOT / "docker-compose.yml").read_text()
    return frozenset(own | {*NEEDED} | OTHERS_READ | NO_SETTINGS | {*SETTING.findall(compose_file)})


def seen(page: str) -> str:
    """Return the tables of a page that begin with what an operator sees."""
    return "\n".join(re.findall(r"^\| you see \|.*\n(?:\|.*\n)*", page, re.MULTILINE))


def unknown_settings(page: str) -> list[str]:
    """Return the names in a page that no service, library or file of ours reads."""
    texts = [*spans(page), *fences(page)]
    names = {name for text in texts for name in SETTING.findall(text)} - settings()
    # A command of ours reads it, if not a service.
    return sorted(name for name in names if not re.search(rf"\b{name}\b", messages()))


def unknown_metrics(page: str) -> list[str]:
    """Return the metrics in a page that no service exports."""
    known = {*METRIC.findall((ROOT / "docs" / "metrics.md").read_text())}
    return sorted({*METRIC.findall(page)} - known)


def unknown_routes(page: str) -> list[str]:
    """Return the routes in a page that no OpenAPI document has."""
    found = []
    for method, service, path in ROUTE.findall(" ".join(page.split())):
        if method.lower() not in routes(service).get(path, {}):
            found.append(f"{method} /{service}{path}")
    return found


@cache
def routes(service: str) -> Mapping[str, Mapping[str, object]]:
    """Return the paths of a service's OpenAPI document; none of an unknown service."""
    document = ROOT / "docs" / "openapi" / f"{service}.json"
    found: dict[str, dict[str, object]] = {}
    if document.exists():
        found = json.loads(document.read_text())["paths"]
    return found


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_anchors(path: Path, page: str) -> list[str]:
    """Return the links of a page whose file or heading is not there."""
    found = []
    for target in LINK.findall(page):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        there = path.parent / file if file else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            found.append(target)
    return found


def incomplete_alerts(page: str) -> list[str]:
    """Return the alerts of a page that do not say what they mean, where to look, what to do and when it is done."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    found = []
    for section in sections:
        name = section.partition("\n")[0]
        if ALERT.match(f"## {name}"):
            words = ("**Officers**", "**Look**", "**Mend", "**Mended when**", "```sh")
            found += [f"{name}: {word}" for word in words if word.lower() not in section.lower()]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_runbook_names_only_what_is_there(path):
    page = path.read_text()
    assert wrong_commands(page) == []
    assert unknown_settings(page) == []
    assert unknown_metrics(page) == []
    assert unknown_routes(page) == []
    assert broken_anchors(path, page) == []
    assert absent(seen(page)) == []
    assert incomplete_alerts(page) == []


def test_the_walk_over_the_runbooks_finds_commands_settings_and_alerts():
    pages = [path.read_text() for path in PAGES]
    commands = [one for page in pages for block in fences(page) for one in typed(block)]
    assert len(commands) > 120
    assert sum(one.words[0] == "kubectl" for one in commands) > 40
    assert sum(len(ALERT.findall(page)) for page in pages) > 30


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.parent.name)
def test_the_script_of_the_status_asks_every_service_of_its_installation(path):
    text = path.read_text()
    commands = list(typed(re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)))
    words = [word for one in commands for word in one.words]
    asked = {word.partition("=")[0] for word in words if "=http" in word}
    unreachable = {"recognition"} if path.parent.name == "k8s" else set()
    assert asked == {*SPECS} - unreachable
    assert [fault for one in commands if (fault := fault_of(one))] == []


def test_the_runbooks_are_in_their_index():
    index = (FOLDER / "README.md").read_text()
    assert [p.name for p in PAGES if p.name != "README.md" and f"({p.name})" not in index] == []


def test_every_kind_of_violation_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\nSet `NO_SUCH_SETTING`, watch `alpr_nothing_total`, `GET /identity/v1/nowhere`, [x](#gone).\n"
        "| you see | because |\n|---|---|\n| `the moon does not answer` | x |\n"
        "```sh\n"
        "plateward statuz\n"
        "docker compose exec identity python -m plateward rotate-key identity --fast\n"
        "docker compose exec ingest python -m plateward rotate-key identity\n"
        "docker compose exec identety python -m plateward status\n"
        "docker compose exec audit python -m services.audit exprot /tmp/log\n"
        "docker compose run --rm dead-letters --replay alpr.no.topic\n"
        "docker compose restart postgress\n"
        "kubectl exec deployment/identiti -- python -m plateward status\n"
        "kubectl rollout restart deployment/nobody\n"
        "kubectl apply --kustomize deploy/k8s/overlays/nowhere\n"
        "python -m shared.kafka.topics_admin ensure --with-acls\n"
        "make dead-leters | make dead-letters REPLY=alpr.hit.raised\n"
        "sh deploy/compose/statuss.sh\n"
        "```\n## BadAlert\n**Officers** nothing.\n"
    )
    text = page.read_text()
    [block] = fences(text)
    assert len(wrong_commands(text)) == len(list(typed(block))) == 14
    assert unknown_settings(text) == ["NO_SUCH_SETTING"]
    assert unknown_metrics(text) == ["alpr_nothing_total"]
    assert unknown_routes(text) == ["GET /identity/v1/nowhere"]
    assert broken_anchors(page, text) == ["#gone"]
    assert absent(seen(text)) == ["the moon does not answer"]
    assert incomplete_alerts(text) == [
        f"BadAlert: {word}" for word in ("**Look**", "**Mend", "**Mended when**", "```sh")
    ]


def test_a_command_that_can_be_typed_is_accepted():
    block = (
        "docker compose exec --no-TTY identity python -m plateward status --url identity=http://identity:8000\n"
        "kubectl exec deployment/audit -- python -m plateward verify-audit --own-key | grep FAULT\n"
        "make kafka ACLS=1 && python -m shared.core.offline_root make-root "
        f"{ROOT_FILE}\n"
    )
    assert [fault_of(one) for one in typed(block)] == [None] * 5
