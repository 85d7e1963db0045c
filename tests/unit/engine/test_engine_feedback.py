"""What a user's `feedback_fn` says about a trial: what of it is kept, and when it is asked for."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import Lab, promoting, starting

from tao_automl.domain.events import CallbackFailed, FeedbackGiven
from tao_automl.engine.feedback import DEEPEST, LARGEST, FeedbackError, scrubbed
from tao_automl.engine.world import Callbacks


@pytest.mark.parametrize(
    "name",
    [
        "label", "labels", "gt_labels", "label_0", "classLabels", "id", "ID", "ids", "image_id", "imageId",
        "sample-ids", "IDs", "uuid", "job uid", "path", "image_path", "filePath", "file", "files", "filename",
        "checkpoint_dir", "url", "data_uri", "/data/img/1.png", "train/img.jpg",
    ],
)  # fmt: skip
def test_labels_ids_and_paths_are_removed(name: str) -> None:
    assert scrubbed({"a": [{name: "secret", "kept": 1}]}) == {"a": [{"kept": 1}]}


@pytest.mark.parametrize(
    "name", ["valid", "accuracy", "width", "grid", "idea", "profile", "enabled", "loss", "per_class"]
)
def test_other_names_are_kept(name: str) -> None:
    assert scrubbed({name: 1}) == {name: 1}


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/x.png", "~/data/x", "./x/y.png", "../up/x", "s3://bucket/key", "S3://bucket/key", "file:///etc/passwd",
        r"C:\Users\me\x.png", "D:/data/x.png", r"\\server\share\x", "train/images/7.jpg", "a/b.json",
    ],
)  # fmt: skip
def test_paths_in_texts_are_taken_out(text: str) -> None:
    assert scrubbed(f"see {text}, please") in ("see <path>, please", "see <path> please")


@pytest.mark.parametrize("text", ["precision/recall is low", "3/4 of them", "and/or", "0.5/0.7", "at 10:30", "a - b"])
def test_other_texts_are_kept(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (1, 1),
        (True, True),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        ((1, "a", None), [1, "a", None]),
        ({1: {"x": []}}, {"1": {"x": []}}),
        ([Path("/a/b")], ["<path>"]),
    ],
)
def test_what_json_can_say_is_kept(answer: object, kept: object) -> None:
    assert scrubbed(answer) == kept
    assert type(scrubbed(answer)) is type(kept)


@pytest.mark.parametrize(
    "answer",
    [None, math.nan, [math.inf], {"x": object()}, {1, 2}, b"x", 10**400, "x" * LARGEST, [""] * LARGEST, [[]] * LARGEST],
    ids=lambda answer: f"{answer!r:.20}",
)
def test_what_it_cannot_or_what_is_too_large_is_refused(answer: object) -> None:
    with pytest.raises(FeedbackError):
        scrubbed(answer)


def test_what_is_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert scrubbed(deep) == deep
    with pytest.raises(FeedbackError, match="deeper than"):
        scrubbed([deep])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values)
def test_what_is_kept_is_json_bounded_and_stays_as_it_is(answer: Any) -> None:
    try:
        clean = scrubbed(answer)
    except FeedbackError:
        return
    assert len(json.dumps(clean, allow_nan=False)) <= LARGEST
    assert scrubbed(clean) == clean


def test_it_is_asked_once_for_each_settled_trial() -> None:
    asked: list[Any] = []

    def feedback_fn(rec: dict[str, Any], job: str) -> Any:
        asked.append((rec["rec_id"], rec["budget"], job))
        return {"comment": f"see /data/{rec['rec_id']}.png", "label": "cat"}

    lab = Lab(starting(3), callbacks=Callbacks(feedback_fn=feedback_fn)).run()
    assert sorted(asked) == [(n, 3, f"toy-t000{n}-e3-a1") for n in range(3)]
    assert lab.engine.experiment.feedback == {n: {"comment": "see <path>"} for n in range(3)}


def test_each_rung_is_a_settlement() -> None:
    asked: list[Any] = []
    callbacks = Callbacks(feedback_fn=lambda rec, job: asked.append((rec["budget"], job)) or "ok")
    Lab(promoting(), callbacks=callbacks).run()
    assert asked == [(1, "toy-t0000-e1-a1"), (3, "toy-t0000-e3-a1")]


def test_an_answer_that_comes_after_the_promotion_is_about_the_rung_that_was_asked_about() -> None:
    go_on, asked = Event(), []

    def slow(rec: dict[str, Any], job: str) -> str:
        asked.append((rec["budget"], job))
        go_on.wait(20.0)
        return "ok"

    with ThreadPoolExecutor(1) as executor:
        lab = Lab(promoting(), callbacks=Callbacks(feedback_fn=slow), executor=executor).seconds(5)
        assert (lab.states, lab.trials[0].budget) == (["running"], 3)
        go_on.set()
        lab.run()
    assert asked == [(1, "toy-t0000-e1-a1"), (3, "toy-t0000-e3-a1")]
    assert len(lab.events(FeedbackGiven)) == 2


def raising(rec: Any, job: str) -> Any:
    raise KeyError("oops")


@pytest.mark.parametrize(
    ("feedback_fn", "message"),
    [
        (raising, "KeyError: 'oops'"),
        (lambda rec, job: None, "the answer is None"),
        (lambda rec, job: object(), "is no JSON"),
    ],
)
def test_what_is_no_answer_is_ignored_and_logged_once_a_trial(feedback_fn: Any, message: str) -> None:
    lab = Lab(starting(2), callbacks=Callbacks(feedback_fn=feedback_fn)).run()
    assert lab.states == ["completed"] * 2
    failed = lab.events(CallbackFailed)
    assert [(event.callback, event.trial) for event in failed] == [("feedback_fn", 0), ("feedback_fn", 1)]
    assert all(message in event.message for event in failed)
    assert lab.engine.experiment.feedback == {}


def test_trials_that_were_abandoned_are_not_asked_about() -> None:
    asked: list[int] = []
    lab = Lab(
        starting(9),
        callbacks=Callbacks(feedback_fn=lambda rec, job: asked.append(rec["rec_id"]) or "ok"),
        cancelled=lambda clock: len(lab.trials) == 4,
    )
    lab.run()
    assert lab.states == ["completed", "completed", "abandoned", "abandoned"]
    assert sorted(asked) == [0, 1]


def test_the_run_waits_for_the_last_answer() -> None:
    go_on = Event()
    with ThreadPoolExecutor(1) as executor:
        callbacks = Callbacks(feedback_fn=lambda rec, job: go_on.wait(20.0) and "late")
        lab = Lab(callbacks=callbacks, executor=executor).seconds(12)
        assert lab.states == ["completed"]
        assert lab.engine.experiment.finished is None
        go_on.set()
        lab.run()
    assert lab.engine.experiment.feedback == {0: "late"}


def test_a_new_runner_asks_again_for_what_was_not_recorded() -> None:
    asked: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        go_on = Event()
        callbacks = Callbacks(feedback_fn=lambda rec, job: asked.append(job) or (go_on.wait(20.0) and "ok"))
        lab = Lab(callbacks=callbacks, executor=executor).seconds(12)
        go_on.set()
        lab.resume().run()
    assert asked == ["toy-t0000-e3-a1"] * 2
    assert len(lab.events(FeedbackGiven)) == 1
