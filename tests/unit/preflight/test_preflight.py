"""What a preflight checks, and that it never shows a secret."""

import gzip
import json
import os
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.job import Check
from tao_automl.errors import MissingExtra, PlatformUnavailable, SettingsError, UnknownPlugin
from tao_automl.platforms.gpu_lease import Gpu, GpuList
from tao_automl.preflight import (
    CheckResult,
    PreflightReport,
    PreflightRequest,
    compute,
    parse_batch_limits,
    parse_fields,
    parse_paths,
    run,
    run_preflight,
)
from tao_automl.preflight.samples import Malformed, Uncountable, count_samples, missing_fields
from tao_automl.preflight.tools import NotInstalled, install

CANARY = "canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def clean_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without profiles and logins, and no GPU program: the machine of the tests does not matter."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(compute, "list_gpus", lambda: GpuList(note="nvidia-smi is not installed"))
    return home


def check(environ: Mapping[str, str] | None = None, **request: Any) -> PreflightReport:
    request = {"platform": "docker", "skip_platform_access": True, **request}
    return run_preflight(PreflightRequest(**request), environ or {})


def by_id(report: PreflightReport) -> dict[str, CheckResult]:
    found = {result.id: result for result in report.checks}
    assert len(found) == len(report.checks), "ids must be unique"
    return found


# what is asked


def test_words_of_the_command_line() -> None:
    assert parse_paths(["a=/x", "b = s3://c/d=e"]) == {"a": "/x", "b": "s3://c/d=e"}
    limits = parse_batch_limits(["a=32,4", "a=8, 1"])
    assert [(limit.label, limit.batch, limit.shards) for limit in limits] == [("a", 32, 4), ("a", 8, 1)]
    assert parse_fields(["a=x,y", "a=z", "b=w"]) == {"a": ("x", "y", "z"), "b": ("w",)}


@pytest.mark.parametrize(
    ("parse", "words"),
    [
        (parse_paths, ["a"]),
        (parse_paths, ["=x"]),
        (parse_paths, ["a="]),
        (parse_paths, ["a=1", "a=2"]),
        (parse_batch_limits, ["a=1"]),
        (parse_batch_limits, ["a=1,2,3"]),
        (parse_batch_limits, ["a=0,1"]),
        (parse_batch_limits, ["a=1,0"]),
        (parse_batch_limits, ["a=1,-2"]),
        (parse_batch_limits, ["a=1.5,2"]),
        (parse_batch_limits, ["a=²,2"]),
        (parse_fields, ["a= , "]),
    ],
)
def test_words_that_are_refused(parse: Any, words: list[str]) -> None:
    with pytest.raises(SettingsError):
        parse(words)


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu_count": -1},
        {"min_free_disk_gb": -1.0},
        {"min_free_disk_gb": float("nan")},
        {"min_free_disk_gb": float("inf")},
        {"batch_limits": parse_batch_limits(["nowhere=1,1"])},
        {"required_fields": {"nowhere": ("x",)}},
    ],
)
def test_requests_that_are_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        PreflightRequest(platform="local", **request_)


def test_an_unknown_platform_gets_the_nearest() -> None:
    with pytest.raises(SettingsError, match="kubernets") as caught:
        check(platform="kubernets")
    assert "kubernetes" in caught.value.hint


# verdicts


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["ok", "skipped"], 0),
        (["ok", "unknown"], 3),
        (["unknown", "failed", "ok"], 2),
    ],
)
def test_exit_codes(states: list[str], code: int) -> None:
    checks = tuple(CheckResult(id=str(i), status=state, evidence="e", remedy="r") for i, state in enumerate(states))
    report = PreflightReport(platform="local", checks=checks)
    assert report.exit_code == code
    assert report.to_json()["ready"] is (code == 0)
    assert report.to_text().count("-> r") == sum(state != "ok" for state in states)


# the platform


def test_the_local_platform_answers() -> None:
    found = by_id(check(platform="local", skip_platform_access=False))
    assert found["platform.access"].status == "ok"
    assert {"local.workspace", "local.python", "local.tools"} <= set(found)


def test_a_platform_that_cannot_be_reached_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(group: str, name: str) -> Any:
        raise UnknownPlugin(f"no platform named `{name}`")

    monkeypatch.setattr(compute.plugins, "load", load)
    report = check(platform="slurm", skip_platform_access=False)
    assert report.exit_code == 3
    assert by_id(report)["platform.access"].status == "unknown"
    assert "--skip-platform-access" in by_id(report)["platform.access"].remedy
    assert check(platform="slurm").exit_code == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MissingExtra("needs docker", "pip install 'tao-automl[docker]'"), "failed"),
        (PlatformUnavailable("the daemon does not answer", "start it"), "unknown"),
        (SettingsError("namespace is needed"), "unknown"),
    ],
)
def test_why_a_platform_does_not_answer(error: Exception, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(group: str, name: str) -> Any:
        raise error

    monkeypatch.setattr(compute.plugins, "load", load)
    found = by_id(check(skip_platform_access=False))["platform.access"]
    assert (found.status, bool(found.remedy)) == (status, True)


def test_checks_of_a_platform_are_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[Path] = []

    class Fake:
        def check(self) -> tuple[Check, ...]:
            return (Check(id="docker.daemon", status="failed", evidence=f"token={CANARY}", remedy="start it"),)

    def opener(workspace: Path, options: Mapping[str, Any]) -> Fake:
        opened.append(workspace)
        return Fake()

    monkeypatch.setattr(compute.plugins, "load", lambda group, name: opener)
    report = check({"HF_TOKEN": CANARY}, skip_platform_access=False, paths={"workspace": str(tmp_path)})
    assert report.exit_code == 2
    assert opened == [tmp_path]
    assert CANARY not in json.dumps(report.to_json()) + report.to_text()


# GPUs and images


def test_gpus_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    two = GpuList(gpus=(Gpu(id="a"), Gpu(id="b")))
    monkeypatch.setattr(compute, "list_gpus", lambda: two)
    assert by_id(check(platform="local", skip_platform_access=False, gpu_count=2))["gpu.count"].status == "ok"
    found = by_id(check(platform="local", skip_platform_access=False, gpu_count=3))["gpu.count"]
    assert (found.status, "2 here" in found.evidence) == ("failed", True)
    assert by_id(check(skip_platform_access=False, gpu_count=1))["gpu.count"].status == "unknown"
    assert "gpu.count" not in by_id(check(gpu_count=1))


@pytest.mark.parametrize(
    ("image", "status"),
    [
        ("registry.example/team/name:1.2", "ok"),
        ("localhost:5000/name:1.2-rc_3", "ok"),
        ("name@sha256:" + "a" * 64, "ok"),
        ("name:latest@sha256:" + "a" * 64, "ok"),
        ("name", "failed"),
        ("name:latest", "failed"),
        ("Team/NAME:1", "failed"),
        ("name:1 --privileged", "failed"),
        ("", "failed"),
    ],
)
def test_image_references(image: str, status: str) -> None:
    assert by_id(check(container_image=image))["image.reference"].status == status


def test_the_local_platform_runs_no_images() -> None:
    assert by_id(check(platform="local", container_image="name:1"))["image.platform"].status == "failed"
    assert by_id(check(container_image="name:1"))["image.platform"].status == "ok"


def test_an_image_is_compared_with_the_pins(tmp_path: Path) -> None:
    (tmp_path / "versions.yaml").write_text("images: {one: 'name:1'}\n")
    assert "pinned as images.one" in by_id(check(container_image="name:1", bank=tmp_path))["image.reference"].evidence
    assert "does not pin" in by_id(check(container_image="name:2", bank=tmp_path))["image.reference"].evidence


# credentials

S3 = {"paths": {"data": "s3://bucket/prefix"}}
NGC_IMAGE = {"container_image": "nvcr.io/nvidia/tao/tao-toolkit:7.1.0-pyt"}


@pytest.mark.parametrize(
    ("names", "request_", "id_", "status"),
    [
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], S3, "credential.aws", "ok"),
        (["ACCESS_KEY", "SECRET_KEY"], S3, "credential.aws", "ok"),
        (["AWS_ACCESS_KEY_ID", "SECRET_KEY"], S3, "credential.aws", "ok"),
        (["AWS_ACCESS_KEY_ID"], {}, "credential.aws", "failed"),
        (["SECRET_KEY"], {}, "credential.aws", "failed"),
        (["AWS_PROFILE"], S3, "credential.aws", "ok"),
        ([], S3, "credential.aws", "failed"),
        ([], {}, "credential.aws", "ok"),
        (["NGC_KEY"], NGC_IMAGE, "credential.ngc", "ok"),
        (["NGC_API_KEY"], NGC_IMAGE, "credential.ngc", "ok"),
        ([], NGC_IMAGE, "credential.ngc", "failed"),
        ([], {"container_image": "other/name:1"}, "credential.ngc", "ok"),
        (["HF_TOKEN"], {"paths": {"m": "hf://a/b"}}, "credential.hugging-face", "ok"),
        ([], {"paths": {"m": "hf://a/b"}}, "credential.hugging-face", "failed"),
        ([], {}, "credential.wandb", "ok"),
        (["WANDB_API_KEY"], {}, "credential.wandb", "ok"),
    ],
)
def test_credentials_by_name(names: list[str], request_: dict[str, Any], id_: str, status: str) -> None:
    report = check(dict.fromkeys(names, CANARY), **request_)
    found = by_id(report)[id_]
    assert found.status == status
    assert all(name in found.evidence for name in names)
    assert CANARY not in json.dumps(report.to_json()) + report.to_text()
    assert bool(found.remedy) is (status == "failed")


def test_blank_credentials_are_not_set() -> None:
    assert by_id(check({"NGC_KEY": "  "}, **NGC_IMAGE))["credential.ngc"].status == "failed"


def test_files_that_hold_credentials_are_only_seen(clean_home: Path) -> None:
    (clean_home / ".aws").mkdir()
    (clean_home / ".aws" / "credentials").write_text(f"aws_secret_access_key = {CANARY}")
    (clean_home / ".docker").mkdir()
    (clean_home / ".docker" / "config.json").write_text(json.dumps({"auths": {"nvcr.io": {"auth": CANARY}}}))
    report = check(**S3, **NGC_IMAGE)
    assert by_id(report)["credential.aws"].status == by_id(report)["credential.ngc"].status == "ok"
    assert CANARY not in json.dumps(report.to_json())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"auths": []}', '{"auths": null}'])
def test_a_strange_docker_configuration(text: str, clean_home: Path) -> None:
    (clean_home / ".docker").mkdir()
    (clean_home / ".docker" / "config.json").write_text(text)
    assert by_id(check(**NGC_IMAGE))["credential.ngc"].status == "failed"


# paths and disk


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.csv").write_text("a\n1\n")
    paths = {
        "file": str(tmp_path / "file.csv"),
        "uri": f"file://{tmp_path}/file.csv",
        "folder": str(tmp_path),
        "empty": str(tmp_path / "empty"),
        "nowhere": str(tmp_path / "no" / "such"),
        "results": str(tmp_path / "new" / "results"),
        "workspace": str(tmp_path / "file.csv" / "below"),
        "cloud": "gs://bucket/x",
    }
    found = by_id(check(paths=paths))
    assert {label: found[f"path.{label}"].status for label in paths} == {
        "file": "ok",
        "uri": "ok",
        "folder": "ok",
        "empty": "failed",
        "nowhere": "failed",
        "results": "ok",
        "workspace": "failed",
        "cloud": "unknown",
    }
    assert str(tmp_path) in found["path.nowhere"].evidence
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_path_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.touch(mode=0)
    assert by_id(check(paths={"data": str(path)}))["path.data"].status == "failed"


def test_free_disk(tmp_path: Path) -> None:
    assert by_id(check(min_free_disk_gb=0))["disk.free"].status == "ok"
    found = by_id(check(min_free_disk_gb=1e12, paths={"results": str(tmp_path / "new")}))["disk.free"]
    assert (found.status, str(tmp_path) in found.evidence) == ("failed", True)


def test_evidence_is_bounded_and_clean(tmp_path: Path) -> None:
    long = str(tmp_path / ("x" * 200) / ("y" * 200) / ("z" * 200))
    report = check(paths={"long": long, "signed": f"https://user:{CANARY}@host/data"})
    assert max(len(result.evidence) for result in report.checks) <= run.EVIDENCE_LIMIT
    assert CANARY not in json.dumps(report.to_json())


# samples


def write(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.csv", 'x,y\n1,"two\nlines"\n\n3,4\n', 2),
        ("a.csv", "", 0),
        ("a.csv", "\ufeffx\n1\n", 1),
        ("a.tsv", "x\ty\n1\t2\n", 1),
        ("a.csv.gz", "x\n1\n2\n3\n", 3),
        ("a.jsonl", '{"a": 1}\n\n{"a": 2}', 2),
        ("a.ndjson", "1\n2\n", 2),
        ("a.JSON", "[1, 2, 3]", 3),
        ("a.json.gz", "[1, 2]", 2),
        ("coco.json", '{"annotations": [1, 2, 3], "images": [1, 2], "categories": [1]}', 2),
        ("llava.json", '{"data": [1]}', 1),
        ("list.txt", "a\nb\n\n", 2),
    ],
)
def test_samples_of_files(name: str, text: str, count: int, tmp_path: Path) -> None:
    assert count_samples(write(tmp_path / name, text)).number == count


def test_samples_of_folders(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / ".cache").mkdir()
    for name in ("cat/1.jpg", "cat/2.PNG", "labels.json", "clip.mp4", ".cache/3.jpg", "cat/.hidden.png"):
        (tmp_path / name).touch()
    assert (count_samples(tmp_path).number, count_samples(tmp_path).of) == (2, "images")
    (tmp_path / "cat" / "1.jpg").unlink()
    (tmp_path / "cat" / "2.PNG").unlink()
    assert (count_samples(tmp_path).number, count_samples(tmp_path).of) == (1, "media files")


def test_samples_of_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"a": [1, 2, 3]}), tmp_path / "a.parquet")
    assert count_samples(tmp_path / "a.parquet").number == 3
    with pytest.raises(Malformed):
        count_samples(write(tmp_path / "b.parquet", "no"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    request = {"paths": {"t": str(tmp_path / "a.parquet")}, "batch_limits": parse_batch_limits(["t=1,1"])}
    report = check(**request)
    assert report.exit_code == 3
    assert by_id(report)["samples.t"].remedy == "pip install pyarrow"


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("a.json", "{", Malformed),
        ("a.json", "[" * 100_000, Malformed),
        ("a.jsonl", "{}\n{", Malformed),
        ("a.json", '{"a": 1}', Uncountable),
        ("a.json", "3", Uncountable),
        ("a.bin", "x", Uncountable),
    ],
)
def test_files_that_cannot_be_counted(name: str, text: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        count_samples(write(tmp_path / name, text))


def test_broken_archives_and_encodings(tmp_path: Path) -> None:
    for name, content in (
        ("a.csv.gz", b"no gzip"),
        ("b.csv", b"x\n\xff\xfe\n"),
        ("c.csv.gz", gzip.compress(b"x")[:-6]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Malformed):
            count_samples(tmp_path / name)


def test_batches_that_fit_and_do_not(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", "1\n" * 100)
    limits = parse_batch_limits(["d=25,4", "d=26,4", "d=1,200"])
    report = check(paths={"d": str(data)}, batch_limits=limits)
    found = by_id(report)
    assert report.samples == {"d": 100}
    assert [found[name].status for name in ("batch.d", "batch.d.2", "batch.d.3")] == ["ok", "failed", "failed"]
    assert "at most 25" in found["batch.d.2"].remedy
    assert report.exit_code == 2


def test_batches_of_data_that_cannot_be_counted(tmp_path: Path) -> None:
    limits = parse_batch_limits(["d=1,1"])
    empty = write(tmp_path / "a.jsonl", "")
    assert by_id(check(paths={"d": str(empty)}, batch_limits=limits))["batch.d"].remedy == "add data"
    broken = write(tmp_path / "a.json", "{")
    assert by_id(check(paths={"d": str(broken)}, batch_limits=limits))["samples.d"].status == "failed"
    assert by_id(check(paths={"d": "gs://b/c"}, batch_limits=limits))["samples.d"].status == "unknown"


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("a.json", '{"images": [], "annotations": []}', "ok"),
        ("a.json", '{"images": []}', "failed"),
        ("a.json", '[{"images": 1, "annotations": 2}]', "ok"),
        ("a.json", '[{"images": 1, "annotations": 2}, {"images": 1}]', "failed"),
        ("a.json", "[]", "failed"),
        ("a.json", "[1]", "failed"),
        ("a.json", "{", "failed"),
        ("a.jsonl", '{"images": 1, "annotations": 2}\n', "ok"),
        ("a.csv", "images,annotations\n", "unknown"),
    ],
)
def test_required_fields(name: str, text: str, status: str, tmp_path: Path) -> None:
    data = write(tmp_path / name, text)
    report = check(paths={"d": str(data)}, required_fields={"d": ("images", "annotations")})
    assert by_id(report)["fields.d"].status == status


def test_the_first_bad_record_is_named(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", '{"a": 1, "b": 1}\n{"a": 1}\n{}\n')
    assert missing_fields(data, ("a", "b")) == (2, "record 2 lacks b")


# S3, with a client of our own


class FakeS3:
    """Answers as told, and remembers what it was opened with."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.opened = answer, dict[str, Any]()

    def client(self, name: str, **keywords: Any) -> "FakeS3":
        self.opened = keywords
        return self

    def list_objects_v2(self, **keywords: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def put_client(monkeypatch: pytest.MonkeyPatch, answer: Any) -> FakeS3:
    fake = FakeS3(answer)
    config = types.ModuleType("botocore.config")
    config.Config = lambda **keywords: keywords  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", fake)
    monkeypatch.setitem(sys.modules, "botocore", types.ModuleType("botocore"))
    monkeypatch.setitem(sys.modules, "botocore.config", config)
    return fake


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"KeyCount": 1}, "ok"),
        ({"KeyCount": 0}, "failed"),
        (RuntimeError("An error occurred (AccessDenied)"), "failed"),
        (RuntimeError("NoSuchBucket"), "failed"),
        (OSError("could not connect"), "unknown"),
        (RuntimeError(f"bad key secret_access_key={CANARY}"), "unknown"),
    ],
)
def test_object_storage(answer: Any, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_KEY", "older-name")
    monkeypatch.setenv("SECRET_KEY", CANARY)
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    fake = put_client(monkeypatch, answer)
    report = run_preflight(PreflightRequest(platform="docker", skip_platform_access=True, **S3))
    assert by_id(report)["path.data"].status == status
    assert fake.opened["aws_access_key_id"] == "older-name"
    assert fake.opened["endpoint_url"] == "http://127.0.0.1:1"
    assert CANARY not in json.dumps(report.to_json())


def test_a_place_in_object_storage_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    put_client(monkeypatch, {"KeyCount": 0})
    assert by_id(check(paths={"results": "s3://bucket/new"}))["path.results"].status == "ok"
    assert by_id(check(paths={"results": "s3://"}))["path.results"].status == "failed"


# tools


def test_missing_tools_are_installed_when_asked_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    asked: list[set[str]] = []

    def fake_install(packages: set[str]) -> tuple[str, ...]:
        asked.append(packages)
        put_client(monkeypatch, {"KeyCount": 3})
        return tuple(packages)

    monkeypatch.setattr(run, "install", fake_install)
    assert by_id(check(**S3))["path.data"].remedy == "pip install boto3"
    assert asked == []
    report = check(install_missing_tools=True, **S3)
    assert asked == [{"boto3"}]
    assert (report.installed, by_id(report)["path.data"].status) == (("boto3",), "ok")


def test_an_installation_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)

    def fail(packages: set[str]) -> tuple[str, ...]:
        raise NotInstalled("no network")

    monkeypatch.setattr(run, "install", fail)
    report = check(install_missing_tools=True, **S3)
    assert by_id(report)["tools.install"].evidence == "no network"
    assert report.exit_code == 2


def test_only_known_packages_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def fake(command: list[str], **keywords: Any) -> Any:
        ran.append(command)
        return types.SimpleNamespace(returncode=len(ran) - 1, stdout="", stderr="ERROR: no such version")

    monkeypatch.setattr("tao_automl.preflight.tools.subprocess.run", fake)
    assert install(["something-else"]) == ()
    assert install(["pyarrow", "something-else"]) == ("pyarrow",)
    assert ran[0][-1] == "pyarrow"
    assert "something-else" not in ran[0]
    with pytest.raises(NotInstalled, match="no such version"):
        install(["boto3"])
