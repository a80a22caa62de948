"""What is asked once of a shop: whether prices are gross, and which locations count."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row, flag_of, row_of, rows_of, text_of
from syncd.adapters.base import Counting
from syncd.adapters.shopify.client import page_of
from syncd.adapters.shopify.operations import LOCATIONS, SHOP
from syncd.adapters.shopify.wire import gid_of, number_in
from syncd.errors import Rejected, Transient

if TYPE_CHECKING:
    from syncd.adapters.shopify.client import ShopifyClient
    from syncd.adapters.shopify.settings import ShopifySettings


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop itself."""

    name: str
    currency: str
    gross: bool
    plan: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """An active location."""

    gid: str
    name: str
    online: bool
    service: bool

    def goes_by(self, name: str) -> bool:
        """Whether somebody means this one by a name or number."""
        return name.strip().casefold() == self.name.casefold() or name.strip() in {self.gid, str(number_in(self.gid))}


@dataclass(frozen=True, slots=True)
class Counted:
    """Locations whose stock counts; the first is written.

    ``evidence`` says that every order moves what counts when it is made: none takes stock from elsewhere, and it is not
    counted what is on hand, which only goes down when the goods leave.
    """

    gids: tuple[str, ...]
    names: tuple[str, ...]
    evidence: bool


class ShopFacts:
    """Asks when it is first needed, and again after ``forget``."""

    def __init__(self, client: ShopifyClient, settings: ShopifySettings) -> None:
        self._client = client
        self._settings = settings
        self._lock = threading.Lock()
        self._shop: Shop | None = None
        self._counted: Counted | None = None
        self._told: Counting | None = None

    @property
    def known(self) -> Counted | None:
        """The locations, if they were asked for already."""
        return self._counted

    @property
    def gross(self) -> bool | None:
        """Whether prices are gross, if that was asked for already."""
        return None if self._shop is None else self._shop.gross

    @property
    def may_write_files(self) -> bool | None:
        """Whether the app may bring images, if that was asked for already."""
        return None if self._shop is None else "write_files" in self._shop.scopes

    def forget(self) -> None:
        """Ask anew: people change settings."""
        with self._lock:
            self._shop = self._counted = None

    def shop(self) -> Shop:
        """The shop.

        Raises:
            Malformed: The answer is not what the contract says.
        """
        with self._lock:
            if self._shop is None:
                self._shop = _shop(self._client.query(SHOP).data)
            return self._shop

    def counted(self) -> Counted:
        """Locations by the configuration.

        Raises:
            Rejected: The configuration names none, or one that is not there.
            Malformed: The answer is not what the contract says.
            Transient: They are not those that ``counts`` has told.
        """
        with self._lock:
            counted = self._chosen()
            if self._told is not None and self._counting(counted).key != self._told.key:
                raise Transient(
                    self._client.side, "POST graphql.json", "the locations that count have changed just now"
                )
            return counted

    def counts(self, *, anew: bool = False) -> Counting:
        """Which quantity is counted: by numbers of locations, for their names may change.

        Args:
            anew: Ask the shop again.

        Raises:
            Rejected, Malformed: As ``counted``.
        """
        with self._lock:
            if anew:
                self._counted = None
            self._told = self._counting(self._chosen())
            return self._told

    def _counting(self, counted: Counted) -> Counting:
        numbers = sorted(number_in(gid) for gid in counted.gids)
        names, quantity = " and ".join(counted.names), self._settings.quantity
        return Counting(f"{quantity} {','.join(map(str, numbers))}", f"what is {quantity.replace('_', ' ')} at {names}")

    def _chosen(self) -> Counted:
        if self._counted is None:
            self._counted = self._choose(self.places())
        return self._counted

    def places(self) -> list[Place]:
        """All active locations."""
        found: list[Place] = []
        after: str | None = None
        while True:
            data = self._client.query(LOCATIONS, {"after": after}).data
            rows, after = page_of(row_of(data, "locations"))
            found += [_place(row) for row in rows if flag_of(row, "isActive")]
            if after is None:
                return found

    def _choose(self, places: list[Place]) -> Counted:
        ours = [place for place in places if not place.service]
        wanted = self._settings.location
        if wanted is not None:
            chosen = [self._named(wanted, places)]
        elif len(ours) == 1:
            chosen = ours
        else:
            raise self._problem(f"the shop has {len(ours)} locations: choose one with location = …", places)
        chosen += [self._named(name, places) for name in self._settings.also_count]
        gids = tuple(dict.fromkeys(place.gid for place in chosen))
        elsewhere = [place for place in places if place.online and place.gid not in gids]
        evidence = not elsewhere and self._settings.quantity == "available"
        return Counted(gids, tuple(place.name for place in chosen), evidence)

    def _named(self, name: str, places: list[Place]) -> Place:
        found = [place for place in places if place.goes_by(name)]
        if len(found) != 1:
            raise self._problem(f"{len(found)} active locations are called {name!r}", places)
        return found[0]

    def _problem(self, words: str, places: list[Place]) -> Rejected:
        there = ", ".join(f"{place.name} ({number_in(place.gid)})" for place in places) or "none"
        return Rejected(self._client.side, "POST graphql.json", f"{words}; there: {there}", key="location")


def _place(row: Row) -> Place:
    online, service = flag_of(row, "fulfillsOnlineOrders"), flag_of(row, "isFulfillmentService")
    return Place(gid_of(row, "Location"), text_of(row, "name"), online, service)


def _shop(data: Row) -> Shop:
    row = row_of(data, "shop")
    installed = row_of(data, "currentAppInstallation")
    scopes = {text_of(scope, "handle") for scope in rows_of(installed, "accessScopes")}
    # A right to write includes the one to read, whether or not the list says so.
    scopes |= {f"read_{scope.removeprefix('write_')}" for scope in scopes if scope.startswith("write_")}
    plan = row_of(row, "plan")
    return Shop(
        name=text_of(row, "name"),
        currency=text_of(row, "currencyCode"),
        gross=flag_of(row, "taxesIncluded"),
        plan=text_of(plan, "publicDisplayName"),
        scopes=frozenset(scopes),
    )
