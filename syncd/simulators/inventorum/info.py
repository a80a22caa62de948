"""The answer of ``/info/``: an invented account in the vendor's shape.

Source: contract 10 [rec v9][rec v10]; example ``info.json``.
"""

from __future__ import annotations

from typing import Any

from syncd.simulators.inventorum.state import State

_KNOWN_ATTRIBUTES = ("size", "material", "color", "flavor", "length", "pattern", "style", "weight")
_CHANNELS = {
    "ipad": "POS",
    "ebay": "eBay",
    "shop": "Shop",
    "click_and_collect": "Click & Collect",
    "atalanda": "Atalanda",
}
_CARRIERS = {1: "DHL", 8: "Pick up in store", 9: "Deutsche Post", 10: "UPS", 12: "DPD", 13: "GLS"}
_UNITS = {
    "kg": "kilogram",
    "g": "gram",
    "ml": "millilitre",
    "m": "metre",
    "l": "litre",
    "pc": "piece",
    "m3": "cubic metre",
    "m2": "square metre",
}
_EMPTY_TEXTS = (
    "store_description",
    "store_slogan",
    "fax",
    "tax_number",
    "vat_number",
    "payment_method_note",
    "thanks_note",
    "invoice_prefix",
    "bank_name",
    "bank_account_number",
    "bank_code",
    "bank_iban",
    "bank_bic_swift",
    "bank_account_holder",
    "return_prefix",
)
_ADDRESS = {
    "country": "DE",
    "id": 5067,
    "address1": "Musterstr. 1",
    "address2": None,
    "zipcode": "10115",
    "city": "Musterstadt",
    "state": None,
    "first_name": "Max",
    "last_name": "Muster",
    "company": "Example GmbH",
    "title": None,
}
_SHIPPING_SERVICE = {
    "id": "DE_DHLPaket",
    "description": "DHL Paket",
    "type": "",
    "time_max": 2,
    "time_min": 1,
    "cost_group_flat": "Group3MaxFlatShippingCost",
    "carrier": "DHL",
    "category": "[STANDARD]",
    "service": "DE_DHLPaket",
    "cost": "5.0000000000",
    "additional_cost": "2.0000000000",
    "enabled": True,
    "free_above_price": None,
}
_SETTINGS = {
    "shipping_services": [_SHIPPING_SERVICE],
    "ebay_payment_methods": [1],
    "izettle": True,
    "meta_prices_enabled": True,
    "paypal": False,
    "ebay": True,
    "ebay_click_and_collect": True,
    "shop": False,
    "zreports": True,
    "roundup": False,
    "atalanda_enabled": False,
    "pdf": 1,
    "ebay_paypal_email": "user@example.com",
    "receipt_header": "",
    "receipt_footer": "",
    "first_change_added": False,
    "individual_receipt_type": "default",
    "company_receipt_type": "detailed",
    "automated_zreports_enabled": False,
    "automated_zreports_time": None,
    "automated_zreports_email": None,
}
_SUBSCRIPTION = {
    "start_date": "2015-04-02T13:37:41+02:00",
    "due_date": None,
    "subscription_plan": {"id": 39, "name": "Example plan"},
    "users_quota": None,
    "active": True,
    "pactas_based": False,
}
_ACCOUNT = {
    "paypal": False,
    "ebay": False,
    "image": None,
    "shipping_address": None,
    "billing_address": _ADDRESS,
    "phone_numbers": [{"country_code": "49", "id": 1444, "type": "normal", "national_number": "030 0000000"}],
    "name": "Example Store",
    "store_name": "Example Store",
    "email": "user@example.com",
    "invoice_counter": 2,
    "settings": _SETTINGS,
    "image_width": 0,
    "image_height": 0,
    "permissions": ["accounts.can_open_backoffice", "products.can_adjust_inventory"],
    "subscriptions": [_SUBSCRIPTION],
    "users_quota": None,
    "image_absolute": None,
    "is_ece": False,
    "first_app_login": "2015-04-02T11:48:58.474Z",
    "account_creation": "2015-04-02T11:16:20.623Z",
    "country": "DE",
    "locale": "de_DE",
    "currency": "EUR",
    "first_owner_id": 2001,
    "bluecode_api_key": None,
    "bluecode_merchant": None,
    "bluecode_branch": None,
}


def render_info(state: State, version: int) -> dict[str, Any]:
    """Everything about the account; versions below 10 have groups in place of roles and permissions."""
    body: dict[str, Any] = {
        "tax_types": [{"id": tax.id, "name": tax.name, "tax_rate": f"{tax.rate:.5f}"} for tax in state.taxes.values()],
        "customer_groups": [{"id": 501, "name": "Example group", "description": "-"}],
        "attributes": _attributes(state, version),
        "account": _account(state),
        "ece_categories": [],
        "channels": [
            {"name": name, "description": name, "translated_name": shown} for name, shown in _CHANNELS.items()
        ],
        "carriers": [{"id": number, "description": name} for number, name in _CARRIERS.items()],
        "countries": {"DE": "Germany", "AT": "Austria"},
        "units": _UNITS,
    }
    if version < 10:
        return body | {"groups": [{"id": 1946, "name": "owner"}, {"id": 1948, "name": "staff"}]}
    roles = {1946: "owner", 1947: "manager", 1948: "staff"}
    body["roles"] = [{"id": number, "name": name, "key_name": name} for number, name in roles.items()]
    body["permissions"] = [
        {"name": "Can see reports", "codename": "can_see_reports", "id": 539, "description": "Can see reports"}
    ]
    return body


def _attributes(state: State, version: int) -> list[dict[str, Any]]:
    used = {name: number for name, number in state.attribute_usage.items() if number > 0}
    names = [*_KNOWN_ATTRIBUTES, *(name for name in used if name not in _KNOWN_ATTRIBUTES)]
    if version < 10:
        return [{"key": name} for name in names]
    return [
        {"used": name in used, "usage_count": used.get(name, 0), "key": name, "name": name.capitalize()}
        for name in names
    ]


def _account(state: State) -> dict[str, Any]:
    settings = state.settings
    hours = [
        {
            "id": 413 + day,
            "day_of_week": day,
            "opens_hour": 8,
            "opens_minute": 0,
            "closes_hour": 18,
            "closes_minute": 0,
            "valid_from": None,
            "valid_through": None,
            "enabled": True,
        }
        for day in range(1, 7)
    ]
    return {
        **_ACCOUNT,
        **dict.fromkeys(_EMPTY_TEXTS, ""),
        "id": settings.account_id,
        "timezone": settings.timezone,
        "opening_hours": hours,
    }
