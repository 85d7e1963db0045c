"""Credentials by name: which are set, never what they are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tao_automl.preflight.report import FAILED, OK, CheckResult
from tao_automl.preflight.request import PreflightRequest

NGC_KEYS = "https://org.ngc.nvidia.com/setup/api-keys"


@dataclass(frozen=True, slots=True)
class Spelling:
    """A credential: the name that is current, and older ones that are understood too."""

    current: str
    older: tuple[str, ...] = ()

    def found(self, environ: Mapping[str, str]) -> str | None:
        """The name that is set to something."""
        return next((name for name in (self.current, *self.older) if environ.get(name, "").strip()), None)


ACCESS_KEY = Spelling("AWS_ACCESS_KEY_ID", ("ACCESS_KEY",))
SECRET_KEY = Spelling("AWS_SECRET_ACCESS_KEY", ("SECRET_KEY",))
NGC = Spelling("NGC_KEY", ("NGC_API_KEY",))
HUGGING_FACE = Spelling("HF_TOKEN", ("HUGGING_FACE_HUB_TOKEN",))
WANDB = Spelling("WANDB_API_KEY")


def check_credentials(request: PreflightRequest, environ: Mapping[str, str], home: Path) -> Iterator[CheckResult]:
    yield _aws(any(path.startswith("s3://") for path in request.paths.values()), environ, home)
    yield _ngc((request.container_image or "").startswith("nvcr.io/"), environ, home)
    gated = any(path.startswith("hf://") for path in request.paths.values())
    yield _single("credential.hugging-face", HUGGING_FACE, "gated models and data", gated, environ)
    yield _single("credential.wandb", WANDB, "tracking", False, environ)


def _aws(needed: bool, environ: Mapping[str, str], home: Path) -> CheckResult:
    key, secret = ACCESS_KEY.found(environ), SECRET_KEY.found(environ)
    remedy = "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws"
    if key and secret:
        return CheckResult(id="credential.aws", status=OK, evidence=f"{key} and {secret} are set")
    if key or secret:
        missing = SECRET_KEY.current if key else ACCESS_KEY.current
        evidence = f"{key or secret} is set, {missing} is not"
        return CheckResult(id="credential.aws", status=FAILED, evidence=evidence, remedy=f"export {missing} too")
    other = _other_aws(environ, home)
    if other:
        return CheckResult(id="credential.aws", status=OK, evidence=other)
    return _absent("credential.aws", (ACCESS_KEY, SECRET_KEY), "s3:// paths", needed, remedy)


def _other_aws(environ: Mapping[str, str], home: Path) -> str:
    names = ("AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    for name in names:
        if environ.get(name, "").strip():
            return f"{name} is set"
    return "the file ~/.aws/credentials exists" if (home / ".aws" / "credentials").is_file() else ""


def _ngc(needed: bool, environ: Mapping[str, str], home: Path) -> CheckResult:
    found = NGC.found(environ)
    if found:
        return CheckResult(id="credential.ngc", status=OK, evidence=f"{found} is set")
    if _docker_login(home, "nvcr.io"):
        return CheckResult(id="credential.ngc", status=OK, evidence="docker is logged in to nvcr.io")
    remedy = f"export NGC_KEY with a key from {NGC_KEYS}, or run `docker login nvcr.io`"
    return _absent("credential.ngc", (NGC,), "images of nvcr.io", needed, remedy)


def _docker_login(home: Path, registry: str) -> bool:
    """Whether docker's configuration names the registry; what it holds for it is not looked at."""
    try:
        document = json.loads((home / ".docker" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(document, dict):
        return False
    places = (document.get("auths"), document.get("credHelpers"))
    return any(isinstance(place, dict) and registry in place for place in places)


def _single(check: str, spelling: Spelling, purpose: str, needed: bool, environ: Mapping[str, str]) -> CheckResult:
    found = spelling.found(environ)
    if found:
        return CheckResult(id=check, status=OK, evidence=f"{found} is set")
    return _absent(check, (spelling,), purpose, needed, f"export {spelling.current}")


def _absent(check: str, spellings: tuple[Spelling, ...], purpose: str, needed: bool, remedy: str) -> CheckResult:
    names = " and ".join(" or ".join((spelling.current, *spelling.older)) for spelling in spellings)
    if needed:
        return CheckResult(id=check, status=FAILED, evidence=f"not set: {names}; needed for {purpose}", remedy=remedy)
    return CheckResult(id=check, status=OK, evidence=f"not set, and not needed here: {names} (for {purpose})")
