"""Runs the simulated shop."""

from syncd.simulators.shopify.cli import main

if __name__ == "__main__":
    main()
