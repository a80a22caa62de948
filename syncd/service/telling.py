"""Telling the outside: a monitor that notices silence, and people who want to know of new findings.

Neither can fail or delay a sync: each has a thread of its own (``service/errands.py``). What was told of is kept in the
database, as the number of the newest finding: numbers only grow, in the order in which findings are committed. It moves
after a message was taken, so that none is lost; only a daemon that is killed between the two tells one twice.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loguru import logger
from sqlalchemy import func, select

from syncd.errors import NotDelivered
from syncd.http.hook import call
from syncd.log import without_secrets
from syncd.service.errands import Errand
from syncd.service.freshness import read_health
from syncd.service.mail import send_mail
from syncd.state.models import Finding, Notice

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pydantic import SecretStr
    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.config.schema import NotifyConfig
    from syncd.state.engine import Database

_LOOK_S = 10.0
_MOST_SHOWN = 20
_WARM_UP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once.

    Attributes:
        account: Name of the configuration, if it is one of several.
        host: This machine.
        findings: New ones, oldest first; of many only the first.
        count: How many there are in all.
    """

    account: str
    host: str
    findings: Sequence[dict[str, Any]]
    count: int

    @property
    def sender(self) -> str:
        """Who speaks."""
        where = f"{self.account} on {self.host}" if self.account else self.host
        return f"syncd ({where})"

    @property
    def subject(self) -> str:
        """One line."""
        kinds = sorted({finding["kind"] for finding in self.findings})
        return f"{self.sender}: {self.count} new {'finding' if self.count == 1 else 'findings'}: {', '.join(kinds)}"

    @property
    def text(self) -> str:
        """All of it, for people."""
        lines = [self.subject, ""]
        for finding in self.findings:
            over = " (over by now)" if finding["closed_at"] else ""
            lines += [f"{finding['id']}  {finding['severity']}  {finding['kind']}: {finding['message']}{over}"]
            lines += [f"    {finding['advice']}"]
        if self.count > len(self.findings):
            lines.append(f"… and {self.count - len(self.findings)} more: `syncd findings --all`")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For a webhook. Chats show ``text``; programs read the rest."""
        return {
            "source": "syncd",
            "account": self.account,
            "host": self.host,
            "subject": self.subject,
            "text": self.text,
            "count": self.count,
            "findings": list(self.findings),
        }


class Telling:
    """One way of telling people of new findings.

    Args:
        db: The database.
        way: ``webhook`` or ``mail``.
        config: Which findings, how often, and what this account is called.
        send: Brings a message; raises ``NotDelivered``.
        now: Clock.
    """

    def __init__(
        self, db: Database, way: str, config: Config, send: Callable[[Message], None], now: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._way = way
        self._config = config
        self._send = send
        self._now = now

    def __call__(self) -> None:
        """Tell what is new, if the last message is long enough ago.

        Raises:
            NotDelivered: It was not taken; it is tried again. DatabaseUnavailable. LeaseLost: another process tells.
        """
        now = self._now()
        with self._db.read() as session:
            known = session.get(Notice, self._way)
            if known is not None and known.told_at is not None and self._is_recent(known.told_at, now):
                return
            newest = session.scalar(select(func.max(Finding.id))) or 0
            rows = list(self._new(session, known, newest))
        if rows:
            self._send(self._message(rows))
        elif known is not None and known.told_through == newest:
            return
        with self._db.write() as session:
            row = session.get(Notice, self._way) or Notice(way=self._way, told_through=0)
            row.told_through = max(row.told_through, newest)
            row.told_at = now if rows else row.told_at
            session.add(row)

    def _is_recent(self, told_at: datetime, now: datetime) -> bool:
        # A moment to come is one of a clock that was set back since.
        return timedelta(0) <= now - told_at < timedelta(seconds=self._config.notify.every_seconds)

    def _new(self, session: Session, known: Notice | None, newest: int) -> Iterator[Finding]:
        """Findings that were not told of. Before the first message these are the open ones: the rest is history."""
        query = select(Finding).where(Finding.severity.in_(self._config.notify.severities), Finding.id <= newest)
        if known is None:
            query = query.where(Finding.closed_at.is_(None))
        else:
            query = query.where(Finding.id > known.told_through)
        yield from session.scalars(query.order_by(Finding.id))

    def _message(self, rows: Sequence[Finding]) -> Message:
        shown = [
            {
                "id": row.id,
                "kind": row.kind,
                "severity": row.severity,
                "message": without_secrets(row.message),
                "advice": without_secrets(row.advice),
                "opened_at": row.opened_at.isoformat(),
                "closed_at": row.closed_at.isoformat() if row.closed_at else None,
            }
            for row in rows[:_MOST_SHOWN]
        ]
        name = self._config.source.stem
        return Message("" if name == "config" else name, socket.gethostname(), shown, len(rows))


class Mail:
    """Sends messages by mail. What is refused for some receivers and taken for others is not sent again: it is said.

    The log has the place in ``mail_to`` and not the address, which is a person's.
    """

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self._refused: frozenset[int] = frozenset()

    def __call__(self, message: Message) -> None:
        """Send one.

        Raises:
            NotDelivered: Nobody got it.
        """
        addresses = set(send_mail(self._config, message.subject, message.text))
        places = frozenset(at for at, each in enumerate(self._config.mail_to, 1) if each in addresses)
        if new := places - self._refused:
            told = ", ".join(map(str, sorted(new)))
            logger.bind(receivers=told, of=len(self._config.mail_to)).warning("mail.receiver_refused")
        self._refused = places


class Ping:
    """Asks for an address of a monitor, by how things stand; silence means that nobody is there to ask.

    Args:
        db: The database.
        config: Addresses, and the sides.
        now: Clock.
        writable: Whether the database could be written to lately: what a full disk holds can be read, and looks well.
    """

    def __init__(
        self, db: Database, config: Config, now: Callable[[], datetime], writable: Callable[[], bool] = lambda: True
    ) -> None:
        self._db = db
        self._writable = writable
        self._config = config
        self._now = now
        self._began_at: datetime | None = None
        self._start_told = config.ping.start_url is None
        self._was_well = False

    def __call__(self) -> None:
        """One ping; the first of a process comes after that of its start, which is tried again until it is taken.

        A daemon that was just started finds sides that nobody read for a while. That is no failure yet: it says nothing
        before all was well once, or has had the time for it.

        Raises:
            NotDelivered: The monitor did not take it. DatabaseUnavailable: no ping at all is the right one then.
        """
        now = self._now()
        self._began_at = self._began_at or now
        try:
            self._tell_start()
        finally:
            # A wrong address for the start is no reason to fall silent about the rest.
            self._tell(now, self._began_at)

    def _tell_start(self) -> None:
        if not self._start_told:
            _ask(self._config.ping.start_url)
            self._start_told = True

    def _tell(self, now: datetime, began_at: datetime) -> None:
        with self._db.read() as session:
            health = read_health(session, self._config, now)
        is_well = health.code == 0 and self._writable()
        self._was_well = self._was_well or is_well
        if self._was_well or now - began_at >= _WARM_UP:
            _ask(self._config.ping.success_url if is_well else self._config.ping.fail_url)


def _ask(url: SecretStr | None) -> None:
    if url is not None:
        call(url.get_secret_value())


def try_out(config: Config) -> Iterator[tuple[str, str, str | None]]:
    """Send a test by each way that the configuration names: one ping that all is well, one message to each receiver.

    Yields:
        The way, what was done, and what was wrong (``None`` if nothing).
    """
    notify, ping = config.notify, config.ping
    name = config.source.stem
    message = Message("" if name == "config" else name, socket.gethostname(), [], 0)
    words = f"{message.sender}: this is a test; nothing has happened"

    def mail() -> str | None:
        refused = send_mail(notify, words, words)
        places = ", ".join(str(at) for at, each in enumerate(notify.mail_to, 1) if each in refused)
        return f"the server refused receiver {places} of {len(notify.mail_to)} in mail_to" if places else None

    def webhook() -> None:
        if notify.webhook_url is not None:
            call(notify.webhook_url.get_secret_value(), json=message.as_dict() | {"subject": words, "text": words})

    tries: list[tuple[str, str, bool, Callable[[], str | None]]] = [
        ("ping", "the monitor took a ping", ping.success_url is not None, lambda: _ask(ping.success_url)),
        ("webhook", "it took a test message", notify.webhook_url is not None, webhook),
        ("mail", "the server took a test message for all receivers", notify.mail_server is not None, mail),
    ]
    for way, done, is_configured, send in tries:
        if is_configured:
            try:
                yield way, done, send()
            except NotDelivered as error:
                yield way, done, str(error)


def errands(
    config: Config,
    db: Database,
    stop: threading.Event,
    now: Callable[[], datetime],
    writable: Callable[[], bool] = lambda: True,
) -> list[Errand]:
    """Everything that the configuration wants told, not started yet; ``writable`` as of ``Ping``."""
    notify, ping = config.notify, config.ping
    found = []
    if any((ping.success_url, ping.start_url, ping.fail_url)):
        found.append(Errand("ping", ping.every_seconds, Ping(db, config, now, writable), stop))
    if notify.webhook_url is not None:
        url = notify.webhook_url.get_secret_value()
        telling = Telling(db, "webhook", config, lambda message: call(url, json=message.as_dict()), now)
        found.append(Errand("webhook", _LOOK_S, telling, stop))
    if notify.mail_server is not None:
        by_mail = Telling(db, "mail", config, Mail(notify), now)
        found.append(Errand("mail", _LOOK_S, by_mail, stop))
    return found
