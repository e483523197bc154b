"""HTTP for every service: the app, problem documents, OpenAPI, request and answer models."""
