"""Orders and refunds as JSON."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import dates
from syncd.simulators.woocommerce.render import View
from syncd.simulators.woocommerce.rows import Order, OrderLine, Refund

if TYPE_CHECKING:
    from syncd.simulators.woocommerce.state import Shop

_CENT = Decimal("0.01")
_STORED = Decimal("0.000001")
_ADDRESS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")
_BILLING = (*_ADDRESS, "email", "phone")
_SHIPPING = (*_ADDRESS, "phone")
_TAX_LABELS = {1: "MwSt. 19%", 2: "MwSt. 7%"}
_EDITABLE = {"pending", "on-hold", "auto-draft", "failed"}


class OrderView:
    """Renders orders and refunds for one request."""

    def __init__(self, shop: Shop, root: str) -> None:
        self.shop = shop
        self.view = View(shop, root)

    def order(self, order: Order) -> dict[str, Any]:
        """As the orders routes show it."""
        taxes = self._taxes(order.lines)
        tax = sum(taxes.values(), Decimal(0))
        offset = self.shop.offset_s
        key = f"wc_order_{order.id:013d}"
        return {
            "id": order.id,
            "parent_id": 0,
            "status": order.status,
            "currency": self.shop.settings.currency,
            "version": self.shop.settings.woocommerce_version,
            "prices_include_tax": self.shop.settings.prices_include_tax,
            "date_created": dates.render(order.created, offset),
            "date_modified": dates.render(order.modified, offset),
            **dict.fromkeys(("discount_total", "discount_tax", "shipping_total", "shipping_tax"), "0.00"),
            "cart_tax": _text(tax),
            "total": _text(order.total),
            "total_tax": _text(tax),
            "customer_id": 0,
            "order_key": key,
            **self._customer(order.extra),
            "date_completed": dates.render(order.completed, offset),
            "date_paid": dates.render(order.paid, offset),
            "cart_hash": "",
            "number": str(order.id),
            "meta_data": [dict(entry) for entry in order.meta],
            "line_items": [self._line(line) for line in order.lines],
            "tax_lines": [self._tax_line(rate_id, amount) for rate_id, amount in taxes.items()],
            **{name: [] for name in ("shipping_lines", "fee_lines", "coupon_lines")},
            "refunds": [self._refund_note(self.shop.refunds.rows[refund_id]) for refund_id in order.refunds],
            "payment_url": f"{self.view.site}/checkout/order-pay/{order.id}/?pay_for_order=true&key={key}",
            "is_editable": order.status in _EDITABLE,
            "needs_payment": order.status in {"pending", "failed"} and order.total > 0,
            "needs_processing": any(line.product_id for line in order.lines),
            "date_created_gmt": dates.render(order.created),
            "date_modified_gmt": dates.render(order.modified),
            "date_completed_gmt": dates.render(order.completed),
            "date_paid_gmt": dates.render(order.paid),
            "currency_symbol": "€",
            "_links": self._order_links(order),
        }

    def _customer(self, extra: dict[str, Any]) -> dict[str, Any]:
        return {
            "billing": dict.fromkeys(_BILLING, "") | dict(extra.get("billing") or {}),
            "shipping": dict.fromkeys(_SHIPPING, "") | dict(extra.get("shipping") or {}),
            **{name: extra.get(name, "") for name in ("payment_method", "payment_method_title", "transaction_id")},
            "customer_ip_address": "",
            "customer_user_agent": "",
            "created_via": extra.get("created_via", "rest-api"),
            "customer_note": extra.get("customer_note", ""),
        }

    def refund(self, refund: Refund, *, with_parent: bool = False) -> dict[str, Any]:
        """As the refund routes show it; the list of all refunds adds ``parent_id``."""
        path = f"orders/{refund.order_id}"
        return {
            "id": refund.id,
            **({"parent_id": refund.order_id} if with_parent else {}),
            "date_created": dates.render(refund.created, self.shop.offset_s),
            "date_created_gmt": dates.render(refund.created),
            "amount": _text(refund.amount),
            "reason": refund.reason,
            "refunded_by": 1,
            "refunded_payment": False,
            "meta_data": [dict(entry) for entry in refund.meta],
            "line_items": [self._line(line) for line in refund.lines],
            **{name: [] for name in ("shipping_lines", "tax_lines", "fee_lines")},
            "_links": self.view.item_links(
                f"{path}/refunds/{refund.id}", f"{path}/refunds", path, methods=["GET", "DELETE"]
            ),
        }

    def _order_links(self, order: Order) -> dict[str, Any]:
        mails = f"{self.view.root}/wc/v3/orders/{order.id}/actions/email_templates"
        links = self.view.item_links(f"orders/{order.id}", "orders")
        return {**links, "email_templates": [{"embeddable": True, "href": mails}]}

    def _line(self, line: OrderLine) -> dict[str, Any]:
        net = _net(line)
        tax = line.total - net
        # The wire has a JSON number with its full fraction here; nothing is counted with it.
        exact = (line.total / (1 + line.tax_rate / 100)).quantize(_STORED, ROUND_HALF_UP)
        price: int | float = float(exact / line.quantity) if line.quantity else 0
        if price == int(price):
            price = int(price)
        charged = {"id": line.tax_rate_id, "total": _text(tax), "subtotal": _text(tax)}
        plain = line.variation_id == 0 and line.product_id != 0
        return {
            "id": line.id,
            "name": line.name,
            "product_id": line.product_id,
            "variation_id": line.variation_id,
            "quantity": line.quantity,
            "tax_class": line.tax_class,
            "subtotal": _text(net),
            "subtotal_tax": _text(tax),
            "total": _text(net),
            "total_tax": _text(tax),
            "taxes": [charged] if line.tax_rate_id else [],
            "meta_data": [self._line_meta(entry) for entry in line.meta],
            "sku": line.sku,
            "global_unique_id": line.gtin,
            "price": price,
            "image": {"id": "" if plain else 0, "src": ""},
            "parent_name": line.parent_name,
        }

    def _line_meta(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "display_key": entry["key"], "display_value": entry["value"]}

    def _refund_note(self, refund: Refund) -> dict[str, Any]:
        return {"id": refund.id, "reason": refund.reason, "total": _text(-refund.amount)}

    def _taxes(self, lines: list[OrderLine]) -> dict[int, Decimal]:
        taxes: defaultdict[int, Decimal] = defaultdict(Decimal)
        for line in lines:
            if line.tax_rate_id:
                taxes[line.tax_rate_id] += line.total - _net(line)
        return taxes

    def _tax_line(self, rate_id: int, amount: Decimal) -> dict[str, Any]:
        label = _TAX_LABELS.get(rate_id, "")
        return {
            "id": rate_id,
            "rate_code": f"DE-{label.upper()}-1",
            "rate_id": rate_id,
            "label": label,
            "compound": False,
            "tax_total": _text(amount),
            "shipping_tax_total": "0.00",
            "rate_percent": 19 if rate_id == 1 else 7,
            "meta_data": [],
        }


def _net(line: OrderLine) -> Decimal:
    return (line.total / (1 + line.tax_rate / 100)).quantize(_CENT, ROUND_HALF_UP)


def _text(amount: Decimal) -> str:
    return str(amount.quantize(_CENT, ROUND_HALF_UP))
