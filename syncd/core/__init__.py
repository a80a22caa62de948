"""Pure core: values in, values out. Imports no I/O; time is an argument (tests/unit/test_imports.py)."""
