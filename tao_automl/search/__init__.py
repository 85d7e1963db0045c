"""Searchers: which configurations to train, and how far. Entry points name their classes; nothing is imported here."""
