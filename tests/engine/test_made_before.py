"""What was made on a side after the backup is not made a second time when the backup is put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.service.linking import link_pending
from syncd.service.preview import _plan_products
from syncd.service.runs import start_run
from tests.engine.test_comparison import backup, compare, restore
from tests.engine.test_creation import account_of, put_hose
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.service.creation_plan import PlannedProduct
    from syncd.state.engine import Database


def dry_run(account: Account) -> list[PlannedProduct]:
    """What `syncd plan` lists as to be made in the shop; its copy of the database is left out."""
    for worker in account.workers.values():
        worker.dry_run = True
    account.poll()
    web = account.workers["web"]
    link_pending(web.side, web.hub_id, start_run(web.side, "sync", "dry run"))
    planned, _ = _plan_products(web)
    for worker in account.workers.values():
        worker.dry_run = False
    return planned


@pytest.mark.parametrize("sku", ["HOSE", None])
@pytest.mark.parametrize("known", [False, True])
def test_in_a_shop(sqlite_database: Database, sku: str | None, known: bool) -> None:
    account = account_of(sqlite_database)
    copy = backup(account.db)
    put_hose(account, sku=sku)
    if known:
        account.poll("till")
        copy = backup(account.db)
    account.clock.advance(600)
    account.settle_down()
    restore(account, copy)
    compare(account)
    planned = dry_run(account)
    account.settle_down(4)
    assert len(account.worlds["web"].made) == 1
    assert planned == []
    told = [finding.message for finding in account.findings() if finding.kind == "not_made"]
    assert ["syncd link web web-made-0 t-hose" in message for message in told] == ([] if sku else [True])


@pytest.mark.parametrize("sku", ["HOSE", None])
@pytest.mark.parametrize("known", [False, True])
def test_at_the_till(sqlite_database: Database, sku: str | None, known: bool) -> None:
    account = Account(sqlite_database)
    account.add_side("till", "hub").put("kept", 4)
    account.add_side("web", offers=True).put("kept", 4)
    account.poll()
    account.settle_down()
    copy = backup(account.db)
    account.worlds["web"].put("w-hose", 5, sku=sku, name="Hose")
    if known:
        account.poll("web")
        copy = backup(account.db)
    account.clock.advance(600)
    account.settle_down()
    restore(account, copy)
    compare(account)
    account.settle_down(4)
    assert len(account.worlds["till"].made) == 1
    told = [finding.message for finding in account.findings() if finding.kind == "not_made"]
    assert ["syncd link web w-hose till-made-0" in message for message in told] == ([] if sku else [True])
