"""A stand-in for the ingress controller: a Caddy whose Caddyfile is made from the overlay's Ingress objects."""

from collections.abc import Sequence
from typing import Any

from tests.cluster.department import STORES_LABEL

NAMESPACE = "ingress-nginx"
NAME = "ingress-nginx"
"""The label by which `allow-from-ingress` of the overlay knows the controller."""

PORT, NODE_PORT = 8443, 30443
WAITS_S = 30
"""For a pod that accepts the connection; on a busy machine no pod of a service may be ready for a while."""

IDLE_S = 3
"""How long an idle connection is used again: less than the 5 s for which a stopping pod goes on.

It reaches pods by their Service's address, and does not see which of them stops, as the controller itself does.
"""

ANNOTATION = "nginx.ingress.kubernetes.io/"


def caddyfile(ingresses: Sequence[dict[str, Any]]) -> str:
    """Return the Caddyfile of Ingress objects: a site for each rule, a matcher for each path."""
    sites = []
    for ingress in ingresses:
        noted = ingress["metadata"].get("annotations", {})
        size = noted.get(f"{ANNOTATION}proxy-body-size", "1m").upper() + "B"
        where = ingress["metadata"]["namespace"]
        for rule in ingress["spec"]["rules"]:
            paths = enumerate(rule["http"]["paths"])
            handled = "".join(_handled(number, path, where) for number, path in paths)
            sites.append(
                f"https://{rule['host']}:{PORT} {{\n\ttls /tls/tls.crt /tls/tls.key\n"
                f"\trequest_body {{\n\t\tmax_size {size}\n\t}}\n{handled}\trespond 404\n}}\n"
            )
    return "{\n\tadmin off\n\tauto_https off\n}\n" + "".join(sites)


def _handled(number: int, path: dict[str, Any], namespace: str) -> str:
    service = path["backend"]["service"]["name"]
    wanted = path["path"]
    prefix = "*" if wanted == "/" else f"{wanted} {wanted}/*"
    matched = wanted if path["pathType"] == "Exact" else prefix
    return (
        f"\t@{number} path {matched}\n\thandle @{number} {{\n"
        f"\t\treverse_proxy {service}.{namespace}.svc.cluster.local:8000 {{\n"
        f"\t\t\tflush_interval -1\n\t\t\tlb_try_duration {WAITS_S}s\n"
        f"\t\t\ttransport http {{\n\t\t\t\tkeepalive {IDLE_S}s\n\t\t\t}}\n\t\t}}\n\t}}\n"
    )


def objects(ingresses: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the controller's objects; its Secret `tls` and the Namespace are the caller's."""
    labels = {"app.kubernetes.io/name": NAME}
    container = {
        "name": "caddy",
        "image": "caddy:2",
        "resources": {"requests": {"cpu": "250m", "memory": "128Mi"}},
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/caddy"},
            {"name": "tls", "mountPath": "/tls"},
        ],
    }
    pod = {
        "nodeSelector": {STORES_LABEL: "yes"},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": [
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "tls", "secret": {"secretName": "tls"}},
        ],
    }
    named = {"name": NAME, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": NAMESPACE},
            "data": {"Caddyfile": caddyfile(ingresses)},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": named,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named,
            "spec": {
                "type": "NodePort",
                "selector": labels,
                "ports": [{"port": 443, "targetPort": PORT, "nodePort": NODE_PORT}],
            },
        },
    ]
