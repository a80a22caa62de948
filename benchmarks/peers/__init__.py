"""Readers of other libraries, each run in a virtual environment of its own; they know nothing of syncd."""
