"""Journals: where events are kept."""
