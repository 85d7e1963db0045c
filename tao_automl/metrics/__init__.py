"""Metrics in the logs of jobs: tagged JSON lines, and the patterns that a skill declares."""

from tao_automl.metrics.lines import TAG, LogPattern, read_line

__all__ = ["TAG", "LogPattern", "read_line"]
