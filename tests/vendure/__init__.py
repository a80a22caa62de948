"""``make e2e``: the daemon between a simulated till and a real shop that nobody here wrote, on a busy day."""
