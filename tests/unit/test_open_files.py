"""What is fetched from an address that a side names, and what never is."""

from __future__ import annotations

import threading

import pytest

from syncd.errors import InvalidResponse, SideError
from syncd.http import HttpSession, OpenFiles, RateBudget, RetryPolicy


def files(home: str) -> OpenFiles:
    once = RetryPolicy(attempts=1)
    session = HttpSession(
        side="web", base_url=home, budget=RateBudget(100), stop=threading.Event(), timeout_s=1, retry=once
    )
    return OpenFiles(session, home)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x.png",
        "http://localhost:9000/x.png",
        "http://10.1.2.3/x.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x.png",
        "http://[::ffff:192.168.1.1]/x.png",
        "http://0.0.0.0/x.png",
        "file:///etc/passwd",
        "ftp://shop.example/x.png",
        "//127.0.0.1/x.png",
        "/x.png",
        "",
        "http://[::1/x.png",
    ],
)
def test_nothing_inside_a_private_network_is_asked(address: str) -> None:
    with pytest.raises(InvalidResponse):
        files("https://shop.example").read(address)


def test_the_sides_own_host_may_be_anywhere() -> None:
    """Nobody listens there: that the request was tried is what shows."""
    with pytest.raises(SideError) as caught:
        files("http://127.0.0.1:9").read("http://127.0.0.1:9/x.png")
    assert not isinstance(caught.value, InvalidResponse)
