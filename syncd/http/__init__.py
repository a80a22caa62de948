"""The one place where HTTP is built: timeouts, rate budget, retries of reads, classification, redaction."""

from syncd.http.budget import RateBudget
from syncd.http.files import OpenFiles
from syncd.http.redact import note_credentials, redact, shorten
from syncd.http.reply import Reply
from syncd.http.session import HttpSession, RetryPolicy

__all__ = ["HttpSession", "OpenFiles", "RateBudget", "Reply", "RetryPolicy", "note_credentials", "redact", "shorten"]
