"""Which certificates are trusted. There is no way to trust all."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import httpx

_UNKNOWN_AUTHORITY = {18, 19, 20, 21}
"""Codes of OpenSSL: self-signed (alone, in the chain), no issuer found, one certificate that nothing vouches for."""


@functools.cache
def trust(ca: Path | None = None) -> ssl.SSLContext:
    """Trust the usual certificate authorities, and those in the file ``ca``.

    The usual ones are those of the package certifi, or of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``. Loading them takes
    longer than most requests, so it is done once.
    """
    context = httpx.create_ssl_context()
    if ca is not None:
        context.load_verify_locations(cafile=ca)
    return context


def problem_with(ca: Path) -> str:
    """Say what is wrong with a file of certificate authorities; empty if nothing is."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca)
    except ssl.SSLError:
        return f"{ca} is no file of certificates in PEM form (-----BEGIN CERTIFICATE-----)"
    except FileNotFoundError:
        return f"{ca} does not exist"
    except OSError as error:
        return f"{ca} cannot be read: {error.strerror}"
    return ""


def distrust(error: BaseException) -> str:
    """Why a certificate was not trusted, if that is what an error is about; else empty."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "; `ca` names an authority of your own" if cause.verify_code in _UNKNOWN_AUTHORITY else ""
            return cause.verify_message.rstrip(".") + hint
        cause = cause.__cause__ or cause.__context__
    return ""
