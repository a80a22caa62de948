"""One module for each case: ``measure`` runs it and returns its figures."""
