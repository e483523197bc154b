#!/bin/sh
# The state of all services in the cluster, in the namespace of the current context. Only the console reaches the
# other services, and nothing reaches recognition, which reports on itself.
kubectl exec deployment/console -- python -m plateward status \
    --url identity=http://identity:8000 --url ingest=http://ingest:8000 --url hotlist=http://hotlist:8000 \
    --url retention=http://retention:8000 --url release=http://release:8000 --url audit=http://audit:8000 \
    --url console=http://127.0.0.1:8000 "$@"
others=$?
kubectl exec deployment/recognition -- python -m plateward status "$@" && exit $others
