"""Orders, returns and the cash book as the vendor writes them.

Source: contract 9.3, 9.5 and 10; the examples of ``inventorum-examples``.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from syncd.simulators.inventorum.model import Order, OrderItem, Payment, Return, ReturnItem
from syncd.simulators.inventorum.state import State
from syncd.simulators.inventorum.values import ZERO, ten_places, to_gross, two_places


def render_order(state: State, order: Order, version: int, zone: tzinfo) -> dict[str, Any]:
    """An order, as its creation, lists and deltas answer it."""
    paid = sum((payment.amount for payment in order.payments), ZERO)
    return {
        "id": order.id,
        "basket": {
            "note_internal": order.note_internal,
            "note_external": order.note_external,
            "items": [_item(state, item, version) for item in order.items],
            "discount": None,
            "receipt": None,
            "invoice_number": "",
        },
        "state": order.state,
        "customer": order.customer,
        "amount_paid": ten_places(paid),
        "payments": [_payment(payment) for payment in order.payments],
        "shipment": order.shipment,
        "channel": order.channel,
        "time_added": _seconds(order.created_at, UTC),
        "completed_at": _seconds(order.created_at, zone),
    }


def _item(state: State, item: OrderItem, version: int) -> dict[str, Any]:
    row = {
        "id": item.id,
        "name": item.name,
        "discount": None,
        "original_quantity": two_places(item.original_quantity),
        "price": ten_places(item.price),
        "product": item.product,
        "quantity": _whole(item.quantity),
        "tax_rate": f"{item.tax_rate:.3f}",
        "gross_price": two_places(item.unit_gross * item.original_quantity),
        "unit_gross_price": two_places(item.unit_gross),
    }
    if version >= 13:
        product = state.products.get(item.product or 0)
        row |= {"type": 0, "product_code": product.product_code if product else None}
    return row


def _whole(quantity: Decimal) -> int | str:
    """Whole quantities are integers here, unlike everywhere else (contract 4)."""
    return int(quantity) if quantity == quantity.to_integral_value() else two_places(quantity)


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "payment_method": payment.method,
        "payment_amount": ten_places(payment.amount),
        "date": _seconds(payment.at, UTC),
        "transaction_id": None,
        "transaction_duration": None,
        "paypal_invoice_id": None,
        "paypal_tab_id": None,
        "external_payment_method": None,
    }


def render_return(returned: Return, version: int, zone: tzinfo) -> dict[str, Any]:
    """A return, as its creation answers it."""
    lines = returned.items
    net = sum((line.item.price * line.quantity for line in lines), ZERO)
    order = returned.order
    row: dict[str, Any] = {
        "id": returned.id,
        "return_number": str(returned.id),
        "date": returned.created_at.astimezone(zone).strftime("%d.%m.%Y - %H:%M"),
        "total_price": ten_places(net),
        "gross": two_places(sum((_amount(line) for line in lines), ZERO)),
        "payment_method": returned.type,
        "return_items": [_return_item(returned, line) for line in lines],
        "return_pdf": None,
        "return_image": None,
        "sizes": {},
        "customer": order.customer,
        "channel": order.channel,
        "basket": order.basket,
        "user": 2001,
        "return_printed": False,
        "transaction_id": None,
    }
    if version >= 12:
        row |= {"order_id": order.id, "created_at": _seconds(returned.created_at, UTC)}
    return row


def _return_item(returned: Return, line: ReturnItem) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": line.item.name,
        "price": f"{line.item.price:.12f}",
        "product": line.item.product,
        "quantity": _whole(line.quantity),
        "returnmodel": returned.id,
    }


def render_return_row(returned: Return) -> dict[str, Any]:
    """A row of ``/returns/delta/``."""
    rows = [
        {
            "id": line.id,
            "basket_item": line.item.id,
            "name": line.item.name,
            "quantity": two_places(line.quantity),
            "amount": two_places(_amount(line)),
        }
        for line in returned.items
    ]
    total = sum((_amount(line) for line in returned.items), ZERO)
    return {
        "id": returned.id,
        "order": returned.order.id,
        "delta_state": "created",
        "total_amount": two_places(total),
        "items": rows,
    }


def _amount(line: ReturnItem) -> Decimal:
    return line.item.unit_gross * line.quantity


def render_ledger(orders: list[Order], zone: tzinfo, account: int) -> dict[str, Any]:
    """The cash book of one month: each order with a payment is a credit."""
    balance = taxes = ZERO
    entries: list[dict[str, Any]] = []
    for number, order in enumerate(orders, 1):
        paid = sum((payment.amount for payment in order.payments), ZERO)
        tax = sum((_tax(item) for item in order.items), ZERO)
        balance, taxes = balance + paid, taxes + tax
        rate = order.items[0].tax_rate if order.items else ZERO
        entries.append(
            {
                "entry_date": order.created_at.astimezone(zone).strftime("%d.%m.%Y"),
                "tax_type": f"{rate.normalize():f}%",
                "tax_amount": two_places(tax),
                "id": order.id,
                "account": account,
                "user": 2001,
                "entry_id": number,
                "transaction_type": "cash",
                "document": str(order.id),
                "reason": "Basket checkout",
                "balance": ten_places(balance),
                "credit": ten_places(paid),
                "debit": ten_places(ZERO),
            }
        )
    return {
        "balance": ten_places(balance),
        "credit": ten_places(balance),
        "debit": ten_places(ZERO),
        "tax_amount": two_places(taxes),
        "entry": entries,
    }


def _tax(item: OrderItem) -> Decimal:
    return (item.unit_gross - to_gross(item.price, ZERO)) * item.original_quantity


def _seconds(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")
