"""Files of the simulated shop: places to upload to, images made out of what was put there, products that show them.

Source: shopify-api.md section 6 and the schema's own words for ``stagedUploadsCreate``, ``fileCreate``, ``fileUpdate``
and ``productReorderMedia``. What the real shop does behind the answer takes ``work_seconds`` here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from email import message_from_bytes
from email.message import Message
from typing import Any

from graphql import GraphQLResolveInfo

from syncd.simulators.pictures import image_kind
from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.shopify.rows import Image, Product
from syncd.simulators.shopify.search import Filter, by_word, connection, failed, search
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.views import View, Views, by_id, gid

STAGED = "/staged-uploads/"
CDN = "/cdn/files/"
_MOST_MEDIA = 250
_MODES = {"APPEND_UUID", "RAISE_ERROR", "REPLACE"}


class _Refused(Exception):
    def __init__(self, code: str, message: str, *field: str) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, list(field)


class Files:
    """The library, its mutations and its two addresses."""

    def __init__(self, shop: Shop, views: Views) -> None:
        self._shop = shop
        self._views = views
        self._places: dict[str, tuple[str, bytes | None]] = {}
        self._jobs: dict[str, tuple[float, Callable[[], None]]] = {}

    # -- Addresses

    def serve(self, request: SimRequest) -> SimResponse | None:
        """Take an upload or hand out a file; ``None`` if the address is neither."""
        if request.method == "POST" and request.path.startswith(STAGED):
            return self._upload(request)
        if request.method == "GET" and request.path.startswith(CDN):
            name = request.path.removeprefix(CDN)
            found = next((one for one in self._shop.files.values() if one.filename == name), None)
            if found is None:
                return SimResponse(404, b"not found")
            return SimResponse(200, found.content, {"Content-Type": image_kind(found.content)})
        return None

    def _upload(self, request: SimRequest) -> SimResponse:
        """As a signed form: who knows the signature may put one file there; a token of the shop is none."""
        key = request.path.removeprefix(STAGED)
        head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
        parts = message_from_bytes(head + request.body).get_payload()
        found = {_name(part): part.get_payload(decode=True) for part in parts if isinstance(part, Message)}
        if key not in self._places or found.get("signature") != self._places[key][0].encode():
            return SimResponse(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        content = found.get("file")
        self._places[key] = (self._places[key][0], content if isinstance(content, bytes) else b"")
        return SimResponse(201, b"<PostResponse/>")

    # -- Mutations

    def stage(self, info: GraphQLResolveInfo, input: Sequence[Mapping[str, Any]]) -> View:  # noqa: A002
        """``stagedUploadsCreate``."""
        targets = []
        for _ in input:
            key, signature = secrets.token_hex(8), secrets.token_hex(16)
            self._places[key] = (signature, None)
            address = f"{info.context['base']}{STAGED}{key}"
            parameters = [{"name": "signature", "value": signature}, {"name": "key", "value": f"tmp/{key}"}]
            targets.append({"url": address, "resourceUrl": f"{address}/file", "parameters": parameters})
        return {"stagedTargets": targets, "userErrors": []}

    def create(self, _: GraphQLResolveInfo, files: Sequence[Mapping[str, Any]]) -> View:
        """``fileCreate``: the answer comes before anybody has looked at the content."""
        self._needs_right()
        return self._carried_out(lambda: [self._create(one, str(at)) for at, one in enumerate(files)])

    def _create(self, given: Mapping[str, Any], at: str) -> Image:
        name, mode = (
            given.get("filename") or given["originalSource"].rpartition("/")[2],
            given["duplicateResolutionMode"],
        )
        if mode not in _MODES:
            raise _Refused("INVALID_DUPLICATE_RESOLUTION_MODE", "Invalid mode.", "files", at)
        taken = any(one.filename == name for one in self._shop.files.values())
        if taken and mode == "RAISE_ERROR":
            raise _Refused("FILENAME_ALREADY_EXISTS", "The provided filename already exists.", "files", at)
        key = given["originalSource"].rpartition(STAGED)[2].removesuffix("/file")
        content = self._places.get(key, ("", None))[1] or b""
        made = Image(self._shop.take_id(), name, given.get("alt") or "", content, self._shop.now())
        made.ready_at, made.failed = self._shop.now() + self._shop.settings.work_seconds, not image_kind(content)
        self._shop.files[made.id] = made
        return made

    def update(self, _: GraphQLResolveInfo, files: Sequence[Mapping[str, Any]]) -> View:
        """``fileUpdate``: products that refer to a file are added at their end, or taken away."""
        self._needs_right()

        def do() -> list[Image]:
            pairs = [(self._file(given["id"], str(at)), given) for at, given in enumerate(files)]
            steps = [
                (image, self._product(wanted, str(at)), add)
                for at, (image, given) in enumerate(pairs)
                for add, name in ((True, "referencesToAdd"), (False, "referencesToRemove"))
                for wanted in given.get(name) or []
            ]
            for image, product, add in steps:
                if add and image not in product.images:
                    product.images.append(image)
                elif not add and image in product.images:
                    product.images.remove(image)
                self._shop.touch(product)
            return [image for image, _ in pairs]

        return self._carried_out(do)

    def reorder(self, _: GraphQLResolveInfo, id: str, moves: Sequence[Mapping[str, Any]]) -> View:  # noqa: A002
        """``productReorderMedia``: a job does it, move by move."""
        try:
            product = self._product(id, "id")
        except _Refused:
            error = {"code": "PRODUCT_DOES_NOT_EXIST", "field": ["id"], "message": "Product does not exist"}
            return {"job": None, "mediaUserErrors": [error]}
        there = {gid("MediaImage", image.id) for image in product.images}
        if any(move["id"] not in there for move in moves):
            error = {"code": "MEDIA_DOES_NOT_EXIST_ON_PRODUCT", "field": ["moves"], "message": "Media does not exist"}
            return {"job": None, "mediaUserErrors": [error]}

        def carry_out() -> None:
            for move in moves:
                image = next(one for one in product.images if gid("MediaImage", one.id) == move["id"])
                product.images.remove(image)
                product.images.insert(int(move["newPosition"]), image)
            self._shop.touch(product)

        key = f"gid://shopify/Job/{secrets.token_hex(8)}"
        self._jobs[key] = (self._shop.now() + self._shop.settings.work_seconds, carry_out)
        self.work()
        return {"job": {"id": key, "done": key not in self._jobs}, "mediaUserErrors": []}

    # -- Queries

    def job(self, _: GraphQLResolveInfo, id: str) -> View:  # noqa: A002 - the API's name
        """``job``: one that is over is done."""
        return {"id": id, "done": id not in self._jobs}

    def files(self, _: GraphQLResolveInfo, query: str | None = None, **given: Any) -> View:
        """``files`` by name; what was made just now is not found yet."""
        self._needs_right()
        until = self._shop.now() - self._shop.settings.index_lag_seconds
        rows = [one for one in self._shop.files.values() if one.created_at <= until]
        filters: dict[str, Filter[Image]] = {"filename": by_word(lambda one: [one.filename])}
        return connection(search(rows, query, filters), given, self._views.image, by_id)

    def work(self) -> None:
        """Carry out the jobs that are due."""
        for key, (due, carry_out) in list(self._jobs.items()):
            if due <= self._shop.now():
                del self._jobs[key]
                carry_out()

    # -- Parts

    def _carried_out(self, do: Callable[[], list[Image]]) -> View:
        try:
            return {"files": [self._views.image(one) for one in do()], "userErrors": []}
        except _Refused as refused:
            error = {"code": refused.code, "field": refused.field, "message": refused.message}
            return {"files": None, "userErrors": [error]}

    def _needs_right(self) -> None:
        if "write_files" not in self._shop.settings.scopes.split(","):
            raise failed("Access denied. Required access: `write_files` access scope.", "ACCESS_DENIED")

    def _file(self, wanted: str, at: str) -> Image:
        kind, number = self._views.parse(wanted)
        found = self._shop.files.get(number) if kind == "MediaImage" else None
        if found is None:
            raise _Refused("FILE_DOES_NOT_EXIST", "File does not exist.", "files", at, "id")
        if found.status(self._shop.now()) != "READY":
            raise _Refused("NON_READY_STATE", "The file is not in the READY state.", "files", at, "id")
        return found

    def _product(self, wanted: str, at: str) -> Product:
        kind, number = self._views.parse(wanted)
        found = self._shop.products.get(number) if kind == "Product" else None
        if found is None:
            raise _Refused("REFERENCE_TARGET_DOES_NOT_EXIST", "The target resource does not exist.", "files", at)
        return found


def _name(part: Message) -> str:
    return str(part.get_param("name", "", "content-disposition"))
