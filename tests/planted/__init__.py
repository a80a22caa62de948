"""Secrets planted everywhere, and a search through everything that syncd shows or keeps (`make secrets`)."""
