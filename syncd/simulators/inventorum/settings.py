"""What the simulated INVENTORUM does where the real one is in doubt, and who may log in.

Every doubtful behaviour has a setting with each reading that the facts allow, so that a client can be tried against
all of them. The defaults are the most likely reading, or the one that hurts a careless client most.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ALL_SCOPES = (
    "basic:read products:read products:create products:update products:delete orders:read orders:create orders:update "
    "tax_types:read tax_types:create tax_types:update categories:read categories:create images:create"
)


class InventorumSettings(BaseModel):
    """Settings of the simulator; every field may be changed while it runs (control action ``set``).

    Attributes:
        client_id: Id of the only app.
        client_secret: Its secret.
        refresh_token: The first refresh token, as a merchant would copy it from the "API & Apps" page.
        scope: Rights of tokens, space separated; ``resource:action``, or a bare resource for all its actions.
        expires_in: Life of an access token in seconds.
        refresh_refused_status: Status for a refresh token that is used up or unknown.
        refresh_grace_seconds: How long a used refresh token still works.
        access_dies_on_refresh: Whether a refresh ends the access tokens given out before.
        invalid_token_status: Status for an access token that is missing, unknown or expired.
        info_allowed: Whether app tokens may read ``/info/``; otherwise 403.
        rate_limit_per_second: Requests per second before 429; 0 is no limit.
        rate_limit_retry_after: Whether a 429 carries ``Retry-After``.
        write_without_slash: A write without trailing slash is redirected (301, without effect) or refused (404).
        missing_version: Version assumed if ``X-Api-Version`` is missing; ``None`` answers 400.
        orders_processed_version: Version with which orders are processed whatever was asked; ``None`` as asked.
        limit_over_maximum: A ``limit`` above the maximum is clamped or answered with 400.
        page_beyond_end: A page after the last one is an empty list or 404.
        page_below_first: A page before the first one repeats the first or is 404.
        naive_start_date: A ``start_date`` without offset is UTC, in the account's zone, or answered with 400.
        missing_start_date: Product deltas without ``start_date`` list everything or answer 400.
        start_date_inclusive: Whether a change exactly at ``start_date`` is listed.
        delta_variation_rows: Which row appears when a variation changed: its parent's, its own, or both.
        delta_v13_paging: How the modified delta pages at version 13: correctly (``none``), always the first page, one
            row lost at each page border, or with the page's length as ``total``.
        delta_v13_results: Whether product deltas use the ``results`` envelope at version 13.
        deleted_retention_seconds: How long deletions are listed; ``None`` for ever.
        deleted_lists_variations: Whether ids of variations are in the deleted list.
        list_variation_rows: Whether ``/products/`` has a row for each variation: never, at version 13, always.
        list_has_codes: Whether rows of ``/products/`` carry ``product_code`` and ``ean``.
        list_order: ``/products/`` by id, or latest change first (rows then move between pages).
        search_duplicates: Whether ``search`` lists a product once for every field that matches.
        detail_has_time_modified: Whether a product's detail carries ``time_modified`` at version 13.
        variation_detail: Whether ``/products/{id}/`` answers for the id of a variation; otherwise 404.
        put_quantity: ``quantity`` in a PUT overwrites the stock or is ignored.
        price_winner: Which price counts if a write sends both and they disagree.
        unique_codes: Whether a second product with the same ``product_code`` is refused.
        adjust_requires_price: Whether ``adjust_inventory`` demands ``price`` or ``cost``.
        adjust_on_parent: ``adjust_inventory`` on a product with variations answers 400, or 200 without effect.
        quantity_unknown_ids: Unknown ids in ``/products/quantity/`` are left out or answered with 404.
        quantity_variation_ids: Whether ``/products/quantity/`` knows the ids of variations.
        quantity_max_ids: Most ids in one ``/products/quantity/`` call, more is 400; 0 is no limit.
        orders_delta_page_base: Number of the first page of ``/orders/delta/``.
        orders_delta_channel: Channel that ``/orders/delta/`` lists if none is named; empty for all.
        orders_list_requires_end: Whether ``/orders/`` with ``start`` but without ``end`` is answered with 400.
        orders_list_zone: Zone in which ``start`` and ``end`` of ``/orders/`` are read.
        order_lowers_stock: Whether ``POST /orders/`` lowers stock.
        order_replaces_zero_tax: Whether tax rate 0 in an order is replaced by the product's rate (as in mid 2015).
        return_lowers_item: Whether a return lowers ``quantity`` of the order's item.
        tax_create_as_array: Whether ``POST /taxes/`` answers an array with one object, or the object.
        clock_skew_seconds: How far the server's clock is ahead of ours, in ``Date`` and in stored times.
        timezone: Zone of the account.
        account_id: Id of the account.
        seed_age_seconds: How long ago the seeded products were made.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    client_id: str = "sim-client"
    client_secret: str = "sim-secret"  # noqa: S105 - an obvious test default of a simulator
    refresh_token: str = "sim-refresh-0"  # noqa: S105 - an obvious test default of a simulator
    scope: str = ALL_SCOPES
    expires_in: int = 36000
    refresh_refused_status: Literal[400, 401] = 400
    refresh_grace_seconds: float = Field(default=0, ge=0)
    access_dies_on_refresh: bool = False
    invalid_token_status: Literal[401, 400] = 401
    info_allowed: bool = True
    rate_limit_per_second: int = Field(default=20, ge=0)
    rate_limit_retry_after: bool = True

    write_without_slash: Literal["redirect", "refuse"] = "redirect"
    missing_version: int | None = 12
    orders_processed_version: int | None = None
    limit_over_maximum: Literal["clamp", "error"] = "clamp"
    page_beyond_end: Literal["empty", "not_found"] = "empty"
    page_below_first: Literal["first", "not_found"] = "first"

    naive_start_date: Literal["utc", "account", "refuse"] = "utc"
    missing_start_date: Literal["all", "refuse"] = "all"
    start_date_inclusive: bool = True
    delta_variation_rows: Literal["parent", "variation", "both"] = "parent"
    delta_v13_paging: Literal["none", "page_ignored", "row_skipped", "total_wrong"] = "row_skipped"
    delta_v13_results: bool = True
    deleted_retention_seconds: float | None = None
    deleted_lists_variations: bool = True

    list_variation_rows: Literal["never", "v13", "always"] = "v13"
    list_has_codes: bool = False
    list_order: Literal["id", "changed"] = "id"
    search_duplicates: bool = True
    detail_has_time_modified: bool = False
    variation_detail: bool = True

    put_quantity: Literal["overwrite", "ignored"] = "overwrite"
    price_winner: Literal["price", "gross_price"] = "price"
    unique_codes: bool = False
    adjust_requires_price: bool = False
    adjust_on_parent: Literal["refuse", "ignore"] = "refuse"
    quantity_unknown_ids: Literal["omit", "error"] = "omit"
    quantity_variation_ids: bool = True
    quantity_max_ids: int = Field(default=0, ge=0)

    orders_delta_page_base: Literal[0, 1] = 0
    orders_delta_channel: str = "shop"
    orders_list_requires_end: bool = False
    orders_list_zone: Literal["utc", "account"] = "account"
    order_lowers_stock: bool = True
    order_replaces_zero_tax: bool = False
    return_lowers_item: bool = True
    tax_create_as_array: bool = True

    clock_skew_seconds: float = 0
    timezone: str = "Europe/Berlin"
    account_id: int = 1001
    seed_age_seconds: float = Field(default=86400, ge=0)
