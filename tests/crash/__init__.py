"""Real processes that are killed, stopped or halted at chosen moments, on both databases."""
