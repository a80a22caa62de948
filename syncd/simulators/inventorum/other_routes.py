"""Account, taxes, categories, images and cash book.

Source: contract 10.
"""

from __future__ import annotations

from decimal import Decimal
from email import message_from_bytes
from email.message import Message
from typing import Any

from syncd.simulators.inventorum.call import ApiError, Call, PageRule, invalid, not_found
from syncd.simulators.inventorum.info import render_info
from syncd.simulators.inventorum.model import IMAGE_TYPES, Category, Image, Order, TaxType
from syncd.simulators.inventorum.product_reads import renderer
from syncd.simulators.inventorum.render_orders import render_ledger
from syncd.simulators.inventorum.values import read_decimal, to_net
from syncd.simulators.server import SimResponse

_CATEGORIES = PageRule()


def read_info(call: Call) -> SimResponse:
    """``GET /info/``; whether apps may read it is a setting."""
    if not call.settings.info_allowed:
        raise ApiError(403, "scope.wrong")
    return SimResponse(200, render_info(call.state, call.version))


# Taxes


def _tax_row(tax: TaxType) -> dict[str, Any]:
    return {"id": tax.id, "name": tax.name, "tax_rate": f"{tax.rate:.3f}"}


def _find_tax(call: Call) -> TaxType:
    tax = call.state.taxes.get(int(call.ids[0]))
    if tax is None:
        raise not_found("common.unknown")
    return tax


def _sent_tax(call: Call, own: TaxType | None) -> tuple[str, Decimal]:
    body = call.body()
    try:
        rate = read_decimal(body.get("tax_rate"))
    except ValueError as error:
        raise invalid("tax_rate", str(error), detail=True) from error
    if any(tax.rate == rate for tax in call.state.taxes.values() if tax is not own):
        raise invalid("tax_rate", "Tax rate already exists", detail=True)
    return str(body.get("name") or f"{rate.normalize():f}%"), rate


def read_taxes(call: Call) -> SimResponse:
    """``GET /taxes/``: a bare array."""
    return SimResponse(200, [_tax_row(tax) for tax in call.state.taxes.values()])


def read_tax(call: Call) -> SimResponse:
    """``GET /taxes/{id}/``."""
    return SimResponse(200, _tax_row(_find_tax(call)))


def create_tax(call: Call) -> SimResponse:
    """``POST /taxes/``: the rate comes back with one place, in an array or bare."""
    name, rate = _sent_tax(call, None)
    tax = TaxType(next(call.state.ids.tax), name, rate)
    call.state.taxes[tax.id] = tax
    row = {"id": tax.id, "name": tax.name, "tax_rate": f"{rate:.1f}"}
    return SimResponse(200, [row] if call.settings.tax_create_as_array else row)


def change_tax(call: Call) -> SimResponse:
    """``PUT /taxes/{id}/``: gross prices of products stay, so their net prices change."""
    state = call.state
    tax = _find_tax(call)
    name, rate = _sent_tax(call, tax)
    for product in state.products.values():
        if product.tax_type == tax.id:
            product.price = to_net(state.gross(product), rate)
    tax.name, tax.rate = name, rate
    return SimResponse(200, _tax_row(tax))


# Categories


def read_categories(call: Call) -> SimResponse:
    """``GET /categories/``; ``q`` searches names."""
    page = call.page(_CATEGORIES)
    wanted = call.request.param("q").casefold()
    found = [each for each in call.state.categories.values() if wanted in each.name.casefold()]
    write = renderer(call)
    rows = [write.category(each, in_list=True) for each in found[page.start : page.stop]]
    return SimResponse(200, call.envelope(page, len(found), rows))


def read_category(call: Call) -> SimResponse:
    """``GET /categories/{id}/``."""
    category = call.state.categories.get(int(call.ids[0]))
    if category is None:
        raise not_found("common.unknown")
    return SimResponse(200, renderer(call).category(category))


def create_category(call: Call) -> SimResponse:
    """``POST /categories/``."""
    name = str(call.body().get("name") or "")
    if not name:
        raise invalid("name", "This field is required.")
    category = Category(next(call.state.ids.category), name)
    call.state.categories[category.id] = category
    return SimResponse(200, renderer(call).category(category))


# Images


def upload_image(call: Call) -> SimResponse:
    """``POST /images/``: multipart with ``type`` and ``image`` (``product_image`` up to version 7)."""
    parts = _multipart(call)
    file = parts.get("product_image" if call.version <= 7 else "image")
    content = file.get_payload(decode=True) if file else None
    if file is None or not isinstance(content, bytes):
        raise invalid("image", "This field is required.")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        raise invalid("image", "Upload a valid image.")
    kind = parts["type"].get_payload(decode=True) if "type" in parts else b"product"
    name = kind.decode().strip() if isinstance(kind, bytes) else ""
    if name not in IMAGE_TYPES:
        raise invalid("type", "Not a valid choice.")
    image = Image(next(call.state.ids.image), IMAGE_TYPES.index(name), content, file.get_content_type())
    call.state.images[image.id] = image
    return SimResponse(200, renderer(call).image(image, new=True))


def _multipart(call: Call) -> dict[str, Message]:
    content_type = call.request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        raise invalid("image", "This field is required.")
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + call.request.body)
    parts: dict[str, Message] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            parts[name] = part
    return parts


# Cash book


def _months(call: Call) -> dict[tuple[int, int], list[Order]]:
    months: dict[tuple[int, int], list[Order]] = {}
    for order in call.orders.orders.values():
        at = order.created_at.astimezone(call.zone)
        months.setdefault((at.year, at.month), []).append(order)
    return months


def read_ledger(call: Call) -> SimResponse:
    """``GET /ledger/``: the months that have entries."""
    return SimResponse(200, [{"month": month, "year": year} for year, month in sorted(_months(call))])


def read_ledger_month(call: Call) -> SimResponse:
    """``GET /ledger/{year}/{month}/``."""
    orders = _months(call).get((int(call.ids[0]), int(call.ids[1])), [])
    return SimResponse(200, render_ledger(orders, call.zone, call.settings.account_id))
