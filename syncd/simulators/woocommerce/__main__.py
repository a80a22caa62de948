"""Runs the simulated shop."""

from syncd.simulators.woocommerce.cli import main

if __name__ == "__main__":
    main()
