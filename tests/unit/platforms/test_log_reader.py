"""Lines by byte cursor: whole, bounded, and the same however the log is read."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.platforms import log_reader
from tao_automl.platforms.log_reader import LINE_LIMIT, READ_LIMIT, TRUNCATED, cut_lines, read_log, tail_lines


def read_all(path: Path, *, ended: bool = True) -> list[str]:
    lines: list[str] = []
    cursor, more = 0, True
    while more:
        chunk = read_log(path, cursor, ended=ended)
        assert len("".join(chunk.lines)) <= READ_LIMIT
        lines += chunk.lines
        cursor, more = chunk.cursor, chunk.more
    assert read_log(path, cursor, ended=ended).lines == ()
    return lines


@pytest.mark.parametrize(
    ("raw", "lines", "last"),
    [
        (b"", [], []),
        (b"a\nb\n", ["a", "b"], []),
        (b"a\n\nb\n", ["a", "", "b"], []),
        (b"a\r\nb\r\n\r\n", ["a", "b", ""], []),
        (b"a\nb", ["a"], ["b"]),
        (b"\r 10%\r 20%\r 30%\ndone\n", [" 10%", " 20%", " 30%", "done"], []),
        (b"50%\r", [], ["50%"]),
        (b"50%\r\r60%\r", ["50%"], ["60%"]),
        ("é 你好\n".encode(), ["é 你好"], []),
        (b"bad \xff\xfe bytes\n", ["bad \ufffd\ufffd bytes"], []),
        (b"nul \0 and \x1b[1mcolour\n", ["nul \0 and \x1b[1mcolour"], []),
    ],
)
def test_what_a_line_is(raw: bytes, lines: list[str], last: list[str]) -> None:
    assert list(cut_lines(raw, 0).lines) == lines
    assert list(cut_lines(raw, 0, last=True).lines) == lines + last


def test_a_partial_line_is_delivered_when_the_job_has_ended(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"whole\npart")
    chunk = read_log(tmp_path / "log", 0, ended=False)
    assert (chunk.lines, chunk.cursor, chunk.more) == (("whole",), 6, False)
    assert read_log(tmp_path / "log", 6, ended=False).lines == ()
    assert read_log(tmp_path / "log", 6, ended=True).lines == ("part",)


def test_no_file_and_a_cursor_behind_the_end_have_no_lines(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none", 5, ended=True).cursor == 5
    (tmp_path / "log").write_bytes(b"a\n")
    assert read_log(tmp_path / "log", 99, ended=True).lines == ()


@given(
    pieces=st.lists(
        st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\xff", "é".encode(), b"0123456789" * 3]), max_size=40
    ),
    limit=st.integers(8, 40),
)
def test_the_lines_do_not_depend_on_how_the_log_is_divided(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "divided.log"
    path.write_bytes(b"".join(pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reader, "LINE_LIMIT", 4)
        at_once = read_all(path)
        patch.setattr(log_reader, "READ_LIMIT", limit)
        in_parts = read_all(path)
    assert in_parts == at_once


def test_long_lines_are_cut(tmp_path: Path) -> None:
    long = tmp_path / "log"
    long.write_bytes(b"before\n" + b"x" * (LINE_LIMIT + 1) + b"\n" + b"y" * (3 * READ_LIMIT) + b"\nafter\n")
    assert read_all(long) == ["before", "x" * LINE_LIMIT + TRUNCATED, "y" * LINE_LIMIT + TRUNCATED, "after"]


def test_a_long_line_of_a_running_job_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"z" * (2 * READ_LIMIT))
    assert read_all(tmp_path / "log", ended=False) == ["z" * LINE_LIMIT + TRUNCATED]


def test_a_large_log_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"a line of a log\n" * (1 << 16))
    tracemalloc.start()
    chunk = read_log(path, 0, ended=True)
    tail = tail_lines(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chunk.more
    assert chunk.cursor <= READ_LIMIT
    assert tail[-1] == "a line of a log"
    assert peak < 32 << 20


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\nthree\nfour")
    assert tail_lines(tmp_path / "log", limit=12) == ("three", "four")
    assert tail_lines(tmp_path / "log", limit=11) == ("three", "four")
    assert tail_lines(tmp_path / "none") == ()
