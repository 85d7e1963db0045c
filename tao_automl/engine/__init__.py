"""The runner's inside: a tick is five functions, and a loop that repeats it. See docs/architecture.md."""
