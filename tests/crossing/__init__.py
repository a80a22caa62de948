"""Products that cross between a simulated till and a simulated shop, over sockets, by the whole engine."""
