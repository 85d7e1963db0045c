"""Deleting files of a job from a real folder: what lies elsewhere stays, whatever the job has made of its own."""

import os
from pathlib import Path

import pytest

from tao_automl.domain.job import JobSpec
from tao_automl.errors import PlatformRejected
from tao_automl.platforms.job_folder import JobFolder
from tao_automl.platforms.local import LocalPlatform


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    found = JobFolder(tmp_path / "jobs" / "key")
    found.prepare(JobSpec(key="key", command=("x",)), 0.0)
    (found.results / "deep").mkdir()
    for name in ("a.ckpt", "b.ckpt", "deep/c.ckpt"):
        (found.results / name).write_text(name)
    return found


def left(folder: JobFolder) -> list[str]:
    return [file.path for file in folder.outputs().files]


def test_files_are_deleted(folder: JobFolder) -> None:
    folder.delete(["a.ckpt", "deep/c.ckpt", "gone.ckpt"])
    assert left(folder) == ["b.ckpt"]
    assert (folder.results / "deep").is_dir()


@pytest.mark.parametrize("name", ["logs/x.ckpt", "code/x.ckpt", "job.json"])
def test_names_that_the_platform_keeps_for_itself_may_be_results(folder: JobFolder, name: str) -> None:
    (folder.results / name).parent.mkdir(exist_ok=True)
    (folder.results / name).write_text("x")
    folder.delete([name])
    assert not (folder.results / name).exists()
    assert folder.is_prepared()


def test_a_link_is_taken_away_and_what_it_leads_to_is_not(folder: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("precious")
    os.symlink(tmp_path / "weights", folder.results / "base.ckpt")
    os.symlink("b.ckpt", folder.results / "last.ckpt")
    folder.delete(["base.ckpt", "last.ckpt"])
    assert (tmp_path / "weights").read_text() == "precious"
    assert left(folder) == ["a.ckpt", "b.ckpt", "deep/c.ckpt"]


@pytest.mark.parametrize("path", ["../spec", "/etc/hostname", "there/weights", "deep/../../job.json", "", ".", "a\0b"])
def test_what_leads_out_is_refused_and_nothing_is_deleted(folder: JobFolder, tmp_path: Path, path: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "weights").write_text("precious")
    os.symlink(tmp_path / "elsewhere", folder.results / "there")
    with pytest.raises(PlatformRejected, match="does not lie below the results of key"):
        folder.delete(["a.ckpt", path])
    assert left(folder) == ["a.ckpt", "b.ckpt", "deep/c.ckpt"]
    assert (tmp_path / "elsewhere" / "weights").exists()


def test_results_that_are_a_link_to_elsewhere_are_left_alone(folder: JobFolder, tmp_path: Path) -> None:
    folder.results.rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder.results)
    with pytest.raises(PlatformRejected):
        folder.delete(["a.ckpt"])
    assert (tmp_path / "elsewhere" / "a.ckpt").exists()


def test_a_folder_is_no_file(folder: JobFolder) -> None:
    with pytest.raises(PlatformRejected, match="it is a folder"):
        folder.delete(["deep"])
    assert left(folder) == ["a.ckpt", "b.ckpt", "deep/c.ckpt"]


def test_a_key_that_leads_elsewhere_deletes_nothing(folder: JobFolder, tmp_path: Path) -> None:
    platform = LocalPlatform(tmp_path / "jobs", gpus=())
    for handle in ("../jobs/key", "none", "", ".."):
        try:
            platform.delete_job_files(handle, ["a.ckpt"])
        except PlatformRejected:
            continue
    assert left(folder) == ["a.ckpt", "b.ckpt", "deep/c.ckpt"]
