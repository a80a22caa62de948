"""syncd keeps products and stock the same between INVENTORUM and web shops."""

from importlib.metadata import version

__version__ = version("syncd")
