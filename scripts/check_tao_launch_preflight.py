#!/usr/bin/env python3
"""Check what must hold before a launch: platform, credentials (by name only), image, data, disk. Launches nothing.

Every check has a stable id, a status, evidence and a remedy. Exit codes: 0 ready, 2 there is something for you to do,
3 something could not be found out.

  scripts/check_tao_launch_preflight.py --platform local --path train=data/train.csv --effective-batch-limit train=32,1
"""

from __future__ import annotations

import argparse

from _door import Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    add = found.add_argument
    add("--platform", required=True, help="local, docker, kubernetes, slurm or brev")
    add(
        "--path",
        action="append",
        default=[],
        metavar="LABEL=PATH",
        help="a path or URI that jobs use; results, workspace and output are written to, other labels are read",
    )
    add("--container-image", metavar="IMAGE", help="the image of the jobs")
    add("--gpu-count", type=int, default=0, metavar="N", help="GPUs of one job (default: 0)")
    add(
        "--effective-batch-limit",
        action="append",
        default=[],
        metavar="LABEL=BATCH,SHARDS",
        help="batch size per shard and number of shards: one step must fit the samples of the path; repeatable",
    )
    add(
        "--json-required-field",
        action="append",
        default=[],
        metavar="LABEL=FIELD,…",
        help="fields that every record of a JSON or JSON-lines file must have; repeatable",
    )
    add("--min-free-disk-gb", type=float, default=1.0, metavar="GB", help="free space for results (default: 1)")
    add("--install-missing-tools", action="store_true", help="pip install the client or reader that a check lacks")
    add("--skip-platform-access", action="store_true", help="do not ask the platform; check the rest")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.preflight import PreflightRequest, parse_batch_limits, parse_fields, parse_paths, run_preflight

    request = PreflightRequest(
        platform=arguments.platform,
        paths=parse_paths(arguments.path),
        container_image=arguments.container_image,
        gpu_count=arguments.gpu_count,
        batch_limits=parse_batch_limits(arguments.effective_batch_limit),
        required_fields=parse_fields(arguments.json_required_field),
        min_free_disk_gb=arguments.min_free_disk_gb,
        install_missing_tools=arguments.install_missing_tools,
        skip_platform_access=arguments.skip_platform_access,
        bank=bank_root(),
    )
    report = run_preflight(request)
    return report.to_json(), report.to_text(), report.exit_code


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
