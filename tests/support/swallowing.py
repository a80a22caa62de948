"""A till and a shop whose writes overwrite the orders that land inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.core.model import StockWrite
    from tests.support.engine import Account


def swallow_orders(account: Account, *orders: tuple[str, int]) -> None:
    """Let these orders land inside the next write to the shop and be lost there, as read-add-write loses them."""
    web = account.worlds["web"]

    def land(write: StockWrite) -> None:
        web.before_effect = None
        external_id = write.ref.external_id
        before = web.quantity(external_id)
        for reference, quantity in orders:
            web.sell(external_id, quantity, reference=reference)
        web.count(external_id, before)

    web.before_effect = land


def push_till_sale(account: Account) -> None:
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")


def let_pass(account: Account, times: int = 4) -> None:
    for _ in range(times):
        account.clock.advance(30)
        account.poll()


def both(account: Account) -> tuple[int, int]:
    return int(account.worlds["till"].quantity("t-A")), int(account.worlds["web"].quantity("w-A"))
