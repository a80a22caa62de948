"""Runs the simulator alone."""

from syncd.simulators.inventorum.cli import main

main()
