"""``syncd link`` and ``syncd unlink``: pair or part listings by hand."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database, shops_asked
from syncd.service.account import open_to_look
from syncd.service.by_hand import NotLinkable, Pairing, link_by_hand, unlink_by_hand
from syncd.service.restored import refuse_uncompared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.service.side import SideContext

_SHOP = click.option("--shop", metavar="NAME", help="Which shop; needed if there are several.")


@click.command(cls=Command, short_help="Pair two listings by hand.")
@click.argument("shop_code", metavar="SHOP_CODE")
@click.argument("till_code", metavar="TILL_CODE")
@_SHOP
@pass_cli
def link(cli: CliContext, shop_code: str, till_code: str, shop: str | None) -> int:
    """Pair a product of a shop with one of the till, whatever their codes say.

    Each code is a SKU, an EAN or the side's own id. Whose quantity counts is said by initial_stock, as for any first
    link. Works beside the daemon and without it; the next run writes what follows.
    """
    with _two(cli, shop) as (here, hub):
        done = link_by_hand(here, hub, shop_code, till_code)
    _tell(cli, done, "linked with")
    cli.say("the next run keeps them the same; `syncd plan` shows what it would write")
    return 0


@click.command(cls=Command, short_help="Part two listings by hand.")
@click.argument("shop_code", metavar="SHOP_CODE")
@_SHOP
@pass_cli
def unlink(cli: CliContext, shop_code: str, shop: str | None) -> int:
    """Part a product of a shop from its partner at the till; it is not linked by itself again.

    SHOP_CODE is a SKU, an EAN or the shop's own id. Nothing is written to any side. Works beside the daemon and
    without it.
    """
    with _two(cli, shop) as (here, hub):
        done = unlink_by_hand(here, hub, shop_code)
    _tell(cli, done, "parted from")
    cli.say("neither is told of the other any more; `syncd link` pairs them again")
    return 0


@contextmanager
def _two(cli: CliContext, shop: str | None) -> Iterator[tuple[SideContext, SideContext]]:
    """The shop that is meant, and the hub, over the configured database; no side is asked anything."""
    names = shops_asked(cli, shop) or tuple(cli.config.shops)
    if len(names) > 1:
        raise click.UsageError(f"there are several shops: say --shop {' or --shop '.join(names)}")
    with database(cli) as db:
        refuse_uncompared(db)
        sides = open_to_look(cli.config, db, stop=threading.Event(), only=names)
        try:
            by_name = {side.name: side for side in sides}
            hub = by_name.get(cli.config.hub.name)
            here = by_name.get(names[0])
            if hub is None or here is None:
                raise NotLinkable("the two sides have not been read yet; `syncd sync` first")
            yield here, hub
        finally:
            for side in sides:
                side.adapter.close()


def _tell(cli: CliContext, done: Pairing, how: str) -> None:
    cli.emit(
        {
            "shop": done.shop,
            "shop_id": done.shop_id,
            "shop_name": done.shop_name,
            "till_id": done.hub_id,
            "till_name": done.hub_name,
        }
    )
    partner = f"{done.hub_name} ({done.hub_id})" if done.hub_id else "a product that the till no longer has"
    cli.mark(True, f"{done.shop_name} ({done.shop_id}) of {done.shop} is {how} {partner} of the till")
