"""Every operation of every OpenAPI document is in the clients of each generator, and the linter has no warning."""

import json
import re

import pytest

from deploy.openapi import FOLDER, SERVICES
from tests.contract.fit import operations
from tests.e2e.clients.generating import documents, lint

pytestmark = pytest.mark.clients


def ids(service):
    found = [name for name, _ in operations(json.loads((FOLDER / f"{service}.json").read_text()))]
    assert found
    return found


def test_the_documents_pass_the_linter_without_a_warning():
    assert "No results" in lint(*documents())


def test_the_linter_finds_a_fault(tmp_path):
    document = json.loads((FOLDER / "release.json").read_text())
    document["paths"]["/v1/documents"]["post"]["tags"] = ["undeclared"]
    (tmp_path / "release.json").write_text(json.dumps(document))
    with pytest.raises(AssertionError, match="operation-tag-defined"):
        lint(tmp_path / "release.json")


@pytest.mark.parametrize("service", SERVICES)
def test_openapi_python_client_makes_every_operation(small, service):
    made = {path.stem for path in (small / f"small_{service}" / "api").glob("*/*.py")}
    assert set(ids(service)) <= made


@pytest.mark.parametrize("service", SERVICES)
def test_openapi_generator_makes_every_operation_in_python(big, service):
    text = "".join(path.read_text() for path in big.glob(f"{service}/big_{service}/api/*_api.py"))
    assert set(ids(service)) <= set(re.findall(r"    def (\w+)\(", text))


@pytest.mark.parametrize("service", SERVICES)
def test_openapi_generator_makes_every_operation_in_typescript(typescript, service):
    text = "".join(path.read_text() for path in (typescript / service).glob("apis/*Api.ts"))
    wanted = {re.sub(r"_(\w)", lambda found: found[1].upper(), name) for name in ids(service)}
    assert wanted <= set(re.findall(r"    async (\w+)\(", text))
