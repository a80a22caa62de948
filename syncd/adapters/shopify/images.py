"""Images of products: brought as bytes once, named by their content, and referred to by each product that shows them.

Source: shopify-api.md sections 1 and 6, and the schemas: ``fileCreate`` makes a file of the shop out of what was put
into a place of its own (``stagedUploadsCreate``), ``fileUpdate`` adds products to the file or takes them away. All that
is asked for here goes on behind the answer, so the shop is asked until it shows the outcome, for some seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed, Row, flag_of, mapping_of, row_of, rows_of, text_of
from syncd.adapters.shopify import pictures
from syncd.adapters.shopify.library import (
    CREATE_FILES,
    FILE_STATES,
    FILES_NAMED,
    JOB,
    MEDIA,
    REORDER_MEDIA,
    STAGE_UPLOADS,
    UPDATE_FILES,
)
from syncd.adapters.shopify.operations import UPDATE_PRODUCT
from syncd.adapters.shopify.pictures import Shown
from syncd.adapters.shopify.stock import refused_field
from syncd.adapters.shopify.wire import nodes_of
from syncd.core.fields import IMAGES
from syncd.core.images import keys_of, keys_text
from syncd.core.model import NotSent, Refused, Unknown
from syncd.errors import OutcomeUnknown, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    import threading

    from syncd.adapters.shopify.client import Answer, ShopifyClient
    from syncd.core.images import Image
    from syncd.core.model import FieldsWrite

WAITS_S = (0.2, 0.4, 0.8, 1.6, 2.0, 2.0)
"""Pauses between looks at what the shop is at work on."""

_LONGEST_ALT = 512
_TAKEN = "filename_already_exists"
_READY, _FAILED, _VANISHED = "READY", "FAILED", ""

_GONE = Refused("not_found", "the shop does not have it any more", gone=True)


class ImageWriter:
    """Finds or brings the images that a product is to show."""

    def __init__(self, client: ShopifyClient, stop: threading.Event) -> None:
        self._client = client
        self._stop = stop

    def write(self, product: str, write: FieldsWrite) -> dict[str, str] | Refused | Unknown | NotSent:
        """Show these images, and keep what the product has of its own.

        Raises:
            SideError: The product is as it was.
        """
        try:
            prepared = self._prepared(product, write)
        except OutcomeUnknown as error:
            # Of the product nothing was changed yet; what was brought is found at the next try.
            return NotSent(describe(error))
        if not isinstance(prepared, tuple):
            return prepared
        now, target = prepared
        try:
            return self._shown(product, now, target)
        except Malformed as error:
            return Unknown(f"the answer cannot be read: {error}")

    def _prepared(
        self, product: str, write: FieldsWrite
    ) -> tuple[list[Shown], list[Shown]] | Refused | Unknown | NotSent:
        """What is shown and what is to be; what is missing is brought, and the product says which images are ours."""
        now = self._now(product)
        if not isinstance(now, list):
            return now
        wanted = keys_of(write.values[IMAGES])
        known = {image.key: image.gid for image in now if image.key}
        new = [key for key in dict.fromkeys(wanted) if key not in known]
        refused = _unusable(new, write.images)
        if refused is not None:
            return refused
        for key in new:
            brought = self._brought(write.images[key])
            if not isinstance(brought, str):
                return brought
            known[key] = brought
        keys = {gid: key for key, gid in reversed(known.items())}
        # Two keys with one content are one file, and a product shows a file once.
        target = _places(now, [Shown(gid, keys[gid]) for gid in dict.fromkeys(known[key] for key in wanted)])
        value = pictures.kept_text([image.gid for image in target], keys)
        field = {"namespace": pictures.NAMESPACE, "key": pictures.KEY, "type": pictures.TYPE, "value": value}
        marked = refused_field(
            self._client.mutate(UPDATE_PRODUCT, {"product": {"id": product, "metafields": [field]}}), "productUpdate"
        )
        return (now, target) if marked is None else marked

    def _now(self, product: str) -> list[Shown] | Refused:
        """What the product shows now."""
        (row,) = _nodes(self._client.query(MEDIA, {"ids": [product]}), 1)
        if row is None:
            return _GONE
        listed = pictures.listed_in(row)
        if listed is None:
            return Refused("too_many", "the product shows more than 50 images and videos")
        shown = pictures.shown_images({**row, pictures.LISTED: listed})
        if shown is None:
            return Refused("own_images", "the product has images of its own in the shop: remove them there first")
        return shown

    def _shown(
        self, product: str, now: Sequence[Shown], target: Sequence[Shown]
    ) -> dict[str, str] | Refused | Unknown | NotSent:
        """Attach and take away, put in order, and look what came of it."""
        there, wanted = [image.gid for image in now], [image.gid for image in target]
        files = [{"id": gid, "referencesToAdd": [product]} for gid in wanted if gid not in there]
        files += [{"id": gid, "referencesToRemove": [product]} for gid in there if gid not in wanted]
        if files:
            refused = refused_field(self._client.mutate(UPDATE_FILES, {"files": files}), "fileUpdate")
            if refused is not None:
                return refused
        try:
            return self._ordered(product, there, wanted, is_changing=bool(files))
        except (SideError, Stopped) as error:
            if not files or isinstance(error, OutcomeUnknown):
                raise
            words = describe(error) if isinstance(error, SideError) else str(error)
            return Unknown(f"sent, and not seen yet: {words}")

    def _ordered(
        self, product: str, there: Sequence[str], wanted: Sequence[str], *, is_changing: bool
    ) -> dict[str, str] | Refused | Unknown | NotSent:
        """Wait for what was attached and taken away, put all in order, and look what came of it."""
        if is_changing:
            there = self._until(lambda: self._list(product), lambda found: set(found) == set(wanted))
        moves = _moves(there, wanted)
        if moves:
            answer = self._client.mutate(REORDER_MEDIA, {"id": product, "moves": moves})
            refused = refused_field(answer, "productReorderMedia")
            if refused is not None:
                return refused
            self._wait_for(row_of(answer.data, "productReorderMedia").get("job"))
        found = self._now(product)
        if not isinstance(found, list):
            return found
        if [image.gid for image in found] != wanted:
            return Unknown("the shop is still at work on the images")
        return {IMAGES: keys_text(image.key for image in found if image.key)}

    def _list(self, product: str) -> list[str]:
        (row,) = _nodes(self._client.query(MEDIA, {"ids": [product]}), 1)
        return (pictures.listed_in(row) or []) if row is not None else []

    # -- Files

    def _brought(self, image: Image) -> str | Refused | Unknown | NotSent:
        """Id of the file with an image, which is put there if nobody has before."""
        kind = image.kind
        if kind is None:
            return Refused("not_an_image", f"image {image.key} is no PNG, JPEG, GIF or WebP")
        name = f"syncd-{image.digest[:32]}.{kind[1]}"
        found = self._named(name)
        if found is None:
            made = self._made(image, name, kind[0])
            if isinstance(made, Refused) and made.code == _TAKEN:
                found = self._named(name)
                if found is None:
                    return NotSent(f"the shop has a file {name} and does not find it yet")
            elif not isinstance(made, str):
                return made
            else:
                found = made
        state = self._until(lambda: self._state(found), lambda state: state in {_READY, _FAILED, _VANISHED})
        if state == _VANISHED:
            return NotSent(f"somebody deleted the file {name} in the shop just now")
        if state == _FAILED:
            return Refused("image_refused", f"the shop cannot use the image: delete the file {name} there to try again")
        return found if state == _READY else NotSent("the shop is still at work on the image")

    def _named(self, name: str) -> str | None:
        """A file by its name, which the shop's search finds in parts."""
        for row in nodes_of(self._client.query(FILES_NAMED, {"query": f"filename:'{name}'"}).data, "files"):
            if row.get("__typename") != "MediaImage":
                continue
            gid, _ = pictures.file_of(row)
            picture = row.get("image")
            address = text_of(mapping_of(picture, "image"), "url") if picture is not None else name
            if address.partition("?")[0].rpartition("/")[2] == name:
                return gid
        return None

    def _made(self, image: Image, name: str, mime: str) -> str | Refused | Unknown:
        given = {"filename": name, "mimeType": mime, "resource": "IMAGE", "httpMethod": "POST"}
        answer = self._client.mutate(STAGE_UPLOADS, {"input": [given]})
        refused = refused_field(answer, "stagedUploadsCreate")
        if refused is not None:
            return refused
        (target,) = rows_of(mapping_of(answer.data["stagedUploadsCreate"], "target"), "stagedTargets")
        form = {text_of(one, "name"): text_of(one, "value") for one in rows_of(target, "parameters")}
        self._client.upload(text_of(target, "url"), form, (name, image.content, mime))
        file = {
            "originalSource": text_of(target, "resourceUrl"),
            "filename": name,
            "alt": image.name if len(image.name) <= _LONGEST_ALT else "",
            "contentType": "IMAGE",
            "duplicateResolutionMode": "RAISE_ERROR",
        }
        answer = self._client.mutate(CREATE_FILES, {"files": [file]})
        refused = refused_field(answer, "fileCreate")
        if refused is not None:
            return refused
        (row,) = rows_of(mapping_of(answer.data["fileCreate"], "fileCreate"), "files")
        return pictures.file_of(row)[0]

    def _state(self, gid: str) -> str:
        (row,) = _nodes(self._client.query(FILE_STATES, {"ids": [gid]}), 1)
        return pictures.file_of(row)[1] if row is not None else _VANISHED

    def _wait_for(self, job: object) -> None:
        if job is None or flag_of(mapping_of(job, "job"), "done"):
            return
        gid = mapping_of(job, "job").get("id")

        def is_done() -> bool:
            row = self._client.query(JOB, {"id": gid}).data.get("job")
            return row is None or flag_of(mapping_of(row, "job"), "done")

        self._until(is_done, bool)

    def _until(self, look: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
        """Look again and again, until it is right or has taken too long; what was seen last."""
        found = look()
        for pause in WAITS_S:
            if is_right(found):
                break
            if self._stop.wait(pause):
                raise Stopped("stopped while the shop was at work on images")
            found = look()
        return found


def _nodes(answer: Answer, count: int) -> list[Row | None]:
    listed = answer.data.get("nodes")
    if not isinstance(listed, list) or len(listed) != count:
        raise Malformed(f"asked for {count} objects, got others")
    return [None if row is None else mapping_of(row, "node") for row in listed]


def _unusable(new: Sequence[str], images: Mapping[str, Image]) -> Refused | None:
    """Why some image cannot be brought; asked before any is."""
    for key in new:
        if key not in images:
            return Refused("no_image", f"nothing is known of image {key}")
        if images[key].kind is None:
            return Refused("not_an_image", f"image {key} is no PNG, JPEG, GIF or WebP")
    return None


def _places(now: Sequence[Shown], ours: Sequence[Shown]) -> list[Shown]:
    """The images that the product is to show, in order.

    Its own ones stay: before those of the till if they were, else after them.
    """
    first = next((at for at, image in enumerate(now) if image.key), 0)
    before = [image for image in now[:first] if not image.key]
    return [*before, *ours, *(image for image in now[first:] if not image.key)]


def _moves(there: Sequence[str], wanted: Sequence[str]) -> list[dict[str, str]]:
    """Moves, one after the other, that bring a list into another order.

    >>> _moves(["a", "b", "c"], ["c", "a", "b"])
    [{'id': 'c', 'newPosition': '0'}]
    """
    row, moves = [gid for gid in there if gid in wanted], []
    for at, gid in enumerate(gid for gid in wanted if gid in there):
        if row[at] != gid:
            row.remove(gid)
            row.insert(at, gid)
            moves.append({"id": gid, "newPosition": str(at)})
    return moves
