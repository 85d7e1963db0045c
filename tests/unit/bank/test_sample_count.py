"""How many samples a data set has, where that is cheap to find out."""

import json
from pathlib import Path

import pytest

from tao_automl.bank import sample_count
from tao_automl.bank.sample_count import count_samples


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.csv", "x,y\n1,2\n3,4\n\n", 2),
        ("a.TSV", "x\ty\n1\t2", 1),
        ("a.jsonl", '{"a": 1}\n{"a": 2}\n', 2),
        ("a.ndjson", "{}\n\n{}", 2),
        ("a.txt", "img1\nimg2\nimg3", 3),
        ("a.json", json.dumps([1, 2, 3]), 3),
        ("coco.json", json.dumps({"images": [1, 2], "annotations": [1, 2, 3]}), 2),
        ("a.json", json.dumps({"data": [1]}), 1),
        ("a.json", json.dumps({"other": [1]}), None),
        ("a.json", json.dumps({"images": "none"}), None),
        ("a.json", "3", None),
        ("a.json", "{broken", None),
        ("a.json", "[" * 100_000, None),
        ("a.csv", "", None),
        ("a.csv", "x,y\n", None),
        ("a.json", "[]", None),
        ("a.parquet", "PAR1", None),
    ],
)
def test_the_count_of_a_file(tmp_path: Path, name: str, text: str, count: int | None) -> None:
    (tmp_path / name).write_text(text)
    assert count_samples([str(tmp_path / name)]) == count


def test_the_first_file_that_tells_one_counts(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    places = [tmp_path, tmp_path / "none.csv", tmp_path / "empty.csv", tmp_path / "two.txt", tmp_path / "three.txt"]
    assert count_samples([*map(str, places)]) == 2
    assert count_samples(["s3://bucket/a.csv", "", "a\0b.csv", "x" * 5000 + ".csv"]) is None
    assert count_samples([]) is None


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a\nb\n")
    monkeypatch.setattr(sample_count, "LARGEST", 3)
    assert count_samples([str(tmp_path / "a.txt")]) is None
