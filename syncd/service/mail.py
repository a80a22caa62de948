"""A mail to people, by the standard library: it speaks SMTP, TLS and log-in, and needs no package beside it."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from syncd.errors import NotDelivered

if TYPE_CHECKING:
    from syncd.config.schema import NotifyConfig

_PATIENCE_S = 10.0


def send_mail(config: NotifyConfig, subject: str, text: str) -> list[str]:
    """Send one mail to all receivers.

    Returns:
        Receivers that the server refused, if it took the mail for others.

    Raises:
        NotDelivered: The server does not answer, or refuses the log-in, the sender or all receivers; or the log-in has
            characters that cannot be sent.
    """
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, config.mail_from, ", ".join(config.mail_to)
    message["Date"], message["Message-ID"] = formatdate(localtime=False), make_msgid(domain="syncd.invalid")
    message["Auto-Submitted"] = "auto-generated"  # answers of absent people are not wanted (RFC 3834)
    message.set_content(text, cte="quoted-printable")  # no server is too old for it
    try:
        with _connect(config) as server:
            if config.mail_user is not None:
                _log_in(
                    server, config.mail_user, config.mail_password.get_secret_value() if config.mail_password else ""
                )
            return list(server.send_message(message))
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"the mail server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        raise NotDelivered(f"the mail server took nothing ({type(error).__name__})") from None


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    if not (user + password).isascii():
        # smtplib sends nothing else, and what it raises then holds the password.
        raise NotDelivered("mail_user and mail_password may have only ASCII characters")
    server.login(user, password)


def _connect(config: NotifyConfig) -> smtplib.SMTP:
    host, port = config.mail_address or ("", 0)
    if config.mail_security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=_PATIENCE_S, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=_PATIENCE_S)
    try:
        if config.mail_security == "starttls":
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server
