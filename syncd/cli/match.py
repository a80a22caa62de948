"""``syncd match``: the first-run report."""

from __future__ import annotations

import csv
from pathlib import Path

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.failure import advice_for
from syncd.cli.opening import database, reading_progress, shops_asked, stoppable
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    GTIN,
    IMAGES,
    NAME,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
)
from syncd.service.preview import MatchReport
from syncd.service.preview import match as match_sides

_OTHER = {
    NAME: "another name",
    DESCRIPTION: "another description",
    BRAND: "another brand",
    CATEGORIES: "other categories",
    IMAGES: "other images",
    SKU: "another SKU",
    GTIN: "another EAN",
    PRICE: "another price",
    TAX_RATE: "another tax rate",
    ATTRIBUTES: "other attributes",
    PUBLISHED: "another state of publication",
}
_WORDS = {
    "linked": "linked",
    "linkable": "will be linked by the next sync",
    "ambiguous": "ambiguous: several products share the code; not linked",
    "duplicate_sku": "duplicate: the shop uses the SKU twice; not linked",
    "missing_sku": "without SKU and EAN; cannot be linked",
    "parted": "parted by hand",
    "only_here": "only in the shop",
    "only_there": "only at the till",
    **{f"{field}_differs": f"{words} in the shop than at the till" for field, words in _OTHER.items()},
    "stock_kept_by_parent": "variations without stock of their own (the parent product counts); not synced",
}
_SHOWN = 20


@click.command(cls=Command, short_help="What is linked, linkable, ambiguous, missing; writes nothing.")
@click.option("--shop", metavar="NAME", help="Only this shop.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Also write all rows there.")
@click.option("--all", "show_all", is_flag=True, help="Show every row, not only the first of each class.")
@pass_cli
def match(cli: CliContext, shop: str | None, csv_file: Path | None, show_all: bool) -> int:
    """Read both catalogues and say how their products fit together."""
    only = shops_asked(cli, shop)
    with database(cli, create=True) as db, stoppable() as stop, reading_progress(cli) as note:
        reports = match_sides(cli.config, db, stop=stop, progress=note, only=only)
    cli.emit({"shops": [report.as_dict() for report in reports]})
    for report in reports:
        _show(cli, report, None if show_all else _SHOWN)
    if csv_file is not None:
        _write_csv(csv_file, reports)
        cli.say(f"all rows are in {csv_file}")
    return max((report.failure.exit_code for report in reports if report.failure), default=0)


def _show(cli: CliContext, report: MatchReport, most: int | None) -> None:
    cli.say(f"{report.shop}", style="bold")
    if report.failure is not None:
        cli.mark(False, str(report.failure))
        if advice := advice_for(report.failure):
            cli.say(f"  {advice}")
        return
    for kind, count in report.counts.items():
        fine = kind in ("linked", "linkable") or not count
        cli.mark(True if fine else None, f"{count:>6}  {_WORDS[kind]}")
    for kind in report.counts:
        rows = [row for row in report.rows if row.kind == kind and kind != "linkable"]
        if rows:
            cli.say(f"\n{_WORDS[kind]}:")
        for row in rows[:most]:
            codes = " / ".join(code for code in (row.sku, row.gtin) if code) or f"id {row.external_id}"
            cli.say(f"  {row.side}  {codes}  {row.name}  ({row.note})")
        if most is not None and len(rows) > most:
            cli.say(f"  … and {len(rows) - most} more (--all, --csv FILE)")


def _write_csv(path: Path, reports: list[MatchReport]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("shop", "class", "side", "id", "sku", "gtin", "name", "note"))
        for report in reports:
            for row in report.rows:
                writer.writerow(
                    (report.shop, row.kind, row.side, row.external_id, row.sku, row.gtin, _plain(row.name), row.note)
                )


def _plain(text: str) -> str:
    """Spreadsheets run text that begins like a formula; a product name must not."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
