"""WordPress's library of images: an application password lets in who may upload; WooCommerce's keys count for nothing.

Source: WordPress REST API handbook (media, users, application passwords); refusals look as in 07-authentication.json.
Not recorded: the recordings were made with keys of WooCommerce alone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING, Any

from syncd.simulators.pictures import image_kind
from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.woocommerce import dates, text
from syncd.simulators.woocommerce.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.woocommerce.state import Shop

UPLOADS = "/wp-content/uploads/"


class MediaLibrary:
    """Answers ``wp/v2/media`` and ``wp/v2/users/me``, and serves what was uploaded."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def answer(self, request: SimRequest, path: str) -> SimResponse | None:
        """Answer a request below ``/wp-json/``; ``None`` if it is for something else."""
        match (request.method, path):
            case ("GET", "wp/v2/users/me"):
                return self._me(request)
            case ("GET", "wp/v2/media"):
                return self._list(request)
            case ("POST", "wp/v2/media"):
                return self._upload(request)
        return None

    def file(self, path: str) -> SimResponse | None:
        """An uploaded file by its path."""
        content = self.shop.files.get(path)
        return None if content is None else SimResponse(200, content, {"Content-Type": image_kind(content)})

    def _me(self, request: SimRequest) -> SimResponse:
        if not self._is_user(request):
            raise ApiError(401, "rest_not_logged_in", "You are not currently logged in.")
        return SimResponse(200, {"id": 1, "capabilities": {"upload_files": self.shop.settings.user_may_upload}})

    def _list(self, request: SimRequest) -> SimResponse:
        with self.shop.lock:
            slug = request.param("slug")
            rows = [row for row in self.shop.attachments.values() if slug in {"", row["slug"]}]
            return SimResponse(200, [self._row(row, request) for row in rows[: int(request.param("per_page", "10"))]])

    def _upload(self, request: SimRequest) -> SimResponse:
        if not self._is_user(request) or not self.shop.settings.user_may_upload:
            message = "Sorry, you are not allowed to create posts as this user."
            raise ApiError(401 if not self._is_user(request) else 403, "rest_cannot_create", message)
        parts = _multipart(request)
        content, name = parts.get("file", (b"", ""))
        if not content:
            raise ApiError(400, "rest_upload_no_data", "No data supplied.")
        if not image_kind(content):
            message = "Sorry, you are not allowed to upload this file type."
            raise ApiError(500, "rest_upload_unknown_error", message)
        with self.shop.lock:
            fields = {key: value[0].decode() for key, value in parts.items() if key != "file"}
            row = self.store(content, name, fields)
            return SimResponse(201, self._row(row, request))

    def store(self, content: bytes, name: str, fields: dict[str, str]) -> dict[str, Any]:
        """Keep a file with what is said of it; expects the lock."""
        number, now = self.shop.take_id(), self.shop.now()
        path = f"{UPLOADS}{number}/{name}"
        wanted = fields.get("slug") or name.rpartition(".")[0]
        taken = {row["slug"] for row in self.shop.attachments.values()}
        slug = wanted if wanted not in taken else f"{wanted}-{number}"
        row = {
            "id": number,
            "date_created": dates.render(now, self.shop.offset_s),
            "date_created_gmt": dates.render(now),
            "date_modified": dates.render(now, self.shop.offset_s),
            "date_modified_gmt": dates.render(now),
            "src": path,
            "name": text.title(fields.get("title") or name.rpartition(".")[0]),
            "alt": text.plain(fields.get("alt_text", "")),
            "slug": slug,
        }
        self.shop.attachments[number] = row
        self.shop.files[path] = content
        self.shop.image_ids.add(number)
        return row

    def _row(self, row: dict[str, Any], request: SimRequest) -> dict[str, Any]:
        site = request.url.partition("/wp-json")[0].removesuffix("/index.php")
        full = {
            "id": row["id"],
            "slug": row["slug"],
            "title": {"rendered": row["name"]},
            "alt_text": row["alt"],
            "source_url": f"{site}{row['src']}",
        }
        fields = request.param("_fields")
        return {key: value for key, value in full.items() if not fields or key in fields.split(",")}

    def _is_user(self, request: SimRequest) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            return False
        settings = self.shop.settings
        # WordPress ignores the blanks that it shows in application passwords.
        pair = f"{settings.media_user}:{settings.media_password}"
        return hmac.compare_digest(given.replace(b" ", b""), pair.replace(" ", "").encode())


def _multipart(request: SimRequest) -> dict[str, tuple[bytes, str]]:
    """Parts of a form by name: content and file name."""
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return {}
    message: Message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + request.body)
    parts = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = (content, part.get_filename() or "")
    return parts
