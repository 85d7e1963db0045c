#!/bin/sh
# The whole test suite in an environment of its own, from the locked dependencies.
# usage: scripts/test.sh [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

case "${1:-}" in
  -h | --help) sed -n '2,3s/^# //p' scripts/test.sh; exit 0 ;;
esac

install_system_packages
make_environment .venv-test -e '.[dev,tabular,parquet,torch,llm-train,wandb,mlflow,tensorboard,optuna]'
exec .venv-test/bin/python -m pytest -n "${TEST_PROCESSES:-2}" "$@"
