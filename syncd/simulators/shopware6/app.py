"""The simulated Shopware 6 shop: routing, bulk writes, uploads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from syncd.simulators.pictures import image_kind
from syncd.simulators.server import SimResponse
from syncd.simulators.shopware6.auth import Authenticator
from syncd.simulators.shopware6.control import Control
from syncd.simulators.shopware6.criteria import IS_ID, Criteria, Search
from syncd.simulators.shopware6.model import ENTITIES
from syncd.simulators.shopware6.problems import ApiError, missing_privileges, not_found
from syncd.simulators.shopware6.render import View
from syncd.simulators.shopware6.settings import Shopware6Settings
from syncd.simulators.shopware6.state import Shop
from syncd.simulators.shopware6.writer import Writer

if TYPE_CHECKING:
    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.simulators.server import SimRequest

_SEARCH = re.compile(r"/api/search/([a-z-]+)")
_ITEM = re.compile(r"/api/([a-z-]+)/([^/]+)")
_FILE = re.compile(r"/media/([^/]+)")
_UPLOAD = re.compile(r"/api/_action/media/([^/]+)/upload")
_NUMBER = re.compile(r"/api/_action/number-range/reserve/([a-z_]+)(?:/([0-9a-f]{32}|null))?")
_JSON = "application/json"


class Shopware6Sim:
    """A shop that keeps state; plugs into ``SimServer``.

    ``control`` is the control interface; the same actions are methods of ``people``.
    """

    def __init__(self, settings: Shopware6Settings | None = None) -> None:
        self.settings = settings or Shopware6Settings()
        self.shop = Shop(self.settings)
        self.auth = Authenticator(self.shop)
        self.people = Control(self.shop)
        self._search = Search(self.shop)
        self._writer = Writer(self.shop)

    def seed(self, catalogue: Sequence[CatalogueProduct]) -> None:
        """Create products as people do: variants leave price, tax and name to their parent."""
        for product in catalogue:
            self.people.create(product)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out one action of the people."""
        return self.people.act(action, arguments)

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request of the Admin API."""
        with self.shop.lock:
            try:
                response = self._answer(request)
            except ApiError as problem:
                response = problem.response()
            date = formatdate(self.settings.now(), usegmt=True)
        return SimResponse(response.status, response.body, {"Date": date, **response.headers})

    def _answer(self, request: SimRequest) -> SimResponse:
        if request.path == "/api/oauth/token" and request.method == "POST":
            return self.auth.token(request)
        if request.method == "GET" and (found := _FILE.fullmatch(request.path)):
            return self._file(found[1])
        self.auth.require(request)
        route = (request.method, request.path)
        if route == ("GET", "/api/_info/version"):
            return SimResponse(200, {"version": self.settings.version})
        if route == ("POST", "/api/_action/sync"):
            return self._sync(_body(request))
        if request.method == "POST" and (found := _UPLOAD.fullmatch(request.path)):
            return self._upload(request, found[1])
        if request.method == "GET" and (found := _NUMBER.fullmatch(request.path)):
            return SimResponse(200, {"number": f"SW{10000 + self.shop.next_number(f'range of {found[1]}')}"})
        if request.method == "POST" and (found := _SEARCH.fullmatch(request.path)):
            return self._find(request, found[1].replace("-", "_"))
        if found := _ITEM.fullmatch(request.path):
            return self._item(request, found[1].replace("-", "_"), found[2])
        raise ApiError(404, "0", f'No route found for "{request.method} {request.path}"')

    def _find(self, request: SimRequest, entity: str) -> SimResponse:
        if entity not in ENTITIES:
            raise ApiError(404, "FRAMEWORK__DEFINITION_NOT_FOUND", f"{entity} is not known")
        _require_flat(request)
        body = _body(request)
        if not isinstance(body, dict):
            raise ApiError(400, "0", "criteria are an object")
        criteria = self._search.read(entity, body)
        self._require(_reads(entity, criteria.associations))
        found = self._search.find(entity, criteria)
        view = View(self._search, criteria)
        rows = [view.show(entity, row) for row in found.rows]
        for row in rows if entity == "media" else []:
            if str(row.get("url") or "").startswith("/"):
                row["url"] = request.url.partition("/api/")[0] + row["url"]
        return SimResponse(200, {"total": found.total, "data": rows, "aggregations": []})

    def _item(self, request: SimRequest, entity: str, row_id: str) -> SimResponse:
        if entity not in ENTITIES:
            raise ApiError(404, "FRAMEWORK__DEFINITION_NOT_FOUND", f"{entity} is not known")
        if not IS_ID.fullmatch(row_id):
            raise ApiError(400, "FRAMEWORK__INVALID_UUID", f"Value is not a valid UUID: {row_id}")
        row = self.shop.get(entity, row_id)
        if request.method == "GET":
            _require_flat(request)
            self._require({f"{entity}:read"})
            if row is None:
                raise not_found(entity, row_id)
            return SimResponse(200, {"data": View(self._search, Criteria()).show(entity, row)})
        if request.method == "DELETE":
            self._require({f"{entity}:delete"})
            if row is None:
                raise not_found(entity, row_id)
            self.shop.delete(entity, (row_id,))
            return SimResponse(204)
        raise ApiError(405, "0", f"{request.method} is not simulated")

    def _sync(self, body: Any) -> SimResponse:
        """Several writes, all in one transaction."""
        operations = list(body.items()) if isinstance(body, dict) else [(str(at), each) for at, each in enumerate(body)]
        data: dict[str, list[Any]] = {}
        missing: dict[str, list[Any]] = {}
        deleted: dict[str, list[Any]] = {}
        errors: list[dict[str, Any]] = []
        with self.shop.transaction():
            for place, operation in operations:
                _require_operation(operation, place)
                entity, payload = operation["entity"], operation["payload"]
                key = operation.get("key") or place
                self._require(self._writer.rights(entity, operation["action"], payload))
                if operation["action"] == "delete":
                    gone, absent = self._writer.delete(entity, payload)
                    deleted.setdefault(entity, []).extend(gone)
                    missing.setdefault(entity, []).extend(absent)
                else:
                    ids, found = self._writer.upsert(entity, payload, f"/{key}")
                    data.setdefault(entity, []).extend(ids)
                    errors += found
            if errors:
                raise ApiError(400, errors=errors)
        return SimResponse(200, {"extensions": [], "data": data, "notFound": missing, "deleted": deleted})

    def _upload(self, request: SimRequest, media_id: str) -> SimResponse:
        """The bytes of an image; its name is taken from the query and must be the only one in the shop."""
        self._require({"media:update"})
        row = self.shop.get("media", media_id)
        if row is None:
            raise not_found("media", media_id)
        ending, name = request.param("extension"), request.param("fileName") or media_id
        if not ending:
            raise ApiError(400, "CONTENT__MEDIA_MISSING_FILE_EXTENSION", "No file extension provided.")
        if request.headers.get("content-type", "").startswith(_JSON):
            raise ApiError(400, "CONTENT__MEDIA_URL_NOT_SIMULATED", "this simulation takes bytes only")
        for other in self.shop.rows("media").values():
            if other["id"] != media_id and (other["fileName"], other["fileExtension"]) == (name, ending):
                detail = f'A file with the name "{name}.{ending}" already exists.'
                raise ApiError(409, "CONTENT__MEDIA_DUPLICATED_FILE_NAME", detail)
        kind = image_kind(request.body)
        if not kind:
            raise ApiError(415, "CONTENT__MEDIA_FILE_TYPE_NOT_SUPPORTED", "The file is no image.")
        self.shop.files[media_id] = request.body
        row.update(
            fileName=name, fileExtension=ending, mimeType=kind, fileSize=len(request.body),
            url=f"/media/{name}.{ending}", updatedAt=self.shop.stamp(),
        )  # fmt: skip
        return SimResponse(204, headers={"Location": f"/api/media/{media_id}"})

    def _file(self, name: str) -> SimResponse:
        """An image as customers fetch it."""
        for row in self.shop.rows("media").values():
            if f"{row['fileName']}.{row['fileExtension']}" == name and row["id"] in self.shop.files:
                return SimResponse(200, self.shop.files[row["id"]], {"Content-Type": row["mimeType"]})
        return SimResponse(404)

    def _require(self, rights: set[str]) -> None:
        missing = self.auth.missing(rights)
        if missing:
            raise missing_privileges(missing)


def _body(request: SimRequest) -> Any:
    if _JSON not in request.headers.get("content-type", ""):
        raise ApiError(415, "0", "the body is no JSON")
    try:
        return json.loads(request.body or b"{}")
    except ValueError:
        raise ApiError(400, "0", "Syntax error in the JSON body") from None


def _require_flat(request: SimRequest) -> None:
    """Without ``Accept`` the real shop answers in another shape, which is not simulated."""
    if _JSON not in request.headers.get("accept", ""):
        raise ApiError(406, "0", "only application/json is simulated")


def _require_operation(operation: Any, place: str) -> None:
    if not isinstance(operation, dict):
        raise ApiError(400, "0", "Invalid payload format. Expected an array of operations.")
    named = f'for operation with key "{operation.get("key") or place}"'
    if operation.get("entity") not in ENTITIES:
        raise ApiError(400, "FRAMEWORK__INVALID_SYNC_OPERATION", f'Missing or invalid "entity" argument {named}.')
    if operation.get("action") not in {"upsert", "delete"}:
        raise ApiError(400, "FRAMEWORK__INVALID_SYNC_OPERATION", f'Missing or invalid "action" argument {named}.')
    if not isinstance(operation.get("payload"), list) or not operation["payload"]:
        raise ApiError(400, "FRAMEWORK__INVALID_SYNC_OPERATION", f'Missing "payload"|"criteria" argument {named}.')


def _reads(entity: str, associations: Mapping[str, Any]) -> set[str]:
    rights = {f"{entity}:read"}
    for name, nested in associations.items():
        association = ENTITIES[entity].associations[name]
        rights |= _reads(association.entity, (nested or {}).get("associations") or {})
    return rights
