"""Error answers of WordPress and WooCommerce."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error answer: HTTP status, ``code``, ``message`` and the rest of ``data``."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.data: Any = {"status": status, **data}

    def body(self) -> dict[str, Any]:
        """The JSON object that the client sees."""
        return {"code": self.code, "message": self.message, "data": self.data}


def no_route() -> ApiError:
    """The address or method does not exist."""
    return ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")


def invalid_param(name: str, message: str, code: str, data: Any = None) -> ApiError:
    """One parameter failed validation."""
    return ApiError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": data}},
    )


def wrong_type(name: str, wanted: str) -> ApiError:
    """A value has the wrong JSON type."""
    return invalid_param(name, f"{name} is not of type {wanted}.", "rest_invalid_type", {"param": name})


def not_in_enum(name: str, allowed: list[str]) -> ApiError:
    """A value is none of the allowed ones."""
    listed = f"{', '.join(allowed[:-1])}, and {allowed[-1]}" if len(allowed) > 1 else allowed[0]
    return invalid_param(name, f"{name} is not one of {listed}.", "rest_not_in_enum")


def invalid_id(kind: str, status: int) -> ApiError:
    """Nothing has this id; ``kind`` is ``product``, ``product_variation`` or ``shop_order``."""
    return ApiError(status, f"woocommerce_rest_{kind}_invalid_id", "Invalid ID.")
