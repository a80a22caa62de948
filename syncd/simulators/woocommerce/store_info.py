"""Routes about the shop itself: taxes, settings, categories, attributes, versions. Simple, but of the right shape."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import listing, php, text
from syncd.simulators.woocommerce.call import Call, Route
from syncd.simulators.woocommerce.problems import ApiError
from syncd.simulators.woocommerce.render import View
from syncd.simulators.woocommerce.state import Category

if TYPE_CHECKING:
    from syncd.simulators.server import SimResponse
    from syncd.simulators.woocommerce.state import Shop

_CLASSES = {"standard": "Standard rate", "reduced-rate": "Reduced rate", "zero-rate": "Zero rate"}
_RATES = ((1, "19.0000", "MwSt. 19%", "standard"), (2, "7.0000", "MwSt. 7%", "reduced-rate"))
_TERM_ORDER = ["id", "include", "name", "slug", "term_group", "description", "count"]


class StoreInfo:
    """Answers what a client asks about the shop's set-up."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def routes(self) -> list[Route]:
        """Methods, pattern, handler."""
        return [
            ("GET", "taxes", self.taxes),
            ("GET", "taxes/classes", self.tax_classes),
            *self._term_routes("categories"),
            *self._term_routes("brands"),
            ("GET", "products/attributes", self.list_attributes),
            ("POST", "products/attributes", self.create_attribute),
            ("GET", "webhooks", self.webhooks),
            ("GET", "settings", self.setting_groups),
            ("GET", r"settings/(?P<group>[\w-]+)", self.setting_group),
            ("GET", r"settings/(?P<group>[\w-]+)/(?P<id>[\w-]+)", self.setting),
            ("GET", "system_status", self.system_status),
        ]

    def _page(self, call: Call, data: list[dict[str, Any]]) -> SimResponse:
        headers = {"X-WP-Total": str(len(data)), "X-WP-TotalPages": "1" if data else "0"}
        return call.reply(data, headers=headers)

    def taxes(self, call: Call) -> SimResponse:
        """``GET /taxes``."""
        view = View(self.shop, call.root)
        rows = [
            {
                "id": rate_id,
                "country": "DE",
                **dict.fromkeys(("state", "postcode", "city"), ""),
                "rate": rate,
                "name": name,
                "priority": 1,
                "compound": False,
                "shipping": True,
                "order": rate_id,
                "class": tax_class,
                "postcodes": [],
                "cities": [],
                "_links": view.item_links(f"taxes/{rate_id}", "taxes"),
            }
            for rate_id, rate, name, tax_class in _RATES
            if call.query.get("class") in {None, tax_class}
        ]
        return self._page(call, rows)

    def tax_classes(self, call: Call) -> SimResponse:
        """``GET /taxes/classes``."""
        links = {"collection": [{"href": f"{call.root}/wc/v3/taxes/classes"}]}
        return self._page(call, [{"slug": slug, "name": name, "_links": links} for slug, name in _CLASSES.items()])

    def _term_routes(self, kind: str) -> list[Route]:
        """Routes of ``products/categories`` or ``products/brands``: the same controller in WooCommerce."""
        return [
            ("GET", f"products/{kind}", partial(self.list_terms, kind)),
            ("POST", f"products/{kind}", partial(self.create_term, kind)),
            ("GET", rf"products/{kind}/(?P<id>\d+)", partial(self.read_term, kind)),
            ("DELETE", rf"products/{kind}/(?P<id>\d+)", partial(self.delete_term, kind)),
        ]

    def _terms(self, kind: str) -> dict[int, Category]:
        return self.shop.categories if kind == "categories" else self.shop.brands

    def _term(self, kind: str, call: Call, term: Category) -> dict[str, Any]:
        up = f"products/{kind}/{term.parent}" if term.parent else ""
        links = View(self.shop, call.root).item_links(f"products/{kind}/{term.id}", f"products/{kind}", up)
        seen = [product for product in self.shop.products if product.status == "publish"]
        return {
            "id": term.id,
            "name": term.name,
            "slug": term.slug,
            "parent": term.parent,
            "description": "",
            "display": "default",
            "image": None,
            "menu_order": 0,
            "count": sum(1 for p in seen if term.id in (p.categories if kind == "categories" else p.brands)),
            "_links": links,
        }

    def list_terms(self, kind: str, call: Call) -> SimResponse:
        """``GET /products/categories``, by name."""
        defaults = {"order": "asc", **call.query}
        query = listing.parse(defaults, self.shop.offset_s, _TERM_ORDER, "name")
        with self.shop.lock:
            rows = list(self._terms(kind).values())
            if query.include:
                rows = [row for row in rows if row.id in query.include]
            if "search" in call.query:
                rows = [row for row in rows if str(call.query["search"]).casefold() in row.name.casefold()]
            if "slug" in call.query:
                rows = [row for row in rows if row.slug in php.as_list(call.query["slug"])]
            if "parent" in call.query:
                rows = [row for row in rows if row.parent == php.intval(call.query["parent"])]
            rows.sort(key=lambda row: row.id if query.orderby == "id" else row.name, reverse=query.descending)
            start = (query.page - 1) * query.per_page
            data = [self._term(kind, call, row) for row in rows[start : start + query.per_page]]
        return listing.answer(call, query, len(rows), data)

    def create_term(self, kind: str, call: Call) -> SimResponse:
        """``POST /products/categories``; the same name under the same parent is refused."""
        name, parent = text.title(call.body.get("name") or ""), php.intval(call.body.get("parent") or 0)
        if not name:
            message = "Missing parameter(s): name"
            raise ApiError(400, "rest_missing_callback_param", message, params=["name"])
        with self.shop.lock:
            for old in self._terms(kind).values():
                if old.name == name and old.parent == parent:
                    message = "A term with the name provided already exists with this parent."
                    raise ApiError(400, "term_exists", message, resource_id=old.id)
            if parent and parent not in self._terms(kind):
                raise ApiError(400, "missing_parent", "Parent term does not exist.")
            term = Category(self.shop.next_term_id, name, text.slug(name), parent)
            self.shop.next_term_id += 1
            self._terms(kind)[term.id] = term
            return call.created(self._term(kind, call, term), f"products/{kind}/{term.id}")

    def _find_term(self, kind: str, call: Call) -> Category:
        term = self._terms(kind).get(call.id())
        if term is None:
            raise ApiError(404, "woocommerce_rest_term_invalid", "Resource does not exist.")
        return term

    def read_term(self, kind: str, call: Call) -> SimResponse:
        """``GET /products/categories/{id}``."""
        with self.shop.lock:
            return call.reply(self._term(kind, call, self._find_term(kind, call)))

    def delete_term(self, kind: str, call: Call) -> SimResponse:
        """``DELETE /products/categories/{id}``; terms have no trash."""
        if not call.force:
            message = "Resource does not support trashing."
            raise ApiError(501, "woocommerce_rest_trash_not_supported", message)
        with self.shop.lock:
            term = self._find_term(kind, call)
            data = self._term(kind, call, term)
            self.shop.remove_term(kind, term.id)
            return call.reply(data)

    def _attribute(self, call: Call, attribute: dict[str, Any]) -> dict[str, Any]:
        path = f"products/attributes/{attribute['id']}"
        return {**attribute, "_links": View(self.shop, call.root).item_links(path, "products/attributes")}

    def list_attributes(self, call: Call) -> SimResponse:
        """``GET /products/attributes``."""
        with self.shop.lock:
            return self._page(call, [self._attribute(call, row) for row in self.shop.attributes.values()])

    def create_attribute(self, call: Call) -> SimResponse:
        """``POST /products/attributes``."""
        name = text.plain(call.body.get("name") or "")
        slug = "pa_" + text.slug(str(call.body.get("slug") or name)).removeprefix("pa_")
        with self.shop.lock:
            if any(row["slug"] == slug for row in self.shop.attributes.values()):
                message = f'Slug "{slug}" is already in use. Change it, please.'
                raise ApiError(400, "woocommerce_rest_cannot_create", message)
            attribute_id = len(self.shop.attributes) + 1
            self.shop.attributes[attribute_id] = {
                "id": attribute_id,
                "name": name,
                "slug": slug,
                "type": "select",
                "order_by": "menu_order",
                "has_archives": False,
            }
            data = self._attribute(call, self.shop.attributes[attribute_id])
            return call.created(data, f"products/attributes/{attribute_id}")

    def webhooks(self, call: Call) -> SimResponse:
        """``GET /webhooks``: there are none; deliveries are not simulated."""
        return self._page(call, [])

    def _settings(self) -> dict[str, dict[str, tuple[str, str]]]:
        """Group to option to (label, value)."""
        s = self.shop.settings
        yes = {True: "yes", False: "no"}
        return {
            "general": {
                "woocommerce_default_country": ("Country / State", "DE"),
                "woocommerce_calc_taxes": ("Enable taxes", yes[s.calc_taxes]),
                "woocommerce_currency": ("Currency", s.currency),
                "woocommerce_price_decimal_sep": ("Decimal separator", s.decimal_separator),
                "woocommerce_price_num_decimals": ("Number of decimals", "2"),
            },
            "products": {
                "woocommerce_manage_stock": ("Manage stock", yes[s.stock_management]),
                "woocommerce_hold_stock_minutes": ("Hold stock (minutes)", "60"),
                "woocommerce_notify_no_stock_amount": ("Out of stock threshold", "0"),
            },
            "tax": {
                "woocommerce_prices_include_tax": ("Prices entered with tax", yes[s.prices_include_tax]),
                "woocommerce_tax_based_on": ("Calculate tax based on", "shipping"),
                "woocommerce_tax_display_shop": ("Display prices in the shop", "incl"),
            },
        }

    def _option(self, call: Call, group: str, name: str) -> dict[str, Any]:
        label, value = self._settings()[group][name]
        path = f"settings/{group}"
        links = View(self.shop, call.root).item_links(f"{path}/{name}", path)
        kind = "checkbox" if value in {"yes", "no"} else "text"
        head = {"id": name, "label": label, "description": "", "type": kind, "default": "", "tip": ""}
        return {**head, "value": value, "group_id": group, "_links": links}

    def setting_groups(self, call: Call) -> SimResponse:
        """``GET /settings``."""
        rows = [
            {"id": n, "label": n.title(), "description": "", "parent_id": "", "sub_groups": []}
            for n in self._settings()
        ]
        return call.reply(rows)

    def setting_group(self, call: Call) -> SimResponse:
        """``GET /settings/{group}``."""
        group = call.args["group"]
        if group not in self._settings():
            raise ApiError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
        return call.reply([self._option(call, group, name) for name in self._settings()[group]])

    def setting(self, call: Call) -> SimResponse:
        """``GET /settings/{group}/{id}``."""
        group, name = call.args["group"], call.args["id"]
        if group not in self._settings():
            raise ApiError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
        if name not in self._settings()[group]:
            raise ApiError(404, "rest_setting_setting_invalid", "Invalid setting.")
        return call.reply(self._option(call, group, name))

    def options(self, call: Call, *, known: bool) -> SimResponse:
        """``GET wc-admin/options``: options of WordPress, for keys of administrators.

        Source: WooCommerce 10.5, ``src/Admin/API/Options.php``. Not recorded; of the options only one is known here.
        """
        if not (known and self.shop.settings.keys_of_administrator):
            message = "Sorry, you cannot view these options."
            raise ApiError(403 if known else 401, "woocommerce_rest_cannot_view", message)
        values = {"default_product_cat": str(self.shop.default_category)}
        return call.reply({name: values.get(name, False) for name in str(call.query.get("options", "")).split(",")})

    def system_status(self, call: Call) -> SimResponse:
        """``GET /system_status``: versions and a few settings."""
        s = self.shop.settings
        environment = {
            "home_url": View(self.shop, call.root).site,
            "version": s.woocommerce_version,
            "wp_version": s.wordpress_version,
            "server_info": "nginx/1.22.1",
            "php_version": "8.2.36",
            "default_timezone": "UTC",
        }
        store = "Automattic\\WooCommerce\\Internal\\DataStores\\Orders\\OrdersTableDataStore"
        settings = {
            "api_enabled": False,
            "force_ssl": False,
            "currency": s.currency,
            "currency_symbol": "&euro;",
            "currency_position": "right_space",
            "thousand_separator": ".",
            "decimal_separator": s.decimal_separator,
            "number_of_decimals": 2,
            "geolocation_enabled": False,
            "taxonomies": {name: name for name in ("external", "grouped", "simple", "variable")},
            "product_visibility_terms": {name: name for name in ("featured", "outofstock")},
            "woocommerce_com_connected": "no",
            "enforce_approved_download_dirs": True,
            "order_datastore": store,
            "HPOS_enabled": True,
            "HPOS_sync_enabled": False,
            "enabled_features": ["analytics", "custom_order_tables"],
        }
        return call.reply({"environment": environment, "settings": settings})
