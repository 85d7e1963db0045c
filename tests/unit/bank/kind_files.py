"""The toy skill with a parameter of every kind, and constraints."""

import copy

from skill_files import SCHEMA, TEMPLATE, leaf

NUMBERS = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
EXTRA = {
    "betas": leaf(
        "array",
        [0.9, 0.999],
        minItems=2,
        maxItems=2,
        prefixItems=[
            NUMBERS | {"search_minimum": 0.8, "search_maximum": 0.95},
            NUMBERS | {"search_minimum": 0.9, "search_maximum": 0.9999, "scale": "logit"},
        ],
        prior={"mean": [0.9, 0.99], "strength": "strong"},
        popular=[[0.85, 0.98]],
        automl_enabled=True,
    ),
    "lr_steps": leaf(
        "array",
        [10, 20],
        minItems=2,
        maxItems=2,
        items={"type": "integer", "minimum": 1, "maximum": 27},
        monotone="increasing",
        automl_enabled=True,
    ),
    "layers": leaf(
        "array",
        ["v", "q"],
        items={"enum": ["q", "k", "v", "o"]},
        uniqueItems=True,
        minItems=1,
        maxItems=3,
        automl_enabled=True,
    ),
    "clip": {
        "type": ["number", "null"],
        "default": None,
        "minimum": 0.1,
        "maximum": 10,
        "scale": "log",
        "automl_enabled": True,
    },
    "patience": {"type": ["integer", "null"], "default": 5, "minimum": 1, "maximum": 9, "automl_enabled": True},
    "prompt": leaf("string", "classify", maxLength=40, automl_enabled=True),
    "warmup": leaf("integer", 3, minimum=0, maximum=20, automl_enabled=True),
    "total_batch": leaf("integer", 32, derived="train.batch_size * max(1, train.num_gpus)", maximum=2048),
    "accumulate": leaf("integer", 1, minimum=1, maximum=64, automl_enabled=True, depends_on="train.batch_size < 128"),
}
CONSTRAINTS = [
    "train.warmup <= train.num_epochs",
    "train.batch_size * train.accumulate <= 1024",
    "train.lr_steps[1] < train.num_epochs",
]


def schema_with(constraints=(), **changes):
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["train"]["properties"] |= copy.deepcopy(EXTRA) | changes
    schema["automl_constraints"] = list(constraints)
    return schema


TEMPLATE_WITH = copy.deepcopy(TEMPLATE)
TEMPLATE_WITH["train"] |= {name: node["default"] for name, node in EXTRA.items()}
