"""Two machines with one PostgreSQL server: kills, halts, cut lines, restarts and wrong clocks, under traffic."""
