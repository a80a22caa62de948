"""The part of the vendor's schema that the simulated shop answers (cut out by ``tests/support/shopify_schema.py``)."""

from __future__ import annotations

import functools
from pathlib import Path

from graphql import GraphQLSchema, build_schema

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")


@functools.cache
def load_schema() -> GraphQLSchema:
    """Build the schema once a process."""
    return build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
