"""Mutated answers to everything that the clients read: ``python -m tests.fuzz``, or ``make fuzz``."""
