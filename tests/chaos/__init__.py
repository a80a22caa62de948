"""The real daemon as a process against the simulators: random traffic, random faults, random kills.

``python -m tests.chaos --kills 200`` and ``python -m tests.chaos.soak --minutes 10``; each prints one line and ends
with 1 on any violation. Not part of the normal test run, except for a short one (``test_smoke.py``).
"""
