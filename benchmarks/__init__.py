"""How fast syncd is and what it costs, measured against simulated sides: ``make bench``, ``make bench-quick``."""
