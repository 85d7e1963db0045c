"""Every entry of the failure table, on what real programs say."""

from typing import Any

import pytest

from tao_automl.domain.job import FailureAnalysis, FailureClass, JobState, JobStatus
from tao_automl.platforms.failures import Rule, analyse, failure_table, parse_failure_table
from tao_automl.platforms.redact import REDACTED, Redactor

INFRASTRUCTURE, DATA, IMAGE = FailureClass.INFRASTRUCTURE, FailureClass.DATA_VISIBILITY, FailureClass.IMAGE
CREDENTIAL, SPEC, RESOURCES = FailureClass.CREDENTIAL, FailureClass.SPEC, FailureClass.RESOURCES
CODE, UNKNOWN = FailureClass.MODEL_CODE, FailureClass.UNKNOWN

FRAMES = (
    'Traceback (most recent call last):\n  File "/job/code/scripts/train.py", line 88, in main\n    model.fit(loader)\n'
)

# The platform's word for the end, and what it means whatever the log says.
WORDS = [
    ("killed by the out-of-memory killer (signal KILL)", RESOURCES, False),
    ("OOMKilled", RESOURCES, False),
    ("OUT_OF_MEMORY 0:125", RESOURCES, False),
    ("killed by signal KILL", RESOURCES, False),
    ("exit code 137", RESOURCES, False),
    ("time limit reached", RESOURCES, False),
    ("TIMEOUT 0:0", RESOURCES, False),
    ("DEADLINE", RESOURCES, False),
    ("DeadlineExceeded: Job was active longer than specified deadline", RESOURCES, False),
    ("NODE_FAIL 1:0", INFRASTRUCTURE, True),
    ("BOOT_FAIL", INFRASTRUCTURE, True),
    ("NodeLost: Node gpu-3 which was running pod is unresponsive", INFRASTRUCTURE, True),
    ("PREEMPTED 0:15", INFRASTRUCTURE, True),
    ("Evicted: The node had condition: [MemoryPressure]", INFRASTRUCTURE, True),
    ("instance was stopped", INFRASTRUCTURE, True),
    ("ended from outside by signal TERM", INFRASTRUCTURE, True),
    ('could not select device driver "" with capabilities: [[gpu]]', INFRASTRUCTURE, False),
    ('ImagePullBackOff: Back-off pulling image "nvcr.io/x/y:1"', IMAGE, False),
    ("ErrImagePull: rpc error: code = Unknown desc = unauthorized: authentication required", IMAGE, False),
    ("InvalidImageName", IMAGE, False),
    ("manifest for python:9.99 not found: manifest unknown", IMAGE, False),
    ("pull access denied for secret/image, repository does not exist or may require 'docker login'", IMAGE, False),
    ("No such image: tao:7", IMAGE, False),
    ("no matching manifest for linux/arm64/v8 in the manifest list entries", IMAGE, False),
    ("exec format error", IMAGE, False),
    ("not started: environment variable NGC_API_KEY is not set", CREDENTIAL, False),
    ('CreateContainerConfigError: secret "ngc" not found', CREDENTIAL, False),
    ("unauthorized: authentication required", CREDENTIAL, False),
    ("jobs.batch is forbidden: User cannot create resource", CREDENTIAL, False),
    ("pods are forbidden: exceeded quota: gpus, requested: 8, used: 8, limited: 8", RESOURCES, False),
    ("Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", RESOURCES, False),
    ("PENDING (QOSMaxGRESPerUser)", RESOURCES, False),
    ("PENDING (AssocMaxJobsLimit)", RESOURCES, False),
    ("PENDING (PartitionNodeLimit)", RESOURCES, False),
    ("no space left on device", INFRASTRUCTURE, True),
    ("the upload of the results failed with exit code 74", INFRASTRUCTURE, True),
]

# A log, what it means, and the line that shows it.
LOGS = [
    # spec
    (
        "usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --bogus",
        SPEC,
        "train.py: error: unrecognized arguments: --bogus",
    ),
    (
        FRAMES + "pydantic_core._pydantic_core.ValidationError: 1 validation error for Train",
        SPEC,
        "1 validation error for Train",
    ),
    (
        FRAMES + "omegaconf.errors.ConfigAttributeError: Key 'lr_rate' is not in struct",
        SPEC,
        "Key 'lr_rate' is not in struct",
    ),
    (FRAMES + "yaml.scanner.ScannerError: mapping values are not allowed here", SPEC, "mapping values are not allowed"),
    (
        FRAMES + "ValueError: num_samples should be a positive integer value, but got num_samples=0",
        SPEC,
        "num_samples=0",
    ),
    ("RuntimeError: the loader gives 0 steps per epoch: zero training steps", SPEC, "zero training steps"),
    # memory
    (
        FRAMES + "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.15 GiB)",
        RESOURCES,
        "CUDA out of memory",
    ),
    (
        FRAMES + "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        RESOURCES,
        "Tried to allocate 20.00 MiB",
    ),
    (
        FRAMES + "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        RESOURCES,
        "CUBLAS_STATUS_ALLOC_FAILED",
    ),
    (
        "2024-05-01 W tensorflow/core: RESOURCE_EXHAUSTED: OOM when allocating tensor with shape[64,512]",
        RESOURCES,
        "OOM when allocating",
    ),
    (
        FRAMES + "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array",
        RESOURCES,
        "Unable to allocate 74.5 GiB",
    ),
    (FRAMES + "MemoryError", RESOURCES, "MemoryError"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", RESOURCES, "std::bad_alloc"),
    (
        FRAMES + "RuntimeError: [enforce fail at alloc_cpu.cpp:75] . DefaultCPUAllocator: can't allocate memory",
        RESOURCES,
        "can't allocate memory",
    ),
    (
        "RuntimeError: DataLoader worker (pid 77) is killed by signal: Bus error.",
        RESOURCES,
        "Bus error",
    ),
    (
        FRAMES + "RuntimeError: unable to open shared memory object </torch_7_2> in read-write mode",
        RESOURCES,
        "shared memory object",
    ),
    (
        FRAMES + "RuntimeError: DataLoader worker (pid 3041) is killed by signal: Killed.",
        RESOURCES,
        "killed by signal: Killed",
    ),
    (
        "slurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2024-05-01T10:00:00 DUE TO TIME LIMIT ***",
        RESOURCES,
        "DUE TO TIME LIMIT",
    ),
    (FRAMES + "OSError: [Errno 24] Too many open files: '/data/1.jpg'", RESOURCES, "Too many open files"),
    # GPU: never infrastructure, but for a broken driver, which is not tried again
    (
        "aten/native/cuda/Loss.cu:250: block: [0,0,0], thread: [3,0,0] Assertion `t >= 0 && t < n_classes` failed.",
        CODE,
        "n_classes",
    ),
    (
        FRAMES
        + "RuntimeError: CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
        CODE,
        "device-side assert",
    ),
    (
        FRAMES + "RuntimeError: CUDA driver version is insufficient for CUDA runtime version",
        IMAGE,
        "insufficient",
    ),
    (
        FRAMES + "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        IMAGE,
        "no kernel image",
    ),
    ("Failed to initialize NVML: Driver/library version mismatch", INFRASTRUCTURE, "NVML"),
    (FRAMES + "RuntimeError: CUDA error: an illegal memory access was encountered", CODE, "illegal memory access"),
    (FRAMES + "RuntimeError: CUDA error: uncorrectable ECC error encountered", CODE, "ECC"),
    (FRAMES + "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", CODE, "cuDNN error"),
    (FRAMES + "AssertionError: Torch not compiled with CUDA enabled", RESOURCES, "not compiled with CUDA"),
    (FRAMES + "RuntimeError: No CUDA GPUs are available", RESOURCES, "No CUDA GPUs"),
    # model code
    (
        FRAMES
        + "RuntimeError: Error(s) in loading state_dict for DINO:\n\tsize mismatch for class_embed.0.bias: copying",
        CODE,
        "for DINO: size mismatch for class_embed.0.bias",
    ),
    ("epoch 3: lr=1.0\nerror: loss is not finite at epoch 3", CODE, "error: loss is not finite at epoch 3"),
    ("Loss is nan, stopping training", CODE, "Loss is nan"),
    (FRAMES + "ValueError: Input contains NaN", CODE, "Input contains NaN"),
    (
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x7f (most recent call first):",
        CODE,
        "Fatal Python error",
    ),
    ("Aborted (core dumped)", CODE, "core dumped"),
    # credentials
    (
        FRAMES + "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
        CREDENTIAL,
        "Unable to locate credentials",
    ),
    (
        FRAMES + "botocore.exceptions.ClientError: An error occurred (InvalidAccessKeyId) when calling GetObject",
        CREDENTIAL,
        "InvalidAccessKeyId",
    ),
    (
        FRAMES + "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling GetObject",
        CREDENTIAL,
        "AccessDenied",
    ),
    (
        FRAMES + "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/x",
        CREDENTIAL,
        "401 Client Error",
    ),
    (
        FRAMES + "wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])",
        CREDENTIAL,
        "api_key not configured",
    ),
    ("docker: Error response from daemon: unauthorized: authentication required", CREDENTIAL, "unauthorized"),
    # disk and file systems
    (FRAMES + "OSError: [Errno 28] No space left on device", INFRASTRUCTURE, "No space left on device"),
    (
        FRAMES + "OSError: [Errno 122] Disk quota exceeded: 'results/epoch_3.ckpt'",
        INFRASTRUCTURE,
        "Disk quota exceeded",
    ),
    (FRAMES + "OSError: [Errno 30] Read-only file system: 'results/x'", INFRASTRUCTURE, "Read-only"),
    (FRAMES + "OSError: [Errno 116] Stale file handle: '/lustre/data'", INFRASTRUCTURE, "Stale file handle"),
    # image
    ("Unable to find image 'nvcr.io/nvidia/tao:9' locally", IMAGE, "Unable to find image"),
    (FRAMES + "ModuleNotFoundError: No module named 'sklearn'", IMAGE, "No module named 'sklearn'"),
    (
        FRAMES + "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
        IMAGE,
        "libGL.so.1",
    ),
    ("/bin/sh: 1: ./train: Exec format error", IMAGE, "Exec format error"),
    ("sh: 1: torchrun: not found\nbash: line 1: torchrun: command not found", IMAGE, "command not found"),
    ("setsid: failed to execute torchrun: No such file or directory", IMAGE, "torchrun"),
    ("setsid: can't execute 'torchrun': No such file or directory", IMAGE, "torchrun"),
    ("python: can't open file '/job/code/scripts/train.py': [Errno 2] No such file or directory", IMAGE, "train.py"),
    # data
    (
        FRAMES
        + "botocore.exceptions.ClientError: An error occurred (NoSuchBucket) when calling the ListObjects operation",
        DATA,
        "NoSuchBucket",
    ),
    (FRAMES + "PermissionError: [Errno 13] Permission denied: '/data/train.csv'", DATA, "Permission denied"),
    (FRAMES + "FileNotFoundError: [Errno 2] No such file or directory: '/data/train.csv'", DATA, "/data/train.csv"),
    (FRAMES + "ValueError: annotation file /data/coco.json does not exist", DATA, "/data/coco.json"),
    (FRAMES + "pandas.errors.EmptyDataError: No columns to parse from file", DATA, "No columns to parse"),
    (FRAMES + "PIL.UnidentifiedImageError: cannot identify image file '/data/1.jpg'", DATA, "1.jpg"),
    # node and network
    ("srun: error: Node failure on gpu-17", INFRASTRUCTURE, "Node failure on gpu-17"),
    (
        "slurmstepd: error: *** JOB 42 ON n1 CANCELLED AT 2024-05-01T10:00:00 DUE TO PREEMPTION ***",
        INFRASTRUCTURE,
        "DUE TO PREEMPTION",
    ),
    (FRAMES + "socket.gaierror: [Errno -3] Temporary failure in name resolution", INFRASTRUCTURE, "name resolution"),
    (
        FRAMES + "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='h'): Max retries exceeded",
        INFRASTRUCTURE,
        "Max retries exceeded",
    ),
    (FRAMES + "ConnectionRefusedError: [Errno 111] Connection refused", INFRASTRUCTURE, "refused"),
    (
        FRAMES + "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://x",
        INFRASTRUCTURE,
        "503",
    ),
    (FRAMES + "ConnectionResetError: [Errno 104] Connection reset by peer", INFRASTRUCTURE, "reset by peer"),
    (
        FRAMES
        + "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1691, ncclRemoteError: failed",
        INFRASTRUCTURE,
        "ncclRemoteError",
    ),
    (
        "[rank1]:[E] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=8, OpType=ALLREDUCE)",
        CODE,
        "Watchdog",
    ),
    (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        INFRASTRUCTURE,
        "Docker daemon",
    ),
    (FRAMES + "OSError: [Errno 98] Address already in use", INFRASTRUCTURE, "Address already in use"),
    # plain Python
    (FRAMES + "ValueError: shapes (3,4) and (5,6) not aligned", CODE, "ValueError: shapes (3,4) and (5,6) not aligned"),
    (FRAMES + "KeyError: 'train.num_epochs'", CODE, "KeyError: 'train.num_epochs'"),
    (FRAMES + "AssertionError", CODE, "AssertionError"),
    # nothing that anyone knows
    ("step 1\nstep 2\n\n", UNKNOWN, "step 2"),
    ("", UNKNOWN, "exit code 1"),
]

# The platform's word again, for a log that tells nothing.
EXITS = [
    ("exit code 127", IMAGE, False),
    ("exit code 126", IMAGE, False),
    ("killed by signal ILL", IMAGE, False),
    ("killed by signal BUS", RESOURCES, False),
    ("killed by signal XCPU", RESOURCES, False),
    ("killed by signal SEGV", CODE, False),
    ("exit code 139", CODE, False),
    ("killed by signal ABRT", CODE, False),
    ("killed by signal TERM", INFRASTRUCTURE, True),
    ("exit code 143", INFRASTRUCTURE, True),
]

FOLLOW_UPS = [
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
    "subprocess.CalledProcessError: Command '['python']' returned non-zero exit status 1.",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "BrokenPipeError: [Errno 32] Broken pipe",
    "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1691, ncclRemoteError",
    "srun: error: n1: task 0: Exited with exit code 1",
    "slurmstepd: error: *** STEP 42.0 ON n1 CANCELLED ***",
    "RuntimeError: DataLoader worker (pid(s) 12, 13) exited unexpectedly",
    "wandb: Network error (ConnectionError), entering retry loop.",
    "urllib3: Retry(total=2) after connection broken by 'NewConnectionError'",
    "KeyboardInterrupt",
]


def failed(detail: str = "exit code 1", code: int | None = 1) -> JobStatus:
    return JobStatus(state=JobState.FAILED, detail=detail, exit_code=code)


def analysed(log: str, status: JobStatus | None = None) -> FailureAnalysis:
    return analyse(log.splitlines(), status or failed(), redactor=Redactor())


def first_match(rules: tuple[Rule, ...], text: str) -> Rule | None:
    return next((rule for rule in rules if rule.pattern.search(text)), None)


@pytest.mark.parametrize(("word", "failure_class", "retriable"), WORDS)
def test_the_word_of_the_platform_decides(word: str, failure_class: FailureClass, retriable: bool) -> None:
    found = analysed(FRAMES + "ValueError: an echo of it", failed(word, 1))
    assert (found.failure_class, found.retriable, found.evidence) == (failure_class, retriable, word)
    assert found.advice


@pytest.mark.parametrize(("log", "failure_class", "evidence"), LOGS)
def test_the_log_tells(log: str, failure_class: FailureClass, evidence: str) -> None:
    found = analysed("step 1 loss=0.3\nsaving results/checkpoints/epoch_1.ckpt\n" + log if log else log)
    assert (found.failure_class, evidence in found.evidence) == (failure_class, True), found
    assert found.retriable is (failure_class is INFRASTRUCTURE and "NVML" not in evidence)
    assert found.advice


@pytest.mark.parametrize(("word", "failure_class", "retriable"), EXITS)
def test_without_a_telling_log_the_exit_code_counts(word: str, failure_class: FailureClass, retriable: bool) -> None:
    found = analysed("step 1\nstep 2", failed(word, None))
    assert (found.failure_class, found.retriable, found.evidence) == (failure_class, retriable, word)


@pytest.mark.parametrize("echo", FOLLOW_UPS)
def test_an_echo_is_no_evidence_beside_the_error_itself(echo: str) -> None:
    found = analysed(f"{FRAMES}IndexError: list index out of range\n{FRAMES}{echo}\n{echo}")
    assert (found.failure_class, found.evidence) == (CODE, "IndexError: list index out of range")
    assert analysed(echo).evidence == echo


def test_every_entry_of_the_table_is_tested() -> None:
    table = failure_table()
    hit = {id(first_match(table.status, word)) for word, *_ in WORDS}
    hit |= {id(first_match(table.exit, word)) for word, *_ in EXITS}
    hit |= {id(first_match(table.log, analysed(log).evidence)) for log, *_ in LOGS}
    untested = [rule.pattern.pattern for rule in (*table.status, *table.log, *table.exit) if id(rule) not in hit]
    assert untested == []
    assert [
        pattern.pattern for pattern in table.follow_ups if not any(pattern.search(echo) for echo in FOLLOW_UPS)
    ] == []


@pytest.mark.parametrize(
    ("said", "failure_class", "evidence", "advice"),
    [
        (
            ["error: train.learning_rat: no such key", "hint: did you mean train.learning_rate?"],
            SPEC,
            "error: train.learning_rat: no such key",
            "did you mean train.learning_rate?",
        ),
        (
            ["error: train.lr: finite `0 < lr` must hold, got -1"],
            SPEC,
            "error: train.lr: finite `0 < lr` must hold, got -1",
            "",
        ),
        (
            ["error: dataset.train_path: file /data/x.csv does not exist"],
            DATA,
            "error: dataset.train_path: file /data/x.csv does not exist",
            "",
        ),
        (
            ["error: dataset.label: unknown column 'labl', has a, b"],
            DATA,
            "error: dataset.label: unknown column 'labl', has a, b",
            "",
        ),
        (
            [
                "usage: evaluate.py [-h] --config CONFIG",
                "evaluate.py: error: the following arguments are required: --config",
            ],
            SPEC,
            "evaluate.py: error: the following arguments are required: --config",
            "",
        ),
    ],
)
def test_code_2_blames_what_was_given(said: list[str], failure_class: FailureClass, evidence: str, advice: str) -> None:
    found = analyse(["some output", *said], failed("exit code 2", 2), redactor=Redactor())
    assert (found.failure_class, found.evidence, found.retriable) == (failure_class, evidence, False)
    assert found.advice == (advice or found.advice)


def test_a_lost_job_is_tried_again() -> None:
    status = JobStatus(state=JobState.LOST, detail="the job's processes vanished")
    found = analysed(FRAMES + "ValueError: unrelated", status)
    assert (found.failure_class, found.retriable) == (INFRASTRUCTURE, True)
    assert found.evidence == "the job's processes vanished"
    assert analysed("", JobStatus(state=JobState.LOST)).evidence


def test_source_lines_of_a_traceback_are_no_evidence() -> None:
    log = (
        FRAMES
        + "    raise ConnectionRefusedError('Connection refused')  # No space left on device\nTypeError: bad operand"
    )
    assert analysed(log).evidence == "TypeError: bad operand"


def test_the_last_error_counts_not_one_that_was_survived() -> None:
    log = FRAMES + "FileNotFoundError: cache.pkl\ncache rebuilt\nstep 1\n" + FRAMES + "TypeError: bad operand"
    assert analysed(log).evidence == "TypeError: bad operand"


def test_an_exception_without_a_class_of_its_own_has_that_of_its_cause() -> None:
    cause = FRAMES + "OSError: [Errno 28] No space left on device: 'results/x'\n"
    chain = "\nThe above exception was the direct cause of the following exception:\n\n"
    found = analysed(cause + chain + FRAMES + "RuntimeError: cannot save the checkpoint")
    assert (found.failure_class, found.retriable) == (INFRASTRUCTURE, True)
    assert "No space left" in found.evidence
    unrelated = analysed(cause + "\nstep 7\n\n" + FRAMES + "RuntimeError: another thing")
    assert (unrelated.failure_class, unrelated.evidence) == (CODE, "RuntimeError: another thing")


def test_tracebacks_of_ranks_and_loggers_are_read() -> None:
    ranked = "".join(
        f"[rank0]: {line}\n[rank1]: step 5\n" for line in (FRAMES + "ValueError: rank 0 it was").splitlines()
    )
    assert analysed(ranked).evidence == "ValueError: rank 0 it was"
    logged = "2024-05-01 10:00:00 ERROR " + FRAMES + "ValueError: after a time of day"
    assert analysed(logged).evidence == "ValueError: after a time of day"
    boxed = "╭──── Traceback (most recent call last) ────╮\n│ train.py:8 │\n╰────╯\nValueError: in a box"
    assert (analysed(boxed).failure_class, analysed(boxed).evidence) == (CODE, "ValueError: in a box")
    assert analysed(FRAMES).failure_class is CODE  # the log breaks off


def test_evidence_and_advice_are_redacted_and_bounded() -> None:
    log = FRAMES + "ValueError: login with password=swordfish99 failed " + "x" * 10_000
    found = analysed(log)
    assert "swordfish99" not in found.evidence
    assert REDACTED in found.evidence
    assert len(found.evidence) <= 500
    hinted = analyse(
        ["error: no login", "hint: use swordfish99"],
        failed("exit code 2", 2),
        redactor=Redactor(values=frozenset({"swordfish99"})),
    )
    assert hinted.advice == f"use {REDACTED}"


def test_the_environment_of_this_process_is_redacted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "swordfish99")
    assert "swordfish99" not in analyse(["ValueError: swordfish99"], failed()).evidence


@pytest.mark.parametrize(
    "change",
    [
        {"log": [{"pattern": "x", "class": "spec", "retriable": True}]},
        {"log": [{"pattern": "x", "class": "no-such-class"}]},
        {"classes": {"unknown": "?"}},
    ],
)
def test_a_table_that_breaks_the_law_is_refused(change: dict[str, Any]) -> None:
    advice = {failure_class.value: "advice" for failure_class in FailureClass}
    sound: dict[str, Any] = {"classes": advice, "status": [], "log": [], "exit": [], "follow_ups": []}
    assert parse_failure_table(sound).log == ()
    with pytest.raises(ValueError):
        parse_failure_table({**sound, **change})
