#!/bin/sh
# What an agent learns when a session starts: what this plugin is, where its bank lies, and which credentials are set.
# Names only: no value is read into text, written or passed on. Needs a POSIX shell and sed; always ends with 0.
# usage: hooks/session_start.sh
set -u
set +x # a traced shell would show values

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 0
version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$here/.claude-plugin/plugin.json" 2>/dev/null | head -n 1)

present='' absent=''
for name in \
  NGC_KEY NGC_API_KEY HF_TOKEN WANDB_API_KEY \
  AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_PROFILE ACCESS_KEY SECRET_KEY \
  BREV_API_TOKEN OPENAI_API_KEY; do
  state=''
  eval "state=\${$name:+set}" # expands to the word `set`, never to the value
  if [ "$state" = set ]; then present="$present $name"; else absent="$absent $name"; fi
done

echo "tao-automl ${version:-of unknown version}: hyperparameter search as real training jobs, and a bank of skills."
echo "Skill bank: $here (read AGENTS.md there first; scripts/list_tao_capabilities.py lists what it can do)."
if command -v tao-automl >/dev/null 2>&1; then
  echo "The command tao-automl is installed."
else
  echo "The command tao-automl is not on PATH; the skill tao-setup says how to install it."
fi
echo "Set, by name only:${present:- none}."
echo "Not set:${absent:- none}. Ask nobody for a value: say which name is needed, and let the user export it."
exit 0
