"""Mutants: the program with one protection taken out. For each of them a test must fail, or nothing guards it.

``python -m tests.mutants`` plants each one in a throw-away copy of the sources and runs the tests that must notice.
"""
