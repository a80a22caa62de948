"""A simulated Shopify shop's server, which tells its requests apart: all of them are POSTs to one address."""

from __future__ import annotations

from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer


class OperationServer(SimServer):
    """Names each request by what its operation is, so that reads and writes can be troubled and counted apart."""

    def dispatch(self, request: SimRequest, target: str) -> tuple[SimResponse | None, Fault | None]:
        if request.path.endswith("/graphql.json"):
            target += f"?{kind_of(request)}"
        return super().dispatch(request, target)


def kind_of(request: SimRequest) -> str:
    """An export is a mutation by its form, and changes nothing."""
    changes = b'"mutation ' in request.body[:40] and b"bulkOperationRunQuery" not in request.body[:120]
    return "mutation" if changes else "query"
