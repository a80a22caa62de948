"""The contract between the engine and a side. An adapter that keeps it needs no other knowledge of syncd.

Reading
    ``read_all`` and ``read_changes`` yield pages; the engine commits each page before it asks for the next, and
    stores the cursor of the last page at the end. A generator that is abandoned midway has no effect.
    A feed may repeat and may miss; it must never invent. A short, empty or malformed page is never "everything is
    gone": malformed raises ``InvalidResponse``. Deletions are reported only with proof.
    ``read_changes`` yields documents (orders, refunds) first, and then, among its listings, every one that they moved,
    as it is by then: a document without its effect would look like one that our own write swallowed.

Writing
    ``write_stock`` sends each write at most once. It never repeats a relative write, not even after a time-out.
    ``write_fields`` is absolute, and is sent once as well: the engine looks before it tells a side again.
    ``create_product`` is sent once. What may have been made without an answer is looked for by its mark, or by what it
    is (``find_product``), before anything is made again.

Errors
    ``Transient``/``RateLimited``: nothing of this call was applied. ``OutcomeUnknown``: for writes, all of this call
    is unknown. ``AuthRejected``/``PermissionMissing``: the side is stopped until a person acts. ``Stopped``: a stop was
    requested, or this process may not write any more, and nothing of this call was applied. Single writes that fail
    inside a batch are results, not exceptions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from syncd.errors import StateError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from pydantic import BaseModel

    from syncd.core.model import (
        ChangePage,
        Cursor,
        FetchResult,
        FieldsResult,
        FieldsWrite,
        ListingRef,
        Refused,
        StockEvent,
        StockWrite,
        Unknown,
        WriteResult,
    )
    from syncd.core.products import Made, MakeResult, NewProduct, Product, Way, WithdrawResult


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a side can do; the engine chooses by this and never by name.

    Attributes:
        relative: Stock can be written as a difference. Where it cannot, ``write_stock`` sets a listing to
            ``expected_after``; the engine reads it by id just before and just after.
        marker: A stock write can carry the operation's id so that a later read shows whether it was applied.
        key_life_s: A write carries its operation's id as a key, and within so many seconds after it was first sent the
            same write sent again is certainly not applied a second time, and is answered with what became of the first.
            0: there are no such keys.
        atomic: A relative write cannot swallow a sale that happens on the side at the same moment.
        fractions: Quantities may have decimals.
        batch_size: Most writes per call of ``write_stock``.
        parallel_writes: How many calls of ``write_stock`` may be under way at once (for different listings).
        events: The side reports orders and refunds as evidence.
        reports_quantity: The answer to a write carries the resulting quantity.
        fields: Fields of products that ``write_fields`` can write.
        describes: ``read_product`` says all that is needed to make a product elsewhere.
        creates: Products can be made here.
        withdraws: Products can be taken from customers here.
        image_content: Images that are written come with their content; else the side fetches them from their address.
        makes_images: ``create_product`` takes the images of a product with it; they come with their content.
        why_not: Why the platform lacks something, by the name of a field above, of a product's field, or of
            ``syncd.testing.side.Traits``. A promise of the conformance suite is skipped for such a reason alone.
    """

    relative: bool
    marker: bool = False
    key_life_s: float = 0.0
    atomic: bool = True
    fractions: bool = False
    batch_size: int = 1
    parallel_writes: int = 1
    events: bool = False
    reports_quantity: bool = True
    fields: frozenset[str] = frozenset()
    describes: bool = False
    creates: bool = False
    withdraws: bool = False
    image_content: bool = False
    makes_images: bool = False
    why_not: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One result of ``syncd check`` for a side: ``ok`` or not, what was tried, what to do if not.

    ``exit_code`` is what the command ends with if this is not ok: that of the error behind it, if there was one.
    """

    ok: bool
    subject: str
    message: str
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a connection test found out.

    Attributes:
        lines: Results for people.
        clock_skew_s: Server clock minus ours, seconds, from the ``Date`` header; ``None`` if not sent.
        facts: Versions and names worth keeping (account, shop version), free of secrets.
    """

    lines: tuple[CheckLine, ...]
    clock_skew_s: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every line is fine."""
        return all(line.ok for line in self.lines)


@dataclass(frozen=True, slots=True)
class Counting:
    """Which quantity a side's readings are, where it has several: of a location, with open orders or without.

    Attributes:
        key: The same for as long as the same is counted, whatever the configuration or people there call it.
        words: The same for people, to follow "it counts".
    """

    key: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """OAuth tokens as stored. ``expires_at`` is by our clock, computed when the answer came."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scope: str = ""


class TokenStore(Protocol):
    """Durable place of one credential's tokens, shared by threads and processes."""

    def load(self) -> TokenPair | None:
        """Return the stored pair, or ``None`` if nothing is stored yet."""

    def refresh(self, stale: TokenPair | None, exchange: Callable[[str], TokenPair]) -> TokenPair:
        """Rotate the tokens once, however many threads and processes ask at the same time.

        Takes the credential's lease. If the stored pair differs from ``stale`` another one has rotated it already:
        that pair is returned without a call. Else ``exchange(refresh_token)`` is called (no transaction open), its
        result is committed and then returned: the rotated pair is durable before anyone uses it. While nothing is
        stored, or when the configured seed token changed since it was last used, ``exchange`` is given the seed.

        Raises:
            AuthRejected: ``exchange`` raised it and no other process rotated meanwhile; the finding is the engine's.
        """


@dataclass(slots=True)
class AdapterContext:
    """What an adapter is built from.

    Attributes:
        side: Name of the side (``inventorum``, or the shop's name in the configuration).
        settings: The adapter's validated settings, an instance of its factory's ``settings_model``.
        tokens: Durable token storage, for adapters whose factory says ``uses_tokens``.
        stop: Set when the process shall stop; waits end early and raise ``Stopped``.
        now: Clock; injected so that tests own time.
        overlap_s: Seconds that each delta read overlaps the one before.
        on_request: Called after each HTTP exchange with (method, path without query, status or 0, milliseconds);
            the method of a POST that only asks is ``QUERY``.
        may_write: Asked right before the bytes of a write leave: whether this process may still write. If not, they do
            not leave (``Stopped``): it slept, and another process may have taken its place.
        trust: Certificates that are trusted, for ``HttpSession``; the usual ones if left out.
    """

    side: str
    settings: Any
    tokens: TokenStore | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    overlap_s: float = 60.0
    on_request: Callable[[str, str, int, float], None] = lambda method, path, status, ms: None
    may_write: Callable[[], bool] = lambda: True
    trust: ssl.SSLContext | None = None


class SideAdapter(Protocol):
    """One side of the world. See the module's docstring for what every method promises."""

    @property
    def name(self) -> str:
        """Name of the side as configured."""

    @property
    def capabilities(self) -> Capabilities:
        """What this side can do (may depend on what ``check`` or the first read found out)."""

    def check(self) -> CheckReport:
        """Test connection, credentials, rights, versions and clock; changes nothing on the side."""

    def counts(self, *, anew: bool = False) -> Counting:
        """Say what its quantities are, before each pass: settled, not as configured; ``anew`` asks the side again.

        What is read and written afterwards is of this kind. If it changed meanwhile, reads and writes raise
        ``Transient`` until this was called once more.
        """

    def read_all(self) -> Iterator[ChangePage]:
        """Read every listing. The last page's cursor lets ``read_changes`` continue from when this read began."""

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read what may have changed since ``cursor`` (with overlap), fully resolved to listings with quantities.

        A quiet read costs a handful of requests, whatever the size of the catalogue.
        """

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read some listings now, by id, as freshly as the side can."""

    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders, refunds and returns that moved stock since ``since``, to settle a write whose answer was lost.

        Only called if ``capabilities.events``; a side that reports events with its changes may still be asked.
        ``since`` and the events' ``occurred_at`` are by our clock: the adapter takes off what the side's is ahead.
        """

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Send up to ``capabilities.batch_size`` writes, each at most once; results in the same order."""

    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Set fields of up to ``capabilities.batch_size`` products; results in the same order.

        Only ``capabilities.fields`` are asked for, and nothing but them changes on the side: no stock, no marker. The
        answer says what the side shows of every field that was written. What cannot be stored whole is refused. Where a
        value names something that the side has lists of (categories, brands), the answer is held against what was sent:
        what is missing is ``Written.lost``, never taken for the side's way of spelling it.
        Where it takes several requests, and one was carried out before another failed, each field has its own outcome.
        """

    def read_product(self, product_id: str) -> Product | None:
        """Read a whole product with its variations; ``None`` if it is gone. Only if ``capabilities.describes``.

        Also ``None`` for what cannot be made elsewhere: bundles, links to other shops, stock kept in one pool.
        """

    def read_image(self, address: str) -> bytes | None:
        """Fetch one of its images; ``None`` if it is not there. Only if ``capabilities.describes``.

        Raises:
            SideError: It cannot be had now.
        """

    def bring_images(self, new: NewProduct) -> Mapping[str, Refused]:
        """Bring the images of a product that is made next; what is not taken, by key. Only if ``makes_images``.

        ``create_product`` names them then, and needs no more time than without. What no product came to use is used by
        the next try.

        Raises:
            SideError: The side takes nothing now.
        """

    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product, or variations of one, each at most once. Only if ``capabilities.creates``.

        What is made counts its stock and has none yet. Whatever the answer lacks is in ``Made.missing``. An image that
        the side does not take is in ``Made.left_out`` and holds up nothing.
        """

    def find_product(self, new: NewProduct, since: datetime) -> Made | Unknown | None:
        """Look for what ``create_product`` may have made since a moment of our clock; ``None``: it made nothing.

        ``Unknown``: it cannot be told from what others made; a person must say.
        """

    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Take a product with all its variations, or one variation, from the customers; to be repeated is harmless.

        Only called if ``capabilities.withdraws``. What is gone already counts as refused, ``gone``.

        Raises:
            SideError: Nothing happened. OutcomeUnknown: It may have happened.
        """

    def close(self) -> None:
        """Release connections; the adapter is not used afterwards."""


class PlainSide:
    """Stands in for the methods of ``SideAdapter`` that a side's capabilities do not promise.

    The engine calls none of them then. An adapter that inherits from it writes ``name``, ``capabilities``, ``check``,
    ``read_all``, ``read_changes``, ``fetch``, ``write_stock`` and ``close``, and of these here what it can do.
    """

    def counts(self, *, anew: bool = False) -> Counting:
        """Stand in where a side has one quantity of each listing, and no setting chooses another."""
        return Counting()

    def read_events(self, since: datetime) -> list[StockEvent]:
        """Stand in where ``capabilities.events`` is false."""
        raise _not_promised("read_events")

    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Stand in where ``capabilities.fields`` is empty."""
        raise _not_promised("write_fields")

    def read_product(self, product_id: str) -> Product | None:
        """Stand in where ``capabilities.describes`` is false."""
        raise _not_promised("read_product")

    def read_image(self, address: str) -> bytes | None:
        """Stand in where ``capabilities.describes`` is false."""
        raise _not_promised("read_image")

    def bring_images(self, new: NewProduct) -> Mapping[str, Refused]:
        """Stand in where ``capabilities.makes_images`` is false."""
        raise _not_promised("bring_images")

    def create_product(self, new: NewProduct) -> MakeResult:
        """Stand in where ``capabilities.creates`` is false."""
        raise _not_promised("create_product")

    def find_product(self, new: NewProduct, since: datetime) -> Made | Unknown | None:
        """Stand in where ``capabilities.creates`` is false."""
        raise _not_promised("find_product")

    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Stand in where ``capabilities.withdraws`` is false."""
        raise _not_promised("withdraw")


def _not_promised(method: str) -> StateError:
    return StateError(f"{method} was called, though the capabilities of this side do not promise it")


@dataclass(frozen=True, slots=True)
class AdapterFactory:
    """What an entry point in group ``syncd.adapters`` names.

    Attributes:
        kind: Name typed as ``adapter = "…"`` in the configuration.
        title: Name for people.
        settings_model: Pydantic model of the keys in ``[shops.NAME]`` (or ``[inventorum]``) that belong to the
            adapter (address and credentials); secrets are ``pydantic.SecretStr``. Extra keys are forbidden.
        build: Makes the adapter. No I/O here.
        uses_tokens: Whether the adapter needs a ``TokenStore``.
        role: ``"hub"`` or ``"shop"``.
    """

    kind: str
    title: str
    settings_model: type[BaseModel]
    build: Callable[[AdapterContext], SideAdapter]
    uses_tokens: bool = False
    role: str = "shop"
