"""``python -m syncd.simulators.woocommerce``: the simulated shop on its own."""

from __future__ import annotations

import threading

import click

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce.app import WooCommerceSim
from syncd.simulators.woocommerce.settings import WooCommerceSettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8802, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes any.")
@click.option("--products", default=300, show_default=True, type=click.IntRange(0), help="How many products.")
@click.option("--variable", default=40, show_default=True, type=click.IntRange(0), help="How many with variations.")
@click.option("--seed", default=1, show_default=True, help="Seed of the invented catalogue.")
@click.option("--quantities", default="same", show_default=True, type=click.Choice(["same", "zero", "random"]))
@click.option("--delta-race", default=0.0, show_default=True, help="Seconds between read and write of a delta.")
@click.option("--plain-http", is_flag=True, help="As without TLS: only OAuth 1.0a counts.")
def main(
    host: str, port: int, products: int, variable: int, seed: int, quantities: str, delta_race: float, plain_http: bool
) -> None:
    """Run a simulated WooCommerce shop until interrupted."""
    settings = WooCommerceSettings(delta_race_seconds=delta_race, treat_as_https=not plain_http)
    sim = WooCommerceSim(settings)
    sim.seed(make_catalogue(products, min(variable, products), seed), quantities)
    with SimServer(sim, host=host, port=port) as server:
        key = settings.keys[0]
        click.echo(f"WooCommerce simulator at {server.url}/wp-json/wc/v3 with {len(sim.people.stock())} sellable units")
        click.echo("[shops.main]")
        click.echo('adapter = "woocommerce"')
        click.echo(f'url = "{server.url}"')
        click.echo(f'consumer_key = "{key.key}"')
        click.echo(f'consumer_secret = "{key.secret}"')
        click.echo(
            f'# act as customer: curl {server.url}/_control/order -d \'{{"lines":[{{"sku":"S-00001","quantity":1}}]}}\''
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped")
