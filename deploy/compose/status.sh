#!/bin/sh
# The state of all services under docker compose; run it in the folder of docker-compose.yml.
exec docker compose exec --no-TTY identity python -m plateward status \
    --url identity=http://identity:8000 --url ingest=http://ingest:8000 --url recognition=http://recognition:8000 \
    --url hotlist=http://hotlist:8000 --url retention=http://retention:8000 --url release=http://release:8000 \
    --url audit=http://audit:8000 --url console=http://console:8000 "$@"
