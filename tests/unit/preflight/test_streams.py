"""Redacting a stream as it comes."""

import io

import pytest

from tao_automl.platforms.redact import REDACTED, Redactor
from tao_automl.preflight import streams
from tao_automl.preflight.streams import redact_stream

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\nAAAAcanary\n-----END RSA PRIVATE KEY-----\n"


def through(text: str, *values: str) -> str:
    return "".join(redact_stream(io.StringIO(text), Redactor(values=frozenset(values))))


def test_innocent_text_is_unchanged() -> None:
    for text in ("", "\n", "a\r\nb", "loss=0.25 step=10\n", "no line end"):
        assert through(text) == text


def test_lines_come_one_by_one() -> None:
    pieces = redact_stream(io.StringIO("one\ntoken=abcdef123456\nthree"), Redactor())
    assert next(pieces) == "one\n"
    assert next(pieces) == f"token={REDACTED}\n"
    assert next(pieces) == "three"


def test_values_and_keys_over_several_lines() -> None:
    assert through("x secret-value y\n", "secret-value") == f"x {REDACTED} y\n"
    assert through(f"before\n{KEY}after\n") == f"before\n{REDACTED}\nafter\n"
    assert "canary" not in through(KEY[:60])


def test_a_key_that_never_ends_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_KEY", 100)
    text = "-----BEGIN PRIVATE KEY-----\n" + "AAAA\n" * 100
    assert len(list(redact_stream(io.StringIO(text), Redactor()))) > 1


def test_long_lines_are_cut_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 64)
    text = " ".join(f"word{number} canary-value" for number in range(50)) + "\n"
    assert "canary" not in through(text, "canary-value")
    assert through("x" * 1000) == "x" * 1000
