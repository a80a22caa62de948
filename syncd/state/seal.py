"""Tokens sealed at rest: AES-256-GCM under a key that is not in the database.

A sealed value is bound to its side and its column: moved to another row it does not open. Each row names its key, so
that with two keys given every row opens whatever a rotation of keys had reached. How a row is kept is changed by one
process alone, the one that leads; whoever refreshes a token meanwhile keeps it as it was kept
(``syncd/state/tokens.py``), so that processes with an older configuration go on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr
from sqlalchemy import select

from syncd.errors import DatabaseNotReady
from syncd.state.models import TokenRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

KEY_BYTES = 32
_NONCE_BYTES = 12
_COLUMNS = ("access_token", "refresh_token")
_HEX_LENGTH = 2 * KEY_BYTES


class SealBroken(DatabaseNotReady):
    """Sealed tokens cannot be opened with the keys that are given; nothing was changed and nothing is lost."""


def new_key() -> str:
    """Return a new key as it is written into a file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def read_key(text: str) -> bytes:
    """Read a key: 32 bytes in base64 (either alphabet), or as 64 hexadecimal digits.

    Raises:
        ValueError: It is none; the text is not repeated.
    """
    text = text.strip()
    try:
        if len(text) == _HEX_LENGTH:
            return bytes.fromhex(text)
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("must be 32 random bytes in base64 (44 characters); `syncd db key` makes one")
    return key


@dataclass(frozen=True, slots=True)
class Seal:
    """Opens what any of its keys has sealed.

    Attributes:
        keys: By their ids; the first one is for what is sealed anew.
    """

    keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, key: SecretStr | None, former: SecretStr | None = None) -> Seal:
        """Take the key of the configuration, and the one that it replaces."""
        given = [read_key(each.get_secret_value()) for each in (key, former) if each is not None]
        return cls({key_id(each): each for each in given})

    @property
    def current(self) -> str:
        """Id of the key for what is sealed anew; empty if there is none: then tokens are kept as they are."""
        return next(iter(self.keys), "")

    def close(self, value: str, where: str, key: str) -> str:
        """Seal a value for the place ``where`` under the key with this id."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - only where a key is given

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.keys[key]).encrypt(nonce, value.encode(), where.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, value: str, where: str, key: str) -> str:
        """Open what ``close`` made for the same place.

        Raises:
            SealBroken: It was made for another place, by another key, or was changed since.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - only where a key is given
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            sealed = base64.urlsafe_b64decode(value.encode())
            return AESGCM(self.keys[key]).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], where.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(
                f"{where}: what is stored was changed or belongs to another side, though its key is given; restore "
                "the database, or `syncd db rekey --forget` and authorise the side again"
            ) from error

    def fits(self, row: TokenRow) -> bool:
        """Whether the key of a row is among ours, or it needs none."""
        return not row.sealed_with or row.sealed_with in self.keys

    def tokens(self, row: TokenRow) -> tuple[str, str]:
        """Access token and refresh token of a row, opened.

        Raises:
            SealBroken: See ``require``.
        """
        self.require(row)
        if not row.sealed_with:
            return row.access_token, row.refresh_token
        access, refresh = (self.open(getattr(row, name), _where(row, name), row.sealed_with) for name in _COLUMNS)
        return access, refresh

    def store(self, row: TokenRow, access_token: str, refresh_token: str, key: str) -> None:
        """Put tokens into a row: sealed with the key of this id, or plain if it is empty."""
        for name, value in zip(_COLUMNS, (access_token, refresh_token), strict=True):
            setattr(row, name, self.close(value, _where(row, name), key) if key else value)
        row.sealed_with = key

    def require(self, row: TokenRow) -> None:
        """Make sure that the key of a row is among ours.

        Raises:
            SealBroken: It is not; the message says what to do.
        """
        if self.fits(row):
            return
        head = f"the tokens of {row.credential} are sealed with key {row.sealed_with}"
        if not self.keys:
            todo = (
                "and no key is given: put it back as database_key_file in [syncd] (or credential database-key, or "
                "environment SYNCD_DATABASE_KEY)"
            )
        else:
            todo = f"and the key given is {self.current}: give the right one, or both: it as database_key_former"
        lost = "If it is lost: `syncd db rekey --forget`, then authorise the side again"
        raise SealBroken(f"{head} {todo}. Nothing was changed. {lost}")


def key_id(key: bytes) -> str:
    """A name for a key that tells nothing about it."""
    return hashlib.sha256(b"syncd database key" + key).hexdigest()[:8]


def require_keys(database: Database, seal: Seal) -> None:
    """Make sure that all stored tokens can be opened.

    Raises:
        SealBroken: They cannot; the message says what to do.
    """
    with database.read() as session:
        for row in _rows(session):
            seal.tokens(row)


def rows_not_kept_with(database: Database, key: str) -> list[str]:
    """Credentials whose tokens are sealed with another key than this one, or plain; all that are sealed if empty."""
    with database.read() as session:
        return [row.credential for row in _rows(session) if row.sealed_with != key]


def keep_with(session: Session, seal: Seal, credential: str, key: str) -> bool:
    """Seal the tokens of a credential with the key of this id, or open them if it is empty; whether that was a change.

    Raises:
        SealBroken: They cannot be opened; nothing was changed.
    """
    row = session.get(TokenRow, credential)
    if row is None or row.sealed_with == key:
        return False
    seal.store(row, *seal.tokens(row), key)
    return True


def forget_unopened(session: Session, seal: Seal) -> list[str]:
    """Delete tokens that none of our keys opens; returns of which sides."""
    gone = []
    for row in _rows(session):
        try:
            seal.tokens(row)
        except SealBroken:
            gone.append(row.credential)
            session.delete(row)
    return gone


def _rows(session: Session) -> list[TokenRow]:
    return list(session.scalars(select(TokenRow).order_by(TokenRow.credential)))


def _where(row: TokenRow, column: str) -> str:
    return f"tokens/{row.credential}/{column}"
