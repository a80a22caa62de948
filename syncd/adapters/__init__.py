"""Sides of the world: one folder per system, all alike (``client`` wire calls, ``mapping``, ``adapter``)."""
