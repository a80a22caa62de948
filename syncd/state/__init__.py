"""What syncd remembers: models, database engine, migrations, tokens, leases. No HTTP here."""
