"""Valid JSON that is not the answer of our till or shop: refused, and never read as "nothing there" or "less there"."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from syncd.core.model import ListingRef
from syncd.errors import InvalidResponse
from syncd.simulators.server import SimRequest, SimResponse, SimServer
from tests.support.inventorum import MemoryTokens, make_adapter
from tests.support.woocommerce import Scripted, page, product, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTLESS = {key: value for key, value in product(7).items() if key != "stock_quantity"}
TOKENS = SimResponse(200, {"access_token": "a", "refresh_token": "b", "expires_in": 3600})
CAP = {"id": 7, "name": "Cap", "quantity": "1.00", "variation_count": 0, "variations": []}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(page([{}]), id="an object without anything"),
        pytest.param(page([{"id": 7, "title": {"rendered": "Hello world"}, "type": "post"}]), id="posts of a blog"),
        pytest.param(page([{"id": 7, "name": "Cap", "type": "simple"}]), id="products without stock fields"),
        pytest.param(page([COUNTLESS]), id="a counted product without its count"),
        pytest.param(page([[7, "Cap"]]), id="lists in the list"),
        pytest.param(page([], total=5), id="nothing of five"),
        pytest.param(SimResponse(200, [], {"X-WP-Total": "-1"}), id="less than nothing"),
        pytest.param(SimResponse(200, {}), id="an object"),
        pytest.param(SimResponse(200, {"code": "maintenance", "message": "back soon"}), id="an error with status 200"),
        pytest.param(SimResponse(200, None), id="nothing"),
    ],
)
def test_a_shop_that_answers_with_something_else(answer: SimResponse) -> None:
    with scripted(lambda _request: answer) as (_, adapter):
        with pytest.raises(InvalidResponse):
            list(adapter.read_all())
        with pytest.raises(InvalidResponse):
            adapter.fetch([ListingRef("7")])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="an object without anything"),
        pytest.param([CAP], id="a list without its count"),
        pytest.param({"total": 5, "data": []}, id="nothing of five"),
        pytest.param({"total": 1, "data": {"7": CAP}}, id="an object for the list"),
        pytest.param({"total": 1, "data": [[7, "Cap"]]}, id="lists in the list"),
        pytest.param({"total": 1, "data": [{**CAP, "id": None}]}, id="a product without id"),
        pytest.param({"total": 1, "data": [{k: v for k, v in CAP.items() if k != "quantity"}]}, id="without stock"),
        pytest.param({"total": -1, "data": []}, id="less than nothing"),
        pytest.param({"detail": "maintenance"}, id="an error with status 200"),
        pytest.param(None, id="nothing"),
    ],
)
def test_a_till_that_answers_with_something_else(body: Any) -> None:
    def answer(request: SimRequest) -> SimResponse:
        return TOKENS if "token" in request.path else SimResponse(200, body)

    with _till(answer) as server, closing(make_adapter(server.url, MemoryTokens())) as adapter:
        with pytest.raises(InvalidResponse):
            list(adapter.read_all())
        with pytest.raises(InvalidResponse):
            adapter.fetch([ListingRef("7")])


def test_a_till_that_answers_for_another_product_proves_nothing() -> None:
    """A proxy that mixes up two accounts, or two requests."""

    def answer(request: SimRequest) -> SimResponse:
        return TOKENS if "token" in request.path else SimResponse(200, {**CAP, "id": 8})

    with (
        _till(answer) as server,
        closing(make_adapter(server.url, MemoryTokens())) as adapter,
        pytest.raises(InvalidResponse, match="about product 8"),
    ):
        adapter.fetch([ListingRef("7")])


def _till(answer: Callable[[SimRequest], SimResponse]) -> SimServer:
    return SimServer(Scripted(answer))
