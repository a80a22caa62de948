"""The shop's library of images, which takes bytes; WooCommerce's own API takes only addresses (section 6).

It belongs to WordPress, whose routes do not know WooCommerce's keys: it needs a user with an application password
(WordPress REST API handbook: media, application passwords; WordPress 5.6 and later). What is uploaded is named by its
content, so that the same image is found again, whichever product it was for and whether its answer was lost or not.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce.feeds import is_id
from syncd.core.model import Refused
from syncd.errors import InvalidResponse, OutcomeUnknown
from syncd.http import HttpSession, RateBudget, shorten

if TYPE_CHECKING:
    from syncd.adapters.base import AdapterContext
    from syncd.adapters.woocommerce.settings import WooCommerceSettings
    from syncd.core.images import Image
    from syncd.http import Reply

_ROUTE = "media"
_MOST_ALIKE = 20
"""Images of one product with the same content."""


class Media:
    """Uploads images."""

    def __init__(self, context: AdapterContext) -> None:
        settings: WooCommerceSettings = context.settings
        password = settings.media_password.get_secret_value() if settings.media_password else ""
        credential = base64.b64encode(f"{settings.media_user}:{password}".encode()).decode("ascii")
        header = {"Authorization": f"Basic {credential}"}
        self.side = context.side
        self._session = HttpSession(
            side=context.side,
            base_url=settings.wordpress_url,
            budget=RateBudget(settings.requests_per_second),
            stop=context.stop,
            timeout_s=settings.request_timeout_seconds,
            deadline_s=2 * settings.request_timeout_seconds,
            on_request=context.on_request,
            now=context.now,
            sign=lambda method, url: (url, header),
            may_write=context.may_write,
            verify=context.trust,
        )

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def may_upload(self) -> Refused | None:
        """Ask whether the user may upload; nothing is changed.

        Raises:
            SideError: The shop cannot be asked.
        """
        reply = self._session.read("users/me", params={"context": "edit", "_fields": "id,capabilities"})
        body = _object(reply)
        rights = body.get("capabilities")
        if reply.status == 200 and isinstance(rights, Mapping) and rights.get("upload_files"):
            return None
        return _refusal(reply, body) if reply.status != 200 else Refused("no_right", "the user may not upload files")

    def upload(self, image: Image, taken: Collection[int] = ()) -> int | Refused:
        """Number of the image in the library; it is sent only if it is not there yet.

        Args:
            image: With its content.
            taken: Numbers that the product shows already. An image that looks the same is another one for the till: it
                gets a number of its own, the content's name and a count, which is found again like the first.

        Raises:
            SideError: The shop cannot be asked now. OutcomeUnknown: It may be there; it is found at the next try.
        """
        kind = image.kind
        if kind is None:
            return Refused("not_an_image", f"image {image.key} is no PNG, JPEG, GIF or WebP")
        name = f"syncd-{image.digest[:32]}"
        for slug in (name, *(f"{name}-{count}" for count in range(2, _MOST_ALIKE + 1))):
            known = self._known(slug)
            if known is None:
                return self._send(image, slug, kind)
            if known not in taken:
                return known
        return Refused("alike", f"the product has more than {_MOST_ALIKE} images that look the same")

    def _send(self, image: Image, slug: str, kind: tuple[str, str]) -> int | Refused:
        reply = self._session.write(
            "POST",
            _ROUTE,
            files={"file": (f"{slug}.{kind[1]}", image.content, kind[0])},
            data={"slug": slug, "title": image.name or slug, "alt_text": image.name},
        )
        body = _object(reply)
        number = body.get("id")
        if reply.status == 201 and isinstance(number, int) and is_id(number):
            return number
        if 200 <= reply.status < 300:
            raise OutcomeUnknown(self.side, reply.request, "the answer to the upload is no image")
        return _refusal(reply, body)

    def _known(self, slug: str) -> int | None:
        reply = self._session.read(_ROUTE, params={"slug": slug, "_fields": "id,slug", "per_page": "1"})
        rows = reply.json(lenient=True) if reply.status == 200 else []
        found = [row for row in rows if isinstance(row, Mapping) and row.get("slug") == slug]
        number = found[0].get("id") if found else None
        return number if isinstance(number, int) and is_id(number) else None


def _object(reply: Reply) -> Mapping[str, object]:
    try:
        body = reply.json(lenient=True)
    except InvalidResponse:
        return {}
    return body if isinstance(body, Mapping) else {}


def _refusal(reply: Reply, body: Mapping[str, object]) -> Refused:
    code = shorten(str(body.get("code") or f"status {reply.status}"))
    advice = ""
    if reply.status in {401, 403}:
        advice = "; check media_user and media_password: an application password of a user who may upload files"
    return Refused("upload_refused", f"{reply.shown(str(body.get('message') or code))} ({code}){advice}")
