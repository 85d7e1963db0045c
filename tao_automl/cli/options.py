"""The options that several commands share, with their help."""

from pathlib import Path
from typing import Annotated

import typer

from tao_automl.cli.output import Format

TRAINING, SEARCH, COMPUTE = "What is trained", "How it is searched", "Where it runs"
GOAL, LIMITS = "What is good", "When it ends, and what it keeps"

Workspace = Annotated[
    Path, typer.Argument(metavar="DIR", help="The run's folder: what --workspace named.", show_default=False)
]
OutputFormat = Annotated[
    Format,
    typer.Option("--format", help="`json` writes exactly one JSON document to stdout.", rich_help_panel="Output"),
]
Skill = Annotated[
    str, typer.Argument(metavar="SKILL", help="A model skill: its name, an alias, or its folder.", show_default=False)
]
Action = Annotated[str, typer.Option(help="The skill's action to tune.", rich_help_panel=TRAINING)]
TrainData = Annotated[
    str | None, typer.Option(help="Path or URI of the training data.", rich_help_panel=TRAINING, show_default=False)
]
EvalData = Annotated[
    str | None,
    typer.Option(
        help="Path or URI of the data that the winner is evaluated on; never seen by training.",
        rich_help_panel=TRAINING,
        show_default=False,
    ),
]
Override = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", help="A value of the training spec, for all trials. Repeatable.", rich_help_panel=TRAINING
    ),
]
Algorithm = Annotated[
    str | None,
    typer.Option(
        help="How configurations are chosen; see `tao-automl algorithms list`. (default: the skill's recommendation)",
        rich_help_panel=SEARCH,
        show_default=False,
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="What is optimised: a metric or a formula. (default: the skill's primary metric)",
        rich_help_panel=GOAL,
        show_default=False,
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(
        metavar="maximize|minimize", help="Needed for a metric that the skill does not declare.", rich_help_panel=GOAL
    ),
]
Objective = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC[:KEY=VALUE,...]",
        help="One of several objectives, for a Pareto front, with `direction`, `weight` or `threshold`: "
        "`latency:direction=minimize,threshold=30`. Repeatable, in place of --metric.",
        rich_help_panel=GOAL,
        show_default=False,
    ),
]
Constraint = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        help="What outcomes keep: `latency <= 20`, `accuracy >= 0.95 * baseline`. Repeatable.",
        rich_help_panel=GOAL,
        show_default=False,
    ),
]
TrackingMetric = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A metric that is shown beside the objectives. Repeatable.",
        rich_help_panel=GOAL,
        show_default=False,
    ),
]
EvaluateTrials = Annotated[
    bool | None,
    typer.Option(
        "--evaluate-trials/--no-evaluate-trials",
        help="Each trial is scored by the skill's evaluate action, on the evaluation data.",
        rich_help_panel=GOAL,
        show_default=False,
    ),
]
MaxGpuHours = Annotated[
    float | None, typer.Option(min=0, help="The run ends after so many GPU-hours.", rich_help_panel=LIMITS)
]
MaxCost = Annotated[
    float | None, typer.Option(min=0, help="The run ends once it has cost so much.", rich_help_panel=LIMITS)
]
PricePerGpuHour = Annotated[
    float | None, typer.Option(min=0, help="What a GPU costs an hour; makes the cost known.", rich_help_panel=LIMITS)
]
Patience = Annotated[
    int | None,
    typer.Option(min=1, help="The run ends after so many trials without an improvement.", rich_help_panel=LIMITS),
]
EarlyStopping = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE[:KEY=VALUE,...]",
        help="Stops hopeless trials: `percentile:percentile=25`, `threshold`, `asha`, `curve`. Repeatable.",
        rich_help_panel=LIMITS,
        show_default=False,
    ),
]
Retention = Annotated[
    str | None,
    typer.Option(
        metavar="all|terminal|best",
        help="Which checkpoints are kept: all, the last of each trial, or the winners'. (default: all)",
        rich_help_panel=LIMITS,
        show_default=False,
    ),
]
WarmStart = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="The folder of an earlier run, or a CSV file of trials, to learn from. Repeatable.",
        rich_help_panel=SEARCH,
        show_default=False,
    ),
]
MaxTrials = Annotated[
    int | None,
    typer.Option(min=1, help="Configurations tried in all, the default one included.", rich_help_panel=SEARCH),
]
MaxConcurrent = Annotated[int | None, typer.Option(min=1, help="Trials at the same time.", rich_help_panel=SEARCH)]
Seed = Annotated[
    int | None, typer.Option(min=0, help="The same seed gives the same configurations.", rich_help_panel=SEARCH)
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A hyperparameter to search. Repeatable. (default: those that the skill recommends)",
        rich_help_panel=SEARCH,
    ),
]
Range = Annotated[
    list[str] | None,
    typer.Option(
        "--range",
        metavar="NAME=RANGE",
        help="Narrows a hyperparameter: `lr=1e-5:1e-2:log`, `depth=2:9`, or options `kind=a,b`. Repeatable.",
        rich_help_panel=SEARCH,
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A setting of the search: `max_wall_time=90m`, `target_metric=0.95`. Repeatable.",
        rich_help_panel=SEARCH,
    ),
]
PlanToken = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        help="The token of a plan; the run is refused if it would not do what that plan showed.",
        rich_help_panel="Where it runs",
        show_default=False,
    ),
]
Tracker = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:KEY=VALUE,...]",
        help="Shows the run in `wandb`, `mlflow` or `tensorboard`: `wandb:project=p,mode=offline`. Repeatable.",
        rich_help_panel="Output",
        show_default=False,
    ),
]
Platform = Annotated[
    str, typer.Option(help="Where jobs run; `tao-automl platforms list` names them.", rich_help_panel=COMPUTE)
]
RunWorkspace = Annotated[
    Path,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="The run's own folder; created. Its journal is all that a run needs to go on after a crash.",
        rich_help_panel=COMPUTE,
        show_default=False,
    ),
]
PlanWorkspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        help="The folder that the run is to have; only `run` needs one.",
        rich_help_panel=COMPUTE,
        show_default=False,
    ),
]
Gpus = Annotated[int | None, typer.Option(min=0, help="GPUs of one job.", rich_help_panel=COMPUTE)]
Nodes = Annotated[int | None, typer.Option(min=1, help="Nodes of one job.", rich_help_panel=COMPUTE)]
Image = Annotated[
    str | None,
    typer.Option(help="Container image. (default: the skill's)", rich_help_panel=COMPUTE, show_default=False),
]
PlatformOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE", help="`partition=gpu`, `namespace=team`, … Repeatable.", rich_help_panel=COMPUTE
    ),
]
