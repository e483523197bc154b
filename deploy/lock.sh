#!/bin/sh
# Writes the hashed requirement files anew: dev.txt for a checkout, one for each image, and
# build.txt for what builds the name-only distribution of ADR-0001. Run it after pyproject.toml
# changes; UPGRADE=--upgrade takes newer versions too.
set -eu
cd "$(dirname "$0")/.."

compile() {
    uv pip compile "$@" --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
        --override requirements/overrides.txt ${UPGRADE:-}
}

compile pyproject.toml --all-extras --output-file requirements/dev.txt
UPGRADE=
for service in identity ingest recognition hotlist retention release audit; do
    compile pyproject.toml --extra "$service" --constraint requirements/dev.txt \
        --output-file "requirements/$service.txt"
done
echo "hatchling" | compile - --constraint requirements/dev.txt --output-file requirements/build.txt
