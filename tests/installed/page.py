"""The commands of docs/install.md, by heading: what is walked is what stands there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "install.md"


def blocks(heading: str) -> list[str]:
    """Code blocks below a heading, without those of the headings below it.

    Raises:
        KeyError: There is no such heading, or no code below it.
    """
    parts = re.split(r"(?m)^#+ (.*)$", PAGE.read_text("utf-8"))
    texts = {title.strip(): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    found: list[str] = re.findall(r"(?ms)^```\n(.*?)^```$", texts[heading])
    if not found:
        raise KeyError(heading)
    return found
