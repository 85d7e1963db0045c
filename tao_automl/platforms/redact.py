"""Takes secrets out of text before anyone sees it: by value where the value is known, by shape where it is not."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

REDACTED = "[redacted]"
_SHORTEST_VALUE = 6  # a shorter one would be found in innocent text

_CREDENTIAL_WORDS = frozenset({"KEYS", "SECRETS", "PASS", "PWD", "CREDENTIAL", "CREDENTIALS", "PAT"})
_CREDENTIAL_ENDINGS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE")
_NOT_CREDENTIALS = frozenset({"PWD", "OLDPWD"})
_ALWAYS_CREDENTIALS = frozenset({"DOCKER_AUTH_CONFIG"})

# Each has the parts that stay visible in the groups `before` and `after`.
_SHAPES = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        (r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b", 0),
        (r"\bnvapi-[\w-]{20,}", 0),
        (r"\bhf_[A-Za-z0-9]{20,}", 0),
        (r"\bsk-[A-Za-z0-9_-]{16,}", 0),
        (r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}", 0),
        (r"\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{35}", 0),
        (r"\bwandb_v\d_\w{20,}", 0),
        (r"(?P<before>\bwandb\b.{0,200}?)\b[0-9a-f]{40}\b", re.IGNORECASE),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", 0),
        (r"(?P<before>\bauthorization\b[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)?\s*)[^\s\"',;]{6,}", re.IGNORECASE),
        (r"(?P<before>\bbearer\s+)[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE),
        (r"(?P<before>\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@]{0,200}:)[^/\s@]{1,200}(?P<after>@)", re.IGNORECASE),
    )
)
# Narrower than for variables: logs speak of spec keys, of passes and of the tokens of a vocabulary.
_ASSIGNMENT = re.compile(
    r"(?<![\w-])(?P<name>[\w-]{0,60}?"
    r"(?:(?:api|access|account|auth|private|secret|session|signing)[_-]?key(?:[_-]?id)?"
    r"|(?<![a-z0-9])(?:secret|passwd|passphrase|credentials?|sig)|x-amz-signature|password|token))"
    r"(?P<sign>[\"']?\s{0,3}[=:]\s{0,3}[\"']?)(?P<value>[^\s\"',;&]{6,})",
    re.IGNORECASE,
)
_VOCABULARY = re.compile(r"(?:pad|eos|bos|unk|sep|cls|mask|image|special|next|first|last)[_-]token$", re.IGNORECASE)


def is_credential_name(name: str) -> bool:
    """Whether a variable of this name probably holds a credential: `HF_TOKEN` does, `TOKENIZERS_PARALLELISM` not."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    whole = "_".join(words)
    if whole in _NOT_CREDENTIALS:
        return False
    return whole in _ALWAYS_CREDENTIALS or any(w in _CREDENTIAL_WORDS or w.endswith(_CREDENTIAL_ENDINGS) for w in words)


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """Replaces the given values, and all that has the shape of a secret, by ``[redacted]``."""

    values: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, names: Iterable[str] = ()) -> "Redactor":
        """Knows the values of the variables that look like credentials, and of those named in `names`."""
        environ = os.environ if environ is None else environ
        wanted = {*names, *filter(is_credential_name, environ)}
        found = (line.strip() for name in wanted for line in environ.get(name, "").splitlines())
        return cls(values=frozenset(value for value in found if len(value) >= _SHORTEST_VALUE))

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for shape in _SHAPES:
            text = shape.sub(_keep_surroundings, text)
        return _ASSIGNMENT.sub(_hide_assigned, text)

    @cached_property
    def _known(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.values, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def redact(text: str) -> str:
    """`text` without what looks like a secret, and without the credentials of this process's environment."""
    return Redactor.from_environment()(text)


def _keep_surroundings(match: re.Match[str]) -> str:
    parts = match.groupdict()
    return f"{parts.get('before') or ''}{REDACTED}{parts.get('after') or ''}"


def _hide_assigned(match: re.Match[str]) -> str:
    value = match["value"]
    if value.startswith(REDACTED) or _is_number(value) or _VOCABULARY.search(match["name"]):
        return match[0]
    return f"{match['name']}{match['sign']}{REDACTED}"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+0-9.eE_%]+", text) is not None
