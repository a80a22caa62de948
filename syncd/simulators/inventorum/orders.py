"""Orders, till sales and returns of the simulated account. Guarded by the simulator's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncd.simulators.inventorum.changes import ChangeIndex
from syncd.simulators.inventorum.model import (
    Order,
    OrderItem,
    OrderState,
    Payment,
    Product,
    Return,
    ReturnItem,
)
from syncd.simulators.inventorum.state import State
from syncd.simulators.inventorum.values import ZERO, to_gross, to_net


@dataclass(frozen=True, slots=True)
class NewItem:
    """A line to order; ``tax_rate`` in percent, ``unit_gross`` per unit."""

    name: str
    product: Product | None
    quantity: Decimal
    unit_gross: Decimal
    tax_rate: Decimal


class OrderBook:
    """All orders and returns, with an index of changes for each channel."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.orders: dict[int, Order] = {}
        self.returns: list[Return] = []
        self._by_channel: dict[str, ChangeIndex] = {}
        self._all = ChangeIndex()

    def changed_since(self, channel: str, bound: datetime | None) -> list[Order]:
        """Orders of a channel (empty: of all), oldest change first."""
        index = self._by_channel.setdefault(channel, ChangeIndex()) if channel else self._all
        first = index.first_since(bound, inclusive=self.state.settings.start_date_inclusive)
        return [self.orders[each] for each in index.ids(first)]

    def create(
        self,
        channel: str,
        items: Sequence[NewItem],
        order_state: int,
        payments: Sequence[tuple[str, Decimal]],
        *,
        lower_stock: bool,
        kind: str = "order",
    ) -> Order:
        """Record an order and take its units out of stock, if ``lower_stock``."""
        ids, now = self.state.ids, self.state.now()
        order = Order(
            id=next(ids.order),
            basket=next(ids.basket),
            channel=channel,
            state=order_state,
            items=[self._item(item) for item in items],
            payments=[Payment(next(ids.payment), method, amount, now) for method, amount in payments],
            created_at=now,
            changed_at=now,
            lowered_stock=lower_stock,
        )
        self.orders[order.id] = order
        self._touch(order)
        if lower_stock:
            for item in order.items:
                self._move(item, -item.quantity, kind, str(order.id))
        return order

    def sell(self, product: Product, quantity: Decimal, channel: str) -> Order:
        """A completed sale of one line at the till (or another channel), paid in cash."""
        state = self.state
        gross = state.gross(product)
        item = NewItem(state.shown_name(product), product, quantity, gross, state.rate(product))
        payments = [("0", gross * quantity)]
        return self.create(channel, [item], OrderState.COMPLETED_SALE, payments, lower_stock=True, kind="sale")

    def cancel(self, order: Order) -> None:
        """Cancel an order: what was not returned goes back to stock; its quantities stay as they are.

        Raises:
            ValueError: It is cancelled already.
        """
        if order.state & OrderState.CANCELED:
            raise ValueError(f"order {order.id} is cancelled already")
        order.state |= OrderState.CANCELED
        self._touch(order)
        if order.lowered_stock:
            for item in order.items:
                self._move(item, item.original_quantity - item.returned, "cancel", str(order.id))

    def give_back(
        self, order: Order, lines: Sequence[tuple[OrderItem, Decimal]], *, to_stock: bool, kind: str
    ) -> Return:
        """Record a return of some lines; ``kind`` is the vendor's return type.

        Raises:
            ValueError: A line has fewer units left than are returned.
        """
        for item, quantity in lines:
            if quantity <= 0 or quantity > item.original_quantity - item.returned:
                raise ValueError(f"cannot return {quantity} of item {item.id}")
        ids = self.state.ids
        number = next(ids.returned)
        made = [ReturnItem(next(ids.returned_item), item, quantity) for item, quantity in lines]
        for item, quantity in lines:
            item.returned += quantity
            if self.state.settings.return_lowers_item:
                item.quantity -= quantity
            if to_stock:
                self._move(item, quantity, "return", str(number))
        if all(item.returned == item.original_quantity for item in order.items):
            order.state |= OrderState.REFUNDED
        result = Return(number, order, kind, to_stock, made, self.state.now())
        self.returns.append(result)
        self._touch(order)
        return result

    def _item(self, new: NewItem) -> OrderItem:
        rate, gross = new.tax_rate, new.unit_gross
        net = to_net(gross, rate)
        if rate == 0 and new.product and self.state.settings.order_replaces_zero_tax:
            # Seen in mid 2015 (contract 9.4): the net is kept, the true rate applied, and the gross grows.
            rate = self.state.rate(new.product)
            gross = to_gross(net, rate)
        product = new.product.id if new.product else None
        return OrderItem(next(self.state.ids.item), new.name, product, new.quantity, new.quantity, net, gross, rate)

    def _move(self, item: OrderItem, quantity: Decimal, kind: str, reference: str) -> None:
        product = self.state.products.get(item.product or 0)
        if product and quantity != ZERO:
            self.state.move(product, quantity, kind, reference)

    def _touch(self, order: Order) -> None:
        order.changed_at = self.state.now()
        self._all.put(order.id, order.changed_at)
        self._by_channel.setdefault(order.channel, ChangeIndex()).put(order.id, order.changed_at)


def stored_customer(state: State, sent: dict[str, Any]) -> dict[str, Any]:
    """The customer of an order as it is answered, with ids."""
    keys = ("email", "title", "first_name", "middle_name", "last_name")
    shipping = sent.get("shipping_address") or []
    return {
        "id": next(state.ids.customer),
        "channel": 1,
        **{key: sent.get(key) for key in keys},
        "billing_address": _address(state, sent.get("billing_address")),
        "shipping_address": [_address(state, each) for each in shipping],
    }


def _address(state: State, sent: dict[str, Any] | None) -> dict[str, Any] | None:
    if sent is None:
        return None
    keys = (
        "country",
        "address1",
        "address2",
        "zipcode",
        "city",
        "state",
        "first_name",
        "last_name",
        "company",
        "title",
    )
    return {"id": next(state.ids.address), **{key: sent.get(key) for key in keys}}


def stored_shipment(state: State, sent: dict[str, Any]) -> dict[str, Any]:
    """The shipment of an order as it is answered; an ``external_id`` is ignored, as the vendor does."""
    service = sent.get("service")
    if service is not None:
        service = {
            "id": next(state.ids.shipment),
            **{key: service.get(key) for key in ("name", "time_max", "time_min")},
        }
    cost = sent.get("cost")
    return {
        "id": next(state.ids.shipment),
        "name": sent.get("name"),
        "tracking_number": sent.get("tracking_number"),
        "cost": None if cost is None else str(cost),
        "external_key": sent.get("external_key"),
        "service": service,
    }
