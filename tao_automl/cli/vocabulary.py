"""The names that prose may use of this command line: its commands, their options, and the settings of a search."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from tao_automl.bank.validation_types import Vocabulary

_EVERYWHERE = frozenset({"-h", "--help", "--debug"})


def known_names() -> Vocabulary:
    """From the parser itself, the table of settings, and the fields of the installed searchers."""
    from tao_automl.cli.app import command_line

    return Vocabulary(commands=dict(_commands((), command_line())), settings=frozenset(_settings()))


def _commands(path: tuple[str, ...], command: Any) -> Iterator[tuple[str, frozenset[str]]]:
    names = (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
    yield " ".join(path), _EVERYWHERE | {name for name in names if name.startswith("-")}
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands((*path, name), child)


def _settings() -> Iterator[str]:
    from tao_automl import plugins
    from tao_automl.errors import MissingExtra
    from tao_automl.runner.settings import ALIASES, SETTINGS

    yield from (*SETTINGS, *ALIASES)
    for name in plugins.names(plugins.SEARCHERS):
        try:
            searcher = plugins.load(plugins.SEARCHERS, name)
        except MissingExtra:
            continue
        for field in dataclasses.fields(searcher):
            if field.name != "problem":
                yield from (field.name, *field.metadata.get("aliases", ()))
