"""Writing a spec as YAML that every reader reads back as the same object."""

from collections.abc import Mapping
from typing import Any

import yaml

from tao_automl.bank.located_yaml import looks_like_float
from tao_automl.domain.json_types import JsonValue


class _Dumper(yaml.SafeDumper):
    """No aliases; text that any YAML version takes for a number is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if looks_like_float(text) else None
    if not text.isprintable():
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_yaml(spec: Mapping[str, JsonValue]) -> str:
    """In the order of `spec`. ``yaml.safe_load`` gives the identical object: 1e-05 stays a number, "1e-05" text."""
    return yaml.dump(
        dict(spec), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20, default_flow_style=False
    )
