"""``python -m syncd.simulators.shopware6``: the simulated shop on its own."""

from __future__ import annotations

import threading

import click

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimServer
from syncd.simulators.shopware6.app import Shopware6Sim
from syncd.simulators.shopware6.settings import Shopware6Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8803, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes any.")
@click.option("--products", default=300, show_default=True, type=click.IntRange(0), help="How many products.")
@click.option("--variable", default=40, show_default=True, type=click.IntRange(0), help="How many with variants.")
@click.option("--seed", default=1, show_default=True, help="Seed of the invented catalogue.")
@click.option("--shop-version", default="6.7.10.1", show_default=True, help="Before 6.7.4 orders leave product dates.")
def main(host: str, port: int, products: int, variable: int, seed: int, shop_version: str) -> None:
    """Run a simulated Shopware 6 shop until interrupted."""
    settings = Shopware6Settings(version=shop_version)
    sim = Shopware6Sim(settings)
    sim.seed(make_catalogue(products, min(variable, products), seed))
    with SimServer(sim, host=host, port=port) as server:
        click.echo(f"Shopware 6 simulator at {server.url}/api with {len(sim.people.stock())} sellable units")
        click.echo("[shops.main]")
        click.echo('adapter = "shopware6"')
        click.echo(f'url = "{server.url}"')
        click.echo(f'client_id = "{settings.client_id}"')
        click.echo(f'client_secret = "{settings.client_secret}"')
        click.echo(
            f'# act as customer: curl {server.url}/_control/order -d \'{{"lines":[{{"sku":"S-00001","quantity":1}}]}}\''
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped")
