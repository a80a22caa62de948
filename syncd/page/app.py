"""The pages by address. Each is one look into the database: read, close, then put into words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from loguru import logger

from syncd.errors import DatabaseUnavailable
from syncd.hosts import is_loopback
from syncd.page import chart
from syncd.page.looks import (
    read_daemon,
    read_differences,
    read_finding,
    read_findings,
    read_runs,
    read_standing,
)
from syncd.page.render import render, static, zone
from syncd.page.search import LONGEST, search
from syncd.page.timeline import read_lines
from syncd.page.words import judge
from syncd.service.explain import tell_item, tell_unlinked
from syncd.service.freshness import read_health
from syncd.service.web import Answer, is_ours
from syncd.state.models import Listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from wsgiref.types import WSGIEnvironment

    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.state.engine import Database

_HTML = "text/html; charset=utf-8"

_STATIC = {"/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"}

HEADERS = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
    ),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("X-Robots-Tag", "noindex"),
)
"""Of every answer: nothing is loaded but our own stylesheet and icon, no script runs, nobody frames it."""

RELOAD_S = 30
"""Seconds after which the overview loads again, for those who ask for that."""

DIFFERENCES, FINDINGS, HITS, RUNS, ENTRIES = 50, 20, 25, 50, 100
"""Rows of one page of each list."""

_LAST_PAGE = 50
_ITEM = re.compile(r"/item/(\d{1,18})")
_LISTING = re.compile(r"/listing/(\d{1,18})")
_FINDING = re.compile(r"/finding/(\d{1,18})")
_CURSOR = re.compile(r"([il]\d{1,18})?")
_LARGEST = 2**63 - 1


class _Problem(Exception):
    """A page that cannot be shown: status and what to tell."""

    def __init__(self, status: HTTPStatus, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request: path and query."""

    path: str
    query: dict[str, str]

    def number(self, name: str, default: int, most: int = _LARGEST) -> int:
        """A number of the query.

        Raises:
            _Problem: It is none.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit()) or not 0 <= int(text[:20]) <= most:
            raise _Problem(HTTPStatus.BAD_REQUEST, f"“{name}” must be a number from 0 to {most}.")
        return int(text)


class StatusPage:
    """Answers for every address but those of monitors.

    Args:
        db: Opened for looking (``state/looking.py``).
        config: Names the sides.
        now: Clock.
        leading: Whether this process is at work, and no other.
    """

    def __init__(
        self, db: Database, config: Config, now: Callable[[], datetime], *, leading: Callable[[], bool]
    ) -> None:
        self._db = db
        self._config = config
        self._now = now
        self._leading = leading

    def __call__(self, environ: WSGIEnvironment) -> Answer:
        """Answer one request."""
        now = self._now()
        try:
            _refuse_strangers(environ)
            path = environ.get("PATH_INFO", "")
            if path in _STATIC:
                headers = (*HEADERS, ("Cache-Control", "private, max-age=86400"))
                return Answer("200 OK", _STATIC[path], static(path.removeprefix("/")), headers)
            asked = _Asked(path, _query(environ.get("QUERY_STRING", "")))
            template, values = self._page(asked, now)
            body = render(template, self._values(now, asked) | values)
        except _Problem as problem:
            return self._problem(problem.status, problem.said, now)
        except DatabaseUnavailable:
            # Its message names the file or the server; the daemon's own log has it.
            logger.bind(path=environ.get("PATH_INFO", "")).debug("page.unavailable")
            said = (
                "The database cannot be read now: it is locked, away, or takes too long. So nothing is known about how "
                "things stand. Try again in some seconds; if it stays, “journalctl -u syncd” says more."
            )
            return self._problem(HTTPStatus.SERVICE_UNAVAILABLE, said, now)
        reload = (("Refresh", str(RELOAD_S)),) if values.get("reloads") else ()
        return Answer("200 OK", _HTML, body, (*HEADERS, *reload))

    def _page(self, asked: _Asked, now: datetime) -> tuple[str, dict[str, Any]]:
        pages = {
            "/": self._overview,
            "/differences": self._differences,
            "/findings": self._findings,
            "/runs": self._runs,
            "/search": self._search,
        }
        with self._db.read() as session:
            if asked.path in pages:
                return pages[asked.path](session, asked, now)
            if found := _ITEM.fullmatch(asked.path):
                return self._item(session, asked, int(found[1]), now)
            if found := _LISTING.fullmatch(asked.path):
                return self._listing(session, int(found[1]))
            if found := _FINDING.fullmatch(asked.path):
                return self._finding(session, int(found[1]))
        raise _Problem(HTTPStatus.NOT_FOUND, "There is no page at this address.")

    def _overview(self, session: Session, asked: _Asked, now: datetime) -> tuple[str, dict[str, Any]]:
        standing = read_standing(session, self._config, now)
        linked = sum(side.linked for side, _ in standing.sides)
        differing = sum(standing.differing.values())
        daemon = read_daemon(session, now, leads=self._leading())
        runs, _ = read_runs(session, before=None, limit=8, busy=True)
        return "overview.html", {
            "standing": standing,
            "verdict": judge(standing.health, daemon, linked=linked, differing=differing),
            "daemon": daemon,
            "differing": differing,
            "differences": read_differences(session, after=0, limit=10) if differing else [],
            "findings": read_findings(session, skip=0, limit=5),
            "open": sum(standing.health.findings.values()),
            "runs": runs,
            "reloads": bool(asked.number("reload", 0, 1)),
            "reload_s": RELOAD_S,
        }

    def _differences(self, session: Session, asked: _Asked, _now: datetime) -> tuple[str, dict[str, Any]]:
        after = asked.number("after", 0)
        found = read_differences(session, after=after, limit=DIFFERENCES + 1)
        more = found[DIFFERENCES - 1].listing if len(found) > DIFFERENCES else 0
        return "differences.html", {"differences": found[:DIFFERENCES], "after": after, "more": more}

    def _findings(self, session: Session, asked: _Asked, now: datetime) -> tuple[str, dict[str, Any]]:
        page = asked.number("page", 1, 100_000) or 1
        number = sum(read_health(session, self._config, now).findings.values())
        return "findings.html", {
            "findings": read_findings(session, skip=(page - 1) * FINDINGS, limit=FINDINGS),
            "number": number,
            "page": page,
            "pages": max(1, -(-number // FINDINGS)),
        }

    def _finding(self, session: Session, number: int) -> tuple[str, dict[str, Any]]:
        found = read_finding(session, min(number, _LARGEST))
        if found is None:
            raise _Problem(HTTPStatus.NOT_FOUND, f"There is no finding {number}.")
        return "finding.html", {"found": found}

    def _runs(self, session: Session, asked: _Asked, _now: datetime) -> tuple[str, dict[str, Any]]:
        names = [side.name for side in self._config.sides]
        side = asked.query.get("side", "")
        if side and side not in names:
            raise _Problem(HTTPStatus.NOT_FOUND, "There is no such side.")
        busy, before = bool(asked.number("busy", 0, 1)), asked.number("before", 0)
        runs, more = read_runs(session, before=before or None, limit=RUNS, side=side, busy=busy)
        return "runs.html", {"runs": runs, "more": more, "side": side, "busy": busy, "names": names, "before": before}

    def _search(self, session: Session, asked: _Asked, _now: datetime) -> tuple[str, dict[str, Any]]:
        words, after = asked.query.get("q", ""), asked.query.get("after", "")
        if not _CURSOR.fullmatch(after):
            raise _Problem(HTTPStatus.BAD_REQUEST, "“after” must be as a page of this search gave it.")
        hits, more = search(session, words.replace("\0", ""), after=after, limit=HITS)
        return "search.html", {"hits": hits, "more": more, "after": after, "cut": len(words) > LONGEST}

    def _item(self, session: Session, asked: _Asked, number: int, now: datetime) -> tuple[str, dict[str, Any]]:
        page = asked.number("page", 1, _LAST_PAGE) or 1
        story = tell_item(session, number, limit=ENTRIES, skip=(page - 1) * ENTRIES) if number < _LARGEST else None
        if story is None:
            raise _Problem(HTTPStatus.NOT_FOUND, f"There is no item {number}.")
        lines = read_lines(session, number, limit=5 * ENTRIES, now=now) if page == 1 else []
        return "item.html", {
            "story": story,
            "page": page,
            "last_page": _LAST_PAGE,
            "lines": lines,
            "charts": [chart.draw(lines, frame) for frame in (chart.WIDE, chart.NARROW)] if lines else [],
            "summary": chart.summary(lines) if lines else "",
            "rows": chart.table(lines) if lines else [],
            "former": [],
        }

    def _listing(self, session: Session, number: int) -> tuple[str, dict[str, Any]]:
        row = session.get(Listing, number) if number < _LARGEST else None
        if row is None:
            raise _Problem(HTTPStatus.NOT_FOUND, f"There is no listing {number}.")
        story, former = tell_unlinked(session, row, limit=ENTRIES)
        values = {"page": 1, "last_page": 1, "lines": [], "charts": [], "summary": "", "rows": []}
        return "item.html", {"story": story, "former": former, **values}

    def _values(self, now: datetime, asked: _Asked | None = None) -> dict[str, Any]:
        """What every page shows."""
        query = asked.query.get("q", "").strip() if asked is not None and asked.path == "/search" else ""
        return {
            "now": now,
            "zone": zone(now),
            "path": asked.path if asked is not None else "",
            "asked": query[:LONGEST],
            "sides": ", ".join(side.name for side in self._config.sides),
        }

    def _problem(self, status: HTTPStatus, said: str, now: datetime) -> Answer:
        body = render("problem.html", self._values(now) | {"status": status, "said": said})
        again = (("Retry-After", "10"),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
        return Answer(f"{status.value} {status.phrase}", _HTML, body, (*HEADERS, *again))

    def refuse_method(self) -> Answer:
        """For other methods than GET and HEAD."""
        return self._problem(HTTPStatus.METHOD_NOT_ALLOWED, "This page can only be looked at.", self._now())


def _refuse_strangers(environ: WSGIEnvironment) -> None:
    """The page names goods, orders and messages, and asks for no password: it is for people on this machine alone.

    Raises:
        _Problem: The request came from another machine, by another name than this machine's own, or from within a page
            of another site.
    """
    if not is_loopback(environ.get("REMOTE_ADDR", "")) or not is_ours(environ.get("HTTP_HOST", ""), ()):
        raise _Problem(
            HTTPStatus.FORBIDDEN, "The status page answers only on the machine itself. Open it through an SSH tunnel."
        )
    inside = environ.get("HTTP_SEC_FETCH_MODE", "navigate") != "navigate"
    if inside and environ.get("HTTP_SEC_FETCH_SITE", "none") not in {"none", "same-origin"}:
        raise _Problem(HTTPStatus.FORBIDDEN, "A page of another site may not load this one.")


def _query(text: str) -> dict[str, str]:
    try:
        found = parse_qs(text, max_num_fields=10, errors="replace")
    except ValueError:
        raise _Problem(HTTPStatus.BAD_REQUEST, "The address has too many parts.") from None
    return {name: values[0] for name, values in found.items()}
