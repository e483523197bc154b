"""Generates clients of every OpenAPI document with the three generators, and lints the documents.

The generators and the linter come from Maven Central and npm, pinned in `tools/`, and stay in `.clients` between runs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from deploy.kafka.java import jars, java
from deploy.openapi import FOLDER, ROOT, SERVICES
from local.stack.process import LocalError

TOOLS = Path(__file__).with_name("tools")
STORIES = Path(__file__).with_name("stories")
CACHE = ROOT / ".clients"
"""Cache of the tools between runs; never committed."""

TSCONFIG = """{"compilerOptions": {"module": "commonjs", "moduleResolution": "bundler", "target": "es2022",
"lib": ["es2023", "dom", "dom.iterable"], "strict": true, "skipLibCheck": true, "types": ["node"],
"typeRoots": [%s], "outDir": "js", "rootDir": "."}, "include": ["**/*.ts"]}"""


MADE = os.environ.get("CLIENTS_OF", "").split() or SERVICES
"""The services that clients are made of; CLIENTS_OF, of CI, names fewer."""


def documents() -> list[Path]:
    """Return the committed OpenAPI documents."""
    return [FOLDER / f"{service}.json" for service in SERVICES]


def ran(*command: str | Path) -> str:
    """Run a program; return what it wrote. Raises: AssertionError with that if it fails."""
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def node_tools(cache: Path = CACHE) -> Path:
    """Return the folder of the linter and the compiler; npm fetches them if they are missing. Raises: LocalError."""
    pinned = (TOOLS / "package-lock.json").read_bytes()
    folder = cache / f"node-{hashlib.sha256(pinned).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise LocalError("clients in TypeScript need Node.js 20 or later with npm: install it")
    unfinished = folder.with_suffix(f".{os.getpid()}")
    unfinished.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TOOLS / name, unfinished)
    ran(npm, "ci", "--ignore-scripts", "--prefix", unfinished)
    unfinished.rename(folder)
    return folder


def generate_with_openapi_python_client(folder: Path) -> None:
    """Make `small_<service>` of each document. Raises: AssertionError for a warning, which names what is missing."""
    tool = Path(sys.executable).with_name("openapi-python-client")

    def generate(service: str) -> None:
        config = folder / f"{service}.yml"
        config.write_text(f"package_name_override: small_{service}\npost_hooks: []\n")
        ran(
            tool, "generate", "--fail-on-warning", "--meta", "none", "--config", config,
            "--path", FOLDER / f"{service}.json", "--output-path", folder / f"small_{service}",
        )  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(generate, MADE))


def generate_with_openapi_generator(folder: Path, generator: str) -> None:
    """Make a client of each document below `folder/<service>`, in one run of Java."""
    [jar] = jars(CACHE, TOOLS / "pom.xml").glob("openapi-generator-cli-*.jar")
    configs = []
    for service in MADE:
        config = folder / f"{service}.yaml"
        wanted = {
            "generatorName": generator,
            "inputSpec": str(FOLDER / f"{service}.json"),
            "outputDir": str(folder / service),
            "additionalProperties": {"packageName": f"big_{service}"},
            "globalProperties": dict.fromkeys(
                ("apiTests", "modelTests", "apiDocs", "modelDocs"), "false"
            ),
        }
        config.write_text(yaml.safe_dump(wanted))
        configs.append(config)
    options = ("-XX:TieredStopAtLevel=1", "-jar", jar, "batch", "--fail-fast", "--threads", "2")
    ran(java(), *options, "--", *configs)


def compile_typescript(folder: Path) -> Path:
    """Compile the clients and the stories with strict types; return the folder of the programs."""
    for story in STORIES.glob("*.ts"):
        shutil.copy(story, folder)
    modules = node_tools() / "node_modules"
    (folder / "tsconfig.json").write_text(TSCONFIG % f'"{modules / "@types"}"')
    ran(modules / ".bin" / "tsc", "-p", folder)
    return folder / "js"


def lint(*documents: Path) -> str:
    """Lint documents with Spectral; return what it wrote. Raises: AssertionError for a warning."""
    spectral = node_tools() / "node_modules" / ".bin" / "spectral"
    return ran(spectral, "lint", "-F", "warn", "-r", TOOLS / "spectral.yaml", *documents)
