"""Facts for a launch review: lengths in tokens, steps, and a first guess at memory."""

from __future__ import annotations

import statistics
from typing import Any

from causal_lm.errors import SpecError
from causal_lm.records import Record, sample
from causal_lm.spec import PLACE, TrainJob
from causal_lm.survey import Survey
from causal_lm.units import Calendar

SAMPLED_ROWS = 2000
GIB = 2**30


def inspect(job: TrainJob, survey: Survey, processes: int) -> dict[str, Any]:
    lengths = _lengths(job, survey)
    calendar = Calendar(
        sequences=len(survey.train), batch_size=job.train.batch_size, units_per_pass=job.train.units_per_epoch
    )
    return {
        "ok": True,
        "task": "causal_lm_finetuning",
        "train_samples": len(survey.train),
        "val_samples": len(survey.validation),
        "val_source": "dataset.val_path" if job.dataset.val_path else "split from dataset.train_path",
        "model": _model(survey),
        "method": job.model.method,
        "max_length": survey.max_length,
        "tokens": lengths,
        "passes": round(job.train.num_epochs / job.train.units_per_epoch, 3),
        **_steps(job, calendar),
        "processes": processes,
        "weights_and_optimizer_gib": _memory(job, survey),
        "warnings": [*survey.warnings, *_length_warnings(lengths), *_calendar_warnings(job, calendar)],
    }


def _model(survey: Survey) -> dict[str, Any]:
    model = survey.model
    return {
        "type": model.kind,
        "parameters": model.parameters,
        "positions": model.positions,
        "vocabulary": model.vocabulary,
        "chat_template": model.has_chat_template,
    }


def _steps(job: TrainJob, calendar: Calendar) -> dict[str, int]:
    """Packing puts several rows into a sequence; how many steps that saves is known only once they are packed."""
    name = "steps_at_most" if job.dataset.packing else "steps"
    return {name: calendar.steps_until(job.train.num_epochs), f"{name}_per_pass": calendar.steps_per_pass}


def _lengths(job: TrainJob, survey: Survey) -> dict[str, Any] | None:
    """Of an even sample; a chat template's own tokens are not counted. None where no fast tokenizer can be read."""
    counted = _count_tokens(job, survey)
    if counted is None:
        return None
    totals = sorted(prompt + answer for prompt, answer in counted)
    too_long = sum(total > survey.max_length for total in totals)
    return {
        "rows_sampled": len(totals),
        "prompt_median": statistics.median(prompt for prompt, _ in counted),
        "answer_median": statistics.median(answer for _, answer in counted),
        "total_95_percent": totals[int(0.95 * (len(totals) - 1))],
        "total_longest": totals[-1],
        "share_longer_than_max_length": round(too_long / len(totals), 4),
        "share_of_answers_longer_than_max_length": round(
            sum(answer >= survey.max_length for _, answer in counted) / len(totals), 4
        ),
    }


def _count_tokens(job: TrainJob, survey: Survey) -> list[tuple[int, int]] | None:
    """(prompt, answer with its end token) of each sampled row."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    file = survey.model.path / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001  the library raises nothing more specific
        raise SpecError(f"{file}: cannot be read: {error}", "the tokenizer's file is damaged") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = sample(survey.train, SAMPLED_ROWS)
    prompts = tokenizer.encode_batch([_shown(job, row) for row in rows])
    answers = tokenizer.encode_batch([row.answer for row in rows], add_special_tokens=False)
    return [(len(p.ids), len(a.ids) + 1) for p, a in zip(prompts, answers, strict=True)]


def _shown(job: TrainJob, row: Record) -> str:
    return job.dataset.prompts.prompt_template.replace(PLACE, row.prompt)


def _memory(job: TrainJob, survey: Survey) -> float | None:
    """Per process, without activations and the adapters' small part: what must fit before the first step."""
    parameters = survey.model.parameters
    if parameters is None:
        return None
    if job.model.method == "lora":
        each = 4 if job.train.precision == "fp32" else 2
    else:
        each = 4 + 4 + (2 if job.train.optim.name == "adamw_8bit" else 8)
    return round(parameters * each / GIB, 2)


def _length_warnings(lengths: dict[str, Any] | None) -> list[str]:
    if lengths is None:
        return []
    notes = []
    if lengths["share_longer_than_max_length"] > 0:
        notes.append(
            f"about {lengths['share_longer_than_max_length']:.1%} of the rows are longer than dataset.max_length"
        )
    if lengths["share_of_answers_longer_than_max_length"] > 0:
        share = lengths["share_of_answers_longer_than_max_length"]
        notes.append(f"about {share:.1%} of the answers alone are too long for dataset.max_length and will be left out")
    return notes


def _calendar_warnings(job: TrainJob, calendar: Calendar) -> list[str]:
    if job.dataset.packing or calendar.steps_per_pass >= job.train.units_per_epoch:
        return []
    return [
        f"a pass has {calendar.steps_per_pass} steps and {job.train.units_per_epoch} units: some units train nothing; "
        "lower train.batch_size or train.units_per_epoch"
    ]
