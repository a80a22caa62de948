"""Reading products: list, detail, quantities and deltas.

Source: contract 5, 6 and 7.
"""

from __future__ import annotations

from datetime import timedelta

from syncd.simulators.inventorum.call import ApiError, Call, Page, PageRule, invalid, not_found
from syncd.simulators.inventorum.changes import ChangeIndex
from syncd.simulators.inventorum.model import Product
from syncd.simulators.inventorum.render import Renderer
from syncd.simulators.inventorum.values import two_places
from syncd.simulators.server import SimResponse

_LIST = PageRule()
_LIST_V13 = PageRule(maximum=100)
_MODIFIED = PageRule(maximum=100)
_DELETED = PageRule(maximum=10000)
_TRUE = ("true", "True", "1")


def renderer(call: Call) -> Renderer:
    """The renderer for a request."""
    return Renderer(call.state, call.version, call.base_url, call.zone)


def find_product(call: Call, *, by_inv_id: bool = False) -> Product:
    """The product of the path.

    Raises:
        ApiError: 404, there is none.
    """
    state, text = call.state, call.ids[0]
    number = int(text)
    if number not in state.products and by_inv_id:
        number = state.by_inv_id.get(text, number)
    if number not in state.products:
        raise not_found("product.not_found")
    return state.products[number]


def list_products(call: Call) -> SimResponse:
    """``GET /products/``."""
    page = call.page(_LIST_V13 if call.version >= 13 else _LIST)
    ids, total = _listed(call, page)
    write = renderer(call)
    rows = [write.list_row(call.state.products[each]) for each in ids]
    return SimResponse(200, call.envelope(page, total, rows, results=call.version >= 13))


def _listed(call: Call, page: Page) -> tuple[list[int], int]:
    """Ids of one page of the list, and how many there are in all."""
    state, settings = call.state, call.settings
    with_variations = settings.list_variation_rows == "always" or (
        settings.list_variation_rows == "v13" and call.version >= 13
    )
    search, in_shop = call.request.param("search"), call.request.param("in_shop") in _TRUE
    if search or in_shop:
        found = _searched(call, state.all_ids if with_variations else state.top_ids, search, in_shop=in_shop)
        return found[page.start : page.stop], len(found)
    if settings.list_order == "changed":
        index = state.all_changes if with_variations else state.top_changes
        return index.newest(page.start, page.stop), len(index)
    ids = state.all_ids if with_variations else state.top_ids
    return ids[page.start : page.stop], len(ids)


def _searched(call: Call, ids: list[int], search: str, *, in_shop: bool) -> list[int]:
    found: list[int] = []
    wanted = search.casefold()
    for number in ids:
        product = call.state.products[number]
        if in_shop and not product.in_shop:
            continue
        texts = (call.state.shown_name(product), product.product_code, product.ean)
        hits = sum(1 for text in texts if text and wanted in text.casefold()) if search else 1
        # A product that matches in two fields is listed, and counted, twice (contract 5).
        found += [number] * (hits if call.settings.search_duplicates else min(hits, 1))
    return found


def read_product(call: Call) -> SimResponse:
    """``GET /products/{id or inv_id}/``."""
    product = find_product(call, by_inv_id=True)
    if product.parent is not None and not call.settings.variation_detail:
        raise not_found("product.not_found")
    return SimResponse(200, renderer(call).detail(product))


def read_quantities(call: Call) -> SimResponse:
    """``GET /products/quantity/?id=1&id=2``: a bare array in the order asked."""
    settings, state = call.settings, call.state
    sent = call.request.params("id")
    if settings.quantity_max_ids and len(sent) > settings.quantity_max_ids:
        raise invalid("id", f"Ensure that there are no more than {settings.quantity_max_ids} ids.")
    rows = []
    for text in sent:
        if not text.isdecimal():
            raise invalid("id", "Enter a whole number.")
        product = state.products.get(int(text))
        if product and product.parent is not None and not settings.quantity_variation_ids:
            product = None
        if product:
            rows.append({"id": product.id, "quantity": two_places(state.quantity(product))})
        elif settings.quantity_unknown_ids == "error":
            raise not_found("product.not_found")
    return SimResponse(200, rows)


def read_modified(call: Call) -> SimResponse:
    """``GET /products/delta/modified/``: current state of what changed, oldest change first."""
    settings = call.settings
    since = call.start_date()
    page = call.page(_MODIFIED)
    index = _delta_index(call)
    first = index.first_since(since, inclusive=settings.start_date_inclusive)
    total, start = len(index) - first, page.start
    fault = settings.delta_v13_paging if call.version >= 13 else "none"
    if fault == "page_ignored":
        start = 0
    elif fault == "row_skipped":
        start += page.index
    ids = index.ids(first + start, first + start + page.limit)
    if fault == "total_wrong":
        total = len(ids)
    write = renderer(call)
    verbose = call.request.param("verbose") in _TRUE
    rows = [write.delta_row(call.state.products[each], since, verbose=verbose) for each in ids]
    return SimResponse(200, call.envelope(page, total, rows, results=_results(call)))


def _delta_index(call: Call) -> ChangeIndex:
    match call.settings.delta_variation_rows:
        case "parent":
            return call.state.top_changes
        case "variation":
            return call.state.own_changes
        case "both":
            return call.state.all_changes


def read_deleted(call: Call) -> SimResponse:
    """``GET /products/delta/deleted/``: bare ids, ascending."""
    settings = call.settings
    since = call.start_date()
    page = call.page(_DELETED)
    bound = since
    if settings.deleted_retention_seconds is not None:
        oldest = call.state.now() - timedelta(seconds=settings.deleted_retention_seconds)
        bound = max(bound, oldest) if bound else oldest
    ids = sorted(
        each.id
        for each in call.state.deletions
        if (bound is None or each.at > bound or (each.at == bound and settings.start_date_inclusive))
        and (settings.deleted_lists_variations or not each.is_variation)
    )
    return SimResponse(200, call.envelope(page, len(ids), ids[page.start : page.stop], results=_results(call)))


def _results(call: Call) -> bool:
    return call.version >= 13 and call.settings.delta_v13_results


def refuse_collection_write(_call: Call) -> SimResponse:
    """PUT and DELETE of the whole collection are announced but undocumented: no client may call them."""
    raise ApiError(400, "common.unknown", description="not documented")
