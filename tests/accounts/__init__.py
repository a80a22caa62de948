"""Many accounts on one machine with one PostgreSQL server: what each costs, and that none touches another."""
