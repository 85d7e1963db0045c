"""Fakes and contract suites: shipped, so that authors of plug-ins can test against the same law."""
