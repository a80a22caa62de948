"""What property tests tried, in numbers: collected while they run, printed once at the end."""

from __future__ import annotations

from collections import Counter

TALLY: Counter[str] = Counter()
"""``histories``, ``steps``, ``quiet`` (times that everything was compared), and ``fault:KIND`` by kind."""


def summary(tally: Counter[str], violations: int) -> str:
    """One line for people and scripts."""
    faults = {key.removeprefix("fault:"): count for key, count in sorted(tally.items()) if key.startswith("fault:")}
    kinds = ", ".join(f"{kind} {count}" for kind, count in faults.items())
    return (
        f"{tally['histories']} histories, {tally['steps']} steps, {tally['quiet']} comparisons, "
        f"{sum(faults.values())} faults ({kinds or 'none'}), {violations} violations"
    )
