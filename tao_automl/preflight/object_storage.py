"""Whether a place in S3 can be listed with the credentials at hand. Reads nothing of what is there."""

import os
from typing import Any

from tao_automl.preflight.credentials import ACCESS_KEY, SECRET_KEY
from tao_automl.preflight.report import FAILED, OK, UNKNOWN, CheckResult

CLIENT = "boto3"
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT_URL")
_TIMEOUT = 10
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")


def check_s3(label: str, uri: str, *, writes: bool) -> CheckResult:
    check, (bucket, _, prefix) = f"path.{label}", uri.removeprefix("s3://").partition("/")
    if not bucket:
        return CheckResult(id=check, status=FAILED, evidence=f"{uri} names no bucket", remedy="s3://BUCKET/PREFIX")
    try:
        import boto3
    except ImportError:
        evidence = f"{uri} needs the package {CLIENT}, which is not installed"
        return CheckResult(id=check, status=UNKNOWN, evidence=evidence, remedy=f"pip install {CLIENT}", installs=CLIENT)
    try:
        answer = _client(boto3).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except Exception as error:  # noqa: BLE001  # the client raises what its plug-ins raise
        return _refused(check, uri, error)
    if answer.get("KeyCount", 0) or writes:
        return CheckResult(id=check, status=OK, evidence=f"{uri} can be listed")
    return CheckResult(id=check, status=FAILED, evidence=f"{uri} holds nothing", remedy=f"correct --path {label}=…")


def _client(boto3: Any) -> Any:
    """Older spellings of credentials and endpoint are understood; the values go to the client only."""
    from botocore.config import Config

    key, secret = ACCESS_KEY.found(os.environ), SECRET_KEY.found(os.environ)
    given: dict[str, Any] = {}
    if key and secret:
        given = {"aws_access_key_id": os.environ[key], "aws_secret_access_key": os.environ[secret]}
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), None)
    config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=endpoint, config=config, **given)


def _refused(check: str, uri: str, error: Exception) -> CheckResult:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if any(word in said for word in _DENIED):
        remedy = "use a key that may list and read the bucket"
        return CheckResult(id=check, status=FAILED, evidence=f"{uri}: {said}", remedy=remedy)
    if "NoSuchBucket" in said or "NoCredentials" in said:
        remedy = "correct the bucket, and export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return CheckResult(id=check, status=FAILED, evidence=f"{uri}: {said}", remedy=remedy)
    remedy = "check the network, and AWS_ENDPOINT_URL if this is not Amazon's S3"
    return CheckResult(id=check, status=UNKNOWN, evidence=f"{uri}: {said}", remedy=remedy)
