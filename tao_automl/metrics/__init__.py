"""Metrics of jobs: tagged JSON lines and declared patterns in logs, `status.json`, JSON documents, W&B summaries."""

from tao_automl.metrics.documents import DocumentReader, SummaryReader
from tao_automl.metrics.lines import TAG, LogPattern, read_line
from tao_automl.metrics.records import Found
from tao_automl.metrics.status import StatusReader

__all__ = ["TAG", "DocumentReader", "Found", "LogPattern", "StatusReader", "SummaryReader", "read_line"]
