"""``python -m syncd.simulators.shopify``: the simulated shop on its own."""

from __future__ import annotations

import threading

import click

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimServer
from syncd.simulators.shopify.app import ShopifySim
from syncd.simulators.shopify.settings import ShopifySettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8804, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes any.")
@click.option("--products", default=300, show_default=True, type=click.IntRange(0), help="How many products.")
@click.option("--variable", default=40, show_default=True, type=click.IntRange(0), help="How many with variations.")
@click.option("--seed", default=1, show_default=True, help="Seed of the invented catalogue.")
@click.option("--quantities", default="same", show_default=True, type=click.Choice(["same", "zero"]))
def main(host: str, port: int, products: int, variable: int, seed: int, quantities: str) -> None:
    """Run a simulated Shopify shop until interrupted."""
    settings = ShopifySettings()
    sim = ShopifySim(settings)
    sim.seed(make_catalogue(products, min(variable, products), seed), quantities)
    with SimServer(sim, host=host, port=port) as server:
        click.echo(f"Shopify simulator at {server.url} with {len(sim.people.stock())} sellable units")
        click.echo("[shops.main]")
        click.echo('adapter = "shopify"')
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
