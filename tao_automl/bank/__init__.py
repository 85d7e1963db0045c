"""The skill bank: finding skills, loading them, their search spaces and the specs of their jobs."""

from tao_automl.bank.catalog import SkillSummary, find_bank_root, find_skill, list_skills
from tao_automl.bank.declarations import (
    Action,
    CheckpointDeclaration,
    DataSource,
    FidelityDeclaration,
    InputDeclaration,
    Limits,
    MetricDeclaration,
    MetricSource,
    OutputDeclaration,
    RuntimeRequirements,
    Skill,
)
from tao_automl.bank.schema import SpaceReading, read_space
from tao_automl.bank.skill import load_skill, read_template, support_gate
from tao_automl.bank.spec import apply_overrides, data_source_overrides, known_properties, render_spec
from tao_automl.bank.spec_formats import dump_spec, parse_spec, spec_file
from tao_automl.bank.spec_tree import flatten, list_key, nest

__all__ = [
    "Action",
    "CheckpointDeclaration",
    "DataSource",
    "FidelityDeclaration",
    "InputDeclaration",
    "Limits",
    "MetricDeclaration",
    "MetricSource",
    "OutputDeclaration",
    "RuntimeRequirements",
    "Skill",
    "SkillSummary",
    "SpaceReading",
    "apply_overrides",
    "data_source_overrides",
    "dump_spec",
    "find_bank_root",
    "find_skill",
    "flatten",
    "known_properties",
    "list_key",
    "list_skills",
    "load_skill",
    "nest",
    "parse_spec",
    "read_space",
    "read_template",
    "render_spec",
    "spec_file",
    "support_gate",
]
