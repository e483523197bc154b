"""Response models, a module for each resource."""
