"""Orders and returns.

Source: contract 9.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from syncd.simulators.inventorum.call import Call, PageRule, invalid, not_found
from syncd.simulators.inventorum.model import Order, OrderItem, OrderState
from syncd.simulators.inventorum.orders import NewItem, stored_customer, stored_shipment
from syncd.simulators.inventorum.render_orders import render_order, render_return, render_return_row
from syncd.simulators.inventorum.values import read_decimal, read_quantity
from syncd.simulators.server import SimResponse

_LIST = PageRule()
_RETURNS = PageRule(maximum=100)
_LIST_DATE = "%Y.%m.%d %H:%M:%S"
_SORT_KEYS: dict[str, Callable[[Order], Any]] = {
    "id": lambda order: order.id,
    "start_date": lambda order: order.changed_at,
    "time_added": lambda order: order.created_at,
}


def read_orders_delta(call: Call) -> SimResponse:
    """``GET /orders/delta/``: created or changed since ``start_date``; without pending ones from version 12 on."""
    settings = call.settings
    page = call.page(PageRule(settings.orders_delta_page_base, 100, 100))
    channel = call.request.param("channel") or settings.orders_delta_channel
    orders = call.orders.changed_since(channel, call.start_date(optional=True))
    if call.version >= 12:
        orders = [order for order in orders if not order.state & OrderState.PENDING]
    for name in reversed([each for each in call.request.param("order_by").split(",") if each]):
        key = _SORT_KEYS.get(name.lstrip("-"))
        if key is None:
            raise invalid("order_by", f"{name} is no field.")
        orders.sort(key=key, reverse=name.startswith("-"))
    return SimResponse(200, call.envelope(page, len(orders), _rows(call, orders[page.start : page.stop])))


def read_orders(call: Call) -> SimResponse:
    """``GET /orders/``: by time of completion between ``start`` and ``end``."""
    page = call.page(_LIST)
    start, end = _list_date(call, "start"), _list_date(call, "end")
    if start and not end and call.settings.orders_list_requires_end:
        raise invalid("end", "This field is required.")
    channel = call.request.param("channel")
    orders = [
        order
        for order in call.orders.orders.values()
        if (not channel or order.channel == channel)
        and (start is None or order.created_at >= start)
        and (end is None or order.created_at <= end)
    ]
    return SimResponse(200, call.envelope(page, len(orders), _rows(call, orders[page.start : page.stop])))


def _list_date(call: Call, name: str) -> datetime | None:
    text = call.request.param(name)
    if not text:
        return None
    zone = UTC if call.settings.orders_list_zone == "utc" else call.zone
    try:
        return datetime.strptime(text, _LIST_DATE).replace(tzinfo=zone)
    except ValueError as error:
        raise invalid(name, "Datetime has wrong format.") from error


def _rows(call: Call, orders: list[Order]) -> list[dict[str, Any]]:
    return [render_order(call.state, order, call.version, call.zone) for order in orders]


def create_order(call: Call) -> SimResponse:
    """``POST /orders/``: 201 with the order."""
    body = call.body()
    basket = body.get("basket") or {}
    if not basket.get("items"):
        raise invalid("basket", "This field is required.")
    items = [_new_item(call, each) for each in basket["items"]]
    payments = [
        (str(each.get("payment_method", "0")), _number("payment_amount", each.get("payment_amount"), read_decimal))
        for each in body.get("payments") or []
    ]
    state = int(body.get("state") or 0)
    lower_stock = call.settings.order_lowers_stock and not state & OrderState.CANCELED
    channel = str(body.get("channel") or "shop")
    order = call.orders.create(channel, items, state, payments, lower_stock=lower_stock)
    order.note_external, order.note_internal = basket.get("note_external"), basket.get("note_internal")
    if body.get("customer"):
        order.customer = stored_customer(call.state, body["customer"])
    if body.get("shipment"):
        order.shipment = stored_shipment(call.state, body["shipment"])
    return SimResponse(201, render_order(call.state, order, call.version, call.zone))


def _new_item(call: Call, sent: dict[str, Any]) -> NewItem:
    number = sent.get("product")
    product = None if number is None else call.state.products.get(number)
    if number is not None and product is None:
        raise invalid("product", "Object does not exist.")
    return NewItem(
        name=str(sent.get("name") or (call.state.shown_name(product) if product else "")),
        product=product,
        quantity=_number("quantity", sent.get("quantity"), read_quantity),
        unit_gross=_number("unit_gross_price", sent.get("unit_gross_price"), read_decimal),
        tax_rate=_number("tax_rate", sent.get("tax_rate"), read_decimal),
    )


def _number(field: str, value: object, read: Callable[[object], Decimal]) -> Decimal:
    try:
        return read(value)
    except ValueError as error:
        raise invalid(field, str(error)) from error


def return_basket_items(call: Call) -> SimResponse:
    """``POST /basket/{order_id}/items/return/``: the older form; the number in the path is the order's."""
    return _give_back(call, call.body(), int(call.ids[0]), to_stock=True)


def create_return(call: Call) -> SimResponse:
    """``POST /returns/create/``: the form of version 12, with ``returnToStock`` as text."""
    body = call.body()
    number = body.get("order")
    if not isinstance(number, int):
        raise invalid("order", "This field is required.")
    to_stock = str(body.get("returnToStock", "true")).lower() == "true"
    return _give_back(call, body, number, to_stock=to_stock)


def _give_back(call: Call, body: dict[str, Any], number: int, *, to_stock: bool) -> SimResponse:
    order = call.orders.orders.get(number)
    if order is None:
        raise not_found("order.not_found")
    items = {item.id: item for item in order.items}
    lines: list[tuple[OrderItem, Decimal]] = []
    for each in body.get("items") or []:
        if each.get("item") not in items:
            raise invalid("item", "Object does not exist.")
        lines.append((items[each["item"]], _number("quantity", each.get("quantity"), read_quantity)))
    if not lines:
        raise invalid("items", "This field is required.")
    try:
        made = call.orders.give_back(order, lines, to_stock=to_stock, kind=str(body.get("returnType", "0")))
    except ValueError as error:
        raise invalid("quantity", str(error)) from error
    return SimResponse(200, render_return(made, call.version, call.zone))


def read_returns_delta(call: Call) -> SimResponse:
    """``GET /returns/delta/``."""
    page = call.page(_RETURNS)
    since, channel = call.start_date(optional=True), call.request.param("channel")
    found = [
        each
        for each in call.orders.returns
        if (since is None or each.created_at >= since) and (not channel or each.order.channel == channel)
    ]
    rows = [render_return_row(each) for each in found[page.start : page.stop]]
    return SimResponse(200, call.envelope(page, len(found), rows))
