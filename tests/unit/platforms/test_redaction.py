"""Secrets do not survive redaction; what only looks a little like one does."""

import time

import pytest

from tao_automl.platforms.redact import REDACTED, Redactor, is_credential_name, redact

AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"using {AWS_ID} in eu-west-1", f"using {REDACTED} in eu-west-1"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", f"aws_secret_access_key = {REDACTED}"),
        ('{"SecretAccessKey": "wJalrXUtnFEMIK7MDENG"}', f'{{"SecretAccessKey": "{REDACTED}"}}'),
        ("AWS_SESSION_TOKEN=FwoGZXIvYXdzEBY", f"AWS_SESSION_TOKEN={REDACTED}"),
        ("NGC key nvapi-" + "a1B2-" * 8, f"NGC key {REDACTED}"),
        ("huggingface_hub: hf_" + "aBcD1234" * 4 + " expired", f"huggingface_hub: {REDACTED} expired"),
        ("Incorrect API key provided: sk-proj-" + "x9Y8" * 6, f"Incorrect API key provided: {REDACTED}"),
        ("git clone with ghp_" + "a" * 36, f"git clone with {REDACTED}"),
        ("glpat-" + "a1b2c3d4e5" * 2, REDACTED),
        ("slack xoxb-123456789012-abc", f"slack {REDACTED}"),
        ("maps AIza" + "a" * 35, f"maps {REDACTED}"),
        ("wandb: api key " + "0123456789abcdef" * 2 + "01234567", f"wandb: api key {REDACTED}"),
        ("Authorization: Bearer abcdef.ghijkl-mnopqr", f"Authorization: Bearer {REDACTED}"),
        ("'authorization': 'Basic dXNlcjpwYXNz'", f"'authorization': 'Basic {REDACTED}'"),
        ("curl -H bearer abcdefghijklmnop", f"curl -H bearer {REDACTED}"),
        ("proxy http://user:p4ss%40w@proxy:3128/x", f"proxy http://user:{REDACTED}@proxy:3128/x"),
        ("postgresql+psycopg://joe:hunter2@db/mlflow", f"postgresql+psycopg://joe:{REDACTED}@db/mlflow"),
        ("https://s3/x?X-Amz-Signature=0a1b2c3d4e5f&y=1", f"https://s3/x?X-Amz-Signature={REDACTED}&y=1"),
        ("https://blob/x?sig=abc%2Bdef%3D&se=2030", f"https://blob/x?sig={REDACTED}&se=2030"),
        (f"cookie {JWT}", f"cookie {REDACTED}"),
        (f"key:\n{PEM}\nend", f"key:\n{REDACTED}\nend"),
        ("password: correct-horse", f"password: {REDACTED}"),
        ("--api-key=abcdef123456", f"--api-key={REDACTED}"),
        ("config: ngc.api_key=abcdef123456", f"config: ngc.api_key={REDACTED}"),
        (
            "OPENAI_API_KEY=abcdef123456 and PGPASSWORD='abcdef123'",
            f"OPENAI_API_KEY={REDACTED} and PGPASSWORD='{REDACTED}'",
        ),
    ],
)
def test_secrets_are_taken_out(text: str, shown: str) -> None:
    assert Redactor()(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"tao_automl": "metric", "epoch": 3, "metrics": {"accuracy": 0.91, "tokens_per_second": 12345.678}}',
        "max_tokens=4096 num_tokens: 1048576",
        'pad_token="<|endoftext|>" bos_token=<startoftext>',
        "KeyError: 'train.num_epochs'",
        "error: unknown spec key: train.learning_rat",
        "gpu_spec_key: train.num_gpus",
        "first_pass: completed",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "GPU-5f3c1b2a-0000-1111-2222-333344445555",
        "https://example.org/a:b/c@d",
        "see s3://bucket/key/data.csv",
        "Basic training started, tokenizer=bert-base-uncased",
        "token: 12345678",
        "signature: 8f14e45fceea167a",
        "sk-learn is a library",
        "",
    ],
)
def test_innocent_text_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_values_of_the_environment_are_known() -> None:
    environ = {"HF_TOKEN": "opensesame", "PLAIN": "visible-text", "MY_LOGIN": "by-name-only", "A_KEY": "short"}
    clean = Redactor.from_environment(environ, names=["MY_LOGIN"])
    assert clean("opensesame visible-text by-name-only short") == f"{REDACTED} visible-text {REDACTED} short"


def test_each_line_of_a_value_is_known_and_the_longest_wins() -> None:
    clean = Redactor.from_environment({"A_SECRET": "first-line\nsecond-line\n", "B_SECRET": "first-line-and-more"})
    assert clean("<first-line-and-more> <second-line>") == f"<{REDACTED}> <{REDACTED}>"


def test_redact_reads_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "swordfish!")
    assert redact("it is swordfish!") == f"it is {REDACTED}"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AWS_ACCESS_KEY_ID", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("NGC_API_KEY", True),
        ("NGC_CLI_API_KEY", True),
        ("HF_TOKEN", True),
        ("HUGGINGFACEHUB_API_TOKEN", True),
        ("WANDB_API_KEY", True),
        ("OPENAI_APIKEY", True),
        ("GITHUB_PAT", True),
        ("DB_PWD", True),
        ("PGPASSWORD", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("DOCKER_AUTH_CONFIG", True),
        ("api-key", True),
        ("PWD", False),
        ("OLDPWD", False),
        ("PATH", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("KEYBOARD_LAYOUT", False),
        ("SSH_AUTH_SOCK", False),
        ("CUDA_VISIBLE_DEVICES", False),
        ("VIRTUAL_ENV", False),
        ("LD_LIBRARY_PATH", False),
        ("MONKEYS", False),
    ],
)
def test_names_of_credentials(name: str, secret: bool) -> None:
    assert is_credential_name(name) is secret


@pytest.mark.parametrize(
    "text", ["a" * 60_000, "x=" * 30_000, "http://" * 9_000, "wandb " * 9_000, "eyJ" * 20_000, "A_" * 30_000]
)
def test_a_long_line_takes_no_time(text: str) -> None:
    begin = time.perf_counter()
    Redactor()(text)
    assert time.perf_counter() - begin < 2
