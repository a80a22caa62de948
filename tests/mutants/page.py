"""Mutants of the status page: words that lie, doors that stand open, lines that were never so."""

from __future__ import annotations

from tests.mutants.mutant import Edit, Mutant

PAGE_MUTANTS = (
    Mutant(
        "page-escape",
        "what others wrote is escaped",
        (Edit("syncd/page/render.py", "autoescape=True", "autoescape=False"),),
        ("tests/page/test_safety.py", "-k", "shown_and_does_nothing"),
    ),
    Mutant(
        "page-strangers",
        "other machines see no products, whatever name they ask by",
        (Edit("syncd/page/app.py", 'if not is_loopback(environ.get("REMOTE_ADDR", "")) or not', "if not"),),
        ("tests/page/test_safety.py", "-k", "another_machine"),
    ),
    Mutant(
        "page-secrets",
        "no value is shown before secrets were taken out of it",
        (Edit("syncd/page/render.py", "without_secrets(str(text)).translate", "str(text).translate"),),
        ("tests/page/test_safety.py", "-k", "no_secret"),
    ),
    Mutant(
        "page-well",
        "an open error is in the verdict, though the exit code leaves it out",
        (Edit("syncd/page/words.py", "    attention = _attention(health)\n", '    attention = ""\n'),),
        ("tests/page/test_pages.py", "-k", "error_that_leaves"),
    ),
    Mutant(
        "page-writes",
        "a look cannot write",
        (Edit("syncd/state/looking.py", '        connection.execute("PRAGMA query_only = ON")\n', ""),
         Edit("syncd/state/looking.py", "?mode=ro", "?mode=rw")),
        ("tests/state/test_looking.py", "-k", "cannot_write and sqlite"),
    ),
    Mutant(
        "page-window",
        "a chart that begins inside a write begins with what was there before it",
        (
            Edit(
                "syncd/page/timeline.py",
                "(write.id, 1), change=write.difference, holds=after)",
                "(write.id, 1), holds=after)",
            ),
        ),
        ("tests/page/test_timeline.py", "-k", "known_to_hold and sqlite"),
    ),
)  # fmt: skip
