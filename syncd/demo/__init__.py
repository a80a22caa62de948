"""`syncd demo`: simulated till and shop, the real daemon as its own process, a scripted day, and an honest verdict."""
