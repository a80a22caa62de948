"""``make installed``: docs/install.md typed into a fresh Debian whose PID 1 is systemd, with simulated sides."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import click

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce.app import WooCommerceSim
from syncd.simulators.woocommerce.settings import WooCommerceSettings
from tests.installed.machine import Machine, missing
from tests.installed.page import blocks

ROOT = Path(__file__).parents[2]
_SECRETS = (
    "SYNCD_INVENTORUM_CLIENT_SECRET=sim-secret SYNCD_INVENTORUM_REFRESH_TOKEN=sim-refresh-0 "
    "SYNCD_MAIN_CONSUMER_KEY=ck_sim SYNCD_MAIN_CONSUMER_SECRET=cs_sim "
)
_MOST_EXPOSED = 1.5


class Walk:
    """A newcomer with the page in one hand."""

    def __init__(self, machine: Machine, till: str, shop: str) -> None:
        self.machine = machine
        flags = f"--inventorum-base-url {till}/api/ --inventorum-client-id sim-client --shop-url {shop}"
        self._instead = (
            ("https://example.org/syncd.git", "file:///srv/syncd.git"),
            ("syncd init ", f"{_SECRETS}syncd init {flags} "),  # nobody is there to be asked
            ("db restore ", "db restore --yes "),
            ("2026-11-27", "$(date +%F)"),
        )

    def type(self, heading: str, *, block: int = 0, user: str = "root") -> None:
        """Type a block of the page, but for what never ends and what asks."""
        click.echo(f"{heading} ({user})")
        text = blocks(heading)[block]
        for before, after in self._instead:
            text = text.replace(before, after)
        lines = [line for line in text.splitlines() if not re.search(r"^journalctl .* -f$", line)]
        self.machine.run("\n".join(lines), user=user)

    def shows(self, name: str, unit: str = "syncd") -> str:
        return self.machine.run(f"systemctl show {unit} -p {name} --value").strip()

    def until(self, name: str, value: str, *, within_s: float = 60) -> None:
        until = time.monotonic() + within_s
        while (found := self.shows(name)) != value:
            assert time.monotonic() < until, f"{name} is {found}, not {value}"
            time.sleep(0.5)


def install(walk: Walk) -> None:
    machine = walk.machine
    machine.run("update-ca-certificates")
    walk.type("1. The machine")
    machine.run("git config --system --add safe.directory '*'")
    walk.type("2. The program")
    for name in ("anna", "stranger"):
        machine.run(f"adduser --disabled-password --gecos '' {name}")
    walk.type("3. User, group and folders")
    walk.type("4. The configuration")
    walk.type("4. The configuration", block=1, user="anna")
    machine.run("sudo -u syncd syncd check; syncd sync")
    walk.type("5. The service")
    assert "read" in walk.shows("StatusText")


def look(walk: Walk) -> None:
    click.echo("who sees what; how it is ended and starts again")
    machine = walk.machine
    assert "daemon: at work" in machine.run("syncd status", user="anna")
    assert "daemon.started" in machine.run("journalctl -u syncd", user="anna")
    assert "members of the group syncd may" in machine.run("syncd status", user="stranger", code=78)
    machine.run("cat /etc/syncd/config.toml", user="stranger", code=1)
    machine.run("ls /var/lib/syncd", user="stranger", code=2)
    exposure = re.search(r"exposure level for \S+ ([\d.]+)", machine.run("systemd-analyze security --no-pager syncd"))
    assert exposure is not None
    assert float(exposure[1]) <= _MOST_EXPOSED
    former = walk.shows("MainPID")
    machine.run(f"kill -9 {former}")
    walk.until("NRestarts", "1")
    walk.until("ActiveState", "active")
    assert walk.shows("MainPID") != former
    machine.run("sed -i s/^poll_seconds/poll_secnds/ /etc/syncd/config.toml")
    machine.run("systemctl restart syncd", code=1)
    assert (walk.shows("ActiveState"), walk.shows("ExecMainStatus")) == ("failed", "78")
    time.sleep(12)  # RestartSec is 10: anything else would have been started again
    assert walk.shows("ActiveState") == "failed"
    machine.run("sed -i s/^poll_secnds/poll_seconds/ /etc/syncd/config.toml; systemctl restart syncd")
    machine.run("mkdir -p /run/systemd/system/syncd.service.d")
    machine.run("printf '[Service]\\nWatchdogSec=15\\n' > /run/systemd/system/syncd.service.d/short.conf")
    machine.run("systemctl daemon-reload; systemctl restart syncd")
    machine.run(f"kill -STOP {walk.shows('MainPID')}")
    walk.until("NRestarts", "1")
    walk.until("ActiveState", "active")
    assert "Watchdog timeout" in machine.run("journalctl -u syncd")


def care(walk: Walk) -> None:
    for heading in ("Backup", "Upgrade", "Restore"):
        walk.type(heading)
    walk.until("ActiveState", "active")
    click.echo("a reboot")
    walk.machine.halt()
    walk.machine.boot()
    walk.until("ActiveState", "active")
    walk.type("Removal")
    left = "find / -xdev -name '*syncd*' -not -path '/proc/*' -not -path '/srv/*' -not -path '/var/backups/*'"
    assert walk.machine.run(left).split() == []
    walk.machine.run("getent passwd syncd || getent group syncd", code=2)


@click.command()
@click.option("--release", default="bookworm", show_default=True, help="Which Debian.")
@click.option("--keep", is_flag=True, help="Leave the machine in build/installed.")
def main(release: str, keep: bool) -> None:
    """Walk docs/install.md. Needs root, Debian or Ubuntu, and the network; takes about five minutes."""
    if lacks := missing():
        click.echo(lacks, err=True)
        sys.exit(69)
    machine = Machine(ROOT / "build" / "installed" / "root", release)
    till, shop = InventorumSim(), WooCommerceSim(WooCommerceSettings(treat_as_https=False))
    for sim in (till, shop):
        sim.seed(make_catalogue(40, 5, 1))
    try:
        click.echo(f"a fresh {release}")
        machine.build()
        subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, machine.root / "srv/syncd.git"], check=True)
        machine.boot()
        with SimServer(till) as one, SimServer(shop) as other:
            walk = Walk(machine, one.url, other.url)
            install(walk)
            look(walk)
            care(walk)
    finally:
        machine.halt()
        if not keep:
            subprocess.run(["rm", "-rf", "--one-file-system", machine.root], check=False)
    click.echo("the page holds")


if __name__ == "__main__":
    main()
