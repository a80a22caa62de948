"""Runs the simulated shop."""

from syncd.simulators.shopware6.cli import main

if __name__ == "__main__":
    main()
