#!/bin/sh
# Pins what the extras that the tests use resolve to: remakes requirements.lock. Needs `uv`.
# usage: scripts/lock.sh
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
  -h | --help) sed -n '2,3s/^# //p' scripts/lock.sh; exit 0 ;;
esac
# torch is pinned by hand: the newest release brings gigabytes of CUDA packages where a CPU build of this one is at hand
echo 'torch==2.13.0' |
  uv pip compile pyproject.toml - --extra dev --extra tabular --extra parquet --extra torch --extra llm-train \
    --extra wandb --extra mlflow --extra tensorboard --extra optuna \
    --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url --quiet -o requirements.lock
sed -i -E '/^(nvidia-|cuda-|triton)/d' requirements.lock
