"""Alerting rules, their tests and dashboards; `python -m deploy.observability` writes what derives from them."""
