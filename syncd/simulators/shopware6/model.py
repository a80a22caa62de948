"""The entities that the simulated shop knows: their fields and how they belong together.

Source: shopware6-api.md sections 2 and 6, and the OpenAPI file of 6.7.10.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

SYSTEM_CURRENCY = "b7d2554b0ce847cd82f3ac9bd1c0dfca"
LANGUAGE = "2fbb5fe2e29a4d70aa5854ce7ce3e20b"
LIVE_VERSION = "0fa91ce3e96a4bc2be4bd9ce752c3425"
STOREFRONT = "8a243080f92e4c719546314b577cf82b"


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    Attributes:
        kind: ``id``, ``string``, ``html``, ``int``, ``float``, ``bool``, ``json``, ``list``, ``price`` or ``date``.
        required: Needed when a row is inserted.
        protected: Set by the shop alone.
        inherited: Of a variant without a value of its own, the parent's counts: then it is not required.
        to: Entity that an id refers to.
        translated: Whether it is shown under ``translated`` as well.
        longest: In characters.
    """

    kind: str
    required: bool = False
    protected: bool = False
    inherited: bool = False
    to: str = ""
    translated: bool = False
    longest: int = 255


@dataclass(frozen=True, slots=True)
class Association:
    """How rows of another entity belong to a row.

    Attributes:
        entity: The other entity.
        own: Field of this row with the other's id (to one).
        foreign: Field of the other rows with this row's id (to many).
        through: Mapping entity, with ``foreign`` for this row's id and ``other`` for the other's.
        other: See ``through``.
        single: There is at most one other row with this row's id.
    """

    entity: str
    own: str = ""
    foreign: str = ""
    through: str = ""
    other: str = ""
    single: bool = False

    @property
    def to_many(self) -> bool:
        """Whether there may be several."""
        return not self.own and not self.single


@dataclass(frozen=True, slots=True)
class Entity:
    """One table.

    Attributes:
        fields: By name.
        associations: By name.
        key: Fields of the primary key.
        unique: Groups of fields that no two rows may share.
        defaults: Values of an inserted row.
    """

    fields: dict[str, Field]
    associations: dict[str, Association] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)
    unique: tuple[tuple[str, ...], ...] = ()
    defaults: Row = field(default_factory=dict)


_STAMPS = {"createdAt": Field("date", protected=True), "updatedAt": Field("date", protected=True)}
_ID = {"id": Field("id", required=True)}


def _fk(entity: str, *, required: bool = False, inherited: bool = False) -> Field:
    return Field("id", required=required, inherited=inherited, to=entity)


def _name(*, inherited: bool = False) -> Field:
    return Field("string", required=True, inherited=inherited, translated=True)


ENTITIES: dict[str, Entity] = {
    "product": Entity(
        {
            **_ID,
            "parentId": _fk("product"),
            "manufacturerId": _fk("product_manufacturer", inherited=True),
            "taxId": _fk("tax", required=True, inherited=True),
            "coverId": Field("id", inherited=True),
            "price": Field("price", required=True, inherited=True),
            "productNumber": Field("string", required=True, longest=64),
            "autoIncrement": Field("int", protected=True),
            "active": Field("bool", inherited=True),
            "available": Field("bool", protected=True),
            "isCloseout": Field("bool", inherited=True),
            "availableStock": Field("int", protected=True),
            "stock": Field("int", required=True),
            "ean": Field("string", inherited=True),
            "manufacturerNumber": Field("string", inherited=True),
            "childCount": Field("int", protected=True),
            "sales": Field("int", protected=True),
            "name": _name(inherited=True),
            "description": Field("html", inherited=True, translated=True, longest=1_000_000),
            "customFields": Field("json", inherited=True, translated=True),
            "states": Field("list", protected=True),
            **_STAMPS,
        },
        {
            "tax": Association("tax", own="taxId"),
            "manufacturer": Association("product_manufacturer", own="manufacturerId"),
            "cover": Association("product_media", own="coverId"),
            "media": Association("product_media", foreign="productId"),
            "children": Association("product", foreign="parentId"),
            "visibilities": Association("product_visibility", foreign="productId"),
            "configuratorSettings": Association("product_configurator_setting", foreign="productId"),
            "categories": Association("category", through="product_category", foreign="productId", other="categoryId"),
            "options": Association(
                "property_group_option", through="product_option", foreign="productId", other="optionId"
            ),
        },
        defaults={"isCloseout": False, "active": True, "sales": 0, "childCount": 0, "states": ["is-physical"]},
    ),
    "tax": Entity({**_ID, "taxRate": Field("float", required=True), "name": Field("string", required=True), **_STAMPS}),
    "currency": Entity(
        {**_ID, "isoCode": Field("string", required=True), "factor": Field("float", required=True), "name": _name()}
    ),
    "product_manufacturer": Entity({**_ID, "name": _name(), **_STAMPS}),
    "category": Entity(
        {
            **_ID,
            "parentId": _fk("category"),
            "autoIncrement": Field("int", protected=True),
            "name": _name(),
            "breadcrumb": Field("list", protected=True, translated=True),
            "level": Field("int", protected=True),
            "type": Field("string"),
            "active": Field("bool"),
            "visible": Field("bool"),
            **_STAMPS,
        },
        {"parent": Association("category", own="parentId"), "children": Association("category", foreign="parentId")},
        defaults={"type": "page", "active": True, "visible": True},
    ),
    "product_category": Entity(
        {"productId": _fk("product", required=True), "categoryId": _fk("category", required=True)},
        key=("productId", "categoryId"),
    ),
    "property_group": Entity(
        {**_ID, "name": _name(), **_STAMPS},
        {"options": Association("property_group_option", foreign="groupId")},
    ),
    "property_group_option": Entity(
        {**_ID, "groupId": _fk("property_group", required=True), "name": _name(), "position": Field("int"), **_STAMPS},
        {"group": Association("property_group", own="groupId")},
    ),
    "product_option": Entity(
        {"productId": _fk("product", required=True), "optionId": _fk("property_group_option", required=True)},
        key=("productId", "optionId"),
    ),
    "product_configurator_setting": Entity(
        {
            **_ID,
            "productId": _fk("product", required=True),
            "optionId": _fk("property_group_option", required=True),
            **_STAMPS,
        },
        {"option": Association("property_group_option", own="optionId")},
        unique=(("productId", "optionId"),),
    ),
    "product_visibility": Entity(
        {
            **_ID,
            "productId": _fk("product", required=True),
            "salesChannelId": _fk("sales_channel", required=True),
            "visibility": Field("int", required=True),
            **_STAMPS,
        },
        unique=(("productId", "salesChannelId"),),
    ),
    "product_media": Entity(
        {
            **_ID,
            "productId": _fk("product", required=True),
            "mediaId": _fk("media", required=True),
            "position": Field("int"),
            "customFields": Field("json"),
            **_STAMPS,
        },
        {"media": Association("media", own="mediaId")},
    ),
    "media": Entity(
        {
            **_ID,
            "title": Field("string", translated=True),
            "alt": Field("string", translated=True),
            "mediaFolderId": Field("id"),
            "fileName": Field("string", protected=True),
            "fileExtension": Field("string", protected=True),
            "mimeType": Field("string", protected=True),
            "fileSize": Field("int", protected=True),
            "url": Field("string", protected=True),
            "customFields": Field("json", translated=True),
            **_STAMPS,
        }
    ),
    "media_default_folder": Entity(
        {**_ID, "entity": Field("string", required=True)},
        {"folder": Association("media_folder", foreign="defaultFolderId", single=True)},
    ),
    "media_folder": Entity({**_ID, "defaultFolderId": _fk("media_default_folder"), "name": Field("string")}),
    "sales_channel": Entity(
        {
            **_ID,
            "typeId": Field("id", required=True),
            "name": _name(),
            "active": Field("bool"),
            "navigationCategoryId": _fk("category", required=True),
            "currencyId": _fk("currency", required=True),
            **_STAMPS,
        }
    ),
    "state_machine_state": Entity({**_ID, "technicalName": Field("string", required=True), "name": _name()}),
    "order": Entity(
        {
            **_ID,
            "autoIncrement": Field("int", protected=True),
            "orderNumber": Field("string"),
            "orderDateTime": Field("date"),
            "stateId": _fk("state_machine_state"),
            "currencyId": _fk("currency"),
            "salesChannelId": _fk("sales_channel"),
            "amountTotal": Field("float"),
            "taxStatus": Field("string"),
            **_STAMPS,
        },
        {
            "lineItems": Association("order_line_item", foreign="orderId"),
            "stateMachineState": Association("state_machine_state", own="stateId"),
        },
    ),
    "order_line_item": Entity(
        {
            **_ID,
            "orderId": _fk("order"),
            "productId": _fk("product"),
            "referencedId": Field("string"),
            "identifier": Field("string"),
            "label": Field("string"),
            "type": Field("string"),
            "quantity": Field("int"),
            "unitPrice": Field("float"),
            "totalPrice": Field("float"),
            "payload": Field("json"),
            **_STAMPS,
        },
        {"order": Association("order", own="orderId")},
    ),
    "integration": Entity(
        {**_ID, "label": Field("string"), "accessKey": Field("string"), "admin": Field("bool"), **_STAMPS},
        {"aclRoles": Association("acl_role", through="integration_role", foreign="integrationId", other="aclRoleId")},
    ),
    "integration_role": Entity(
        {"integrationId": _fk("integration"), "aclRoleId": _fk("acl_role")}, key=("integrationId", "aclRoleId")
    ),
    "acl_role": Entity({**_ID, "name": Field("string"), "privileges": Field("list"), **_STAMPS}),
}
"""By name, as in the key ``entity`` of bulk writes; routes use dashes."""

READ_ONLY = frozenset(
    {"order", "order_line_item", "integration", "integration_role", "acl_role", "state_machine_state"}
)
"""Entities that nobody but the shop itself writes in this simulation."""
