#!/bin/sh
# A real search on this machine: makes a virtual environment, sample data, and tunes `train-tabular` with ASHA.
# usage: scripts/quickstart.sh [WORKSPACE]      (default: runs/quickstart, then runs/quickstart-2, ...)
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh

case "${1:-}" in
  -h | --help) sed -n '2,3s/^# //p' scripts/quickstart.sh; exit 0 ;;
esac

make_environment .venv -e '.[tabular]'

workspace=${1:-}
if [ -z "$workspace" ]; then
  workspace=runs/quickstart number=2
  while [ -e "$workspace" ]; do
    workspace=runs/quickstart-$number number=$((number + 1))
  done
fi

data=runs/data/digits
[ -e "$data/eval.csv" ] ||
  .venv/bin/python skills/models/train-tabular/scripts/make_sample_data.py "$data" --dataset digits >/dev/null

exec .venv/bin/tao-automl run train-tabular --platform local --workspace "$workspace" --algorithm asha \
  --train-data "$data/train.csv" --eval-data "$data/eval.csv" --max-trials 24 --max-concurrent 2 --seed 1 --yes
