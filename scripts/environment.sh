# Sourced by the scripts beside it: finds a Python, makes a virtual environment, installs what the lock file names.

find_python() {
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "error: no Python 3.11 or newer was found" >&2
  echo "hint: install one, or name it: PYTHON=/path/to/python3.11 $0" >&2
  return 2
}

# Packages of the system that some tests need. Where they cannot be installed, those tests are skipped and say so.
install_system_packages() {
  command -v apt-get >/dev/null 2>&1 || return 0
  missing=
  command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
  command -v busybox >/dev/null 2>&1 || missing="$missing busybox"
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then root=; elif sudo -n true 2>/dev/null; then root=sudo; else return 0; fi
  echo "Installing system packages:$missing ..." >&2
  # shellcheck disable=SC2086  # a list of words on purpose
  { $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing; } \
    >/tmp/tao-automl-apt.$$ 2>&1 || { tail -n 3 /tmp/tao-automl-apt.$$ >&2; echo "warning: some tests will be skipped" >&2; }
  rm -f /tmp/tao-automl-apt.$$
}

# make_environment FOLDER PIP-ARGUMENTS...: repeatable; quick when nothing has changed.
make_environment() {
  folder=$1
  shift
  python=$(find_python) || exit 2
  stamp="$* $(cat pyproject.toml requirements.lock | cksum)"
  if [ "$(cat "$folder/.installed" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  echo "Setting up $folder (once) ..." >&2
  if ! "$python" -m venv "$folder" >"/tmp/tao-automl-venv.$$" 2>&1; then
    cat "/tmp/tao-automl-venv.$$" >&2
    rm -f "/tmp/tao-automl-venv.$$"
    echo "hint: on Debian and Ubuntu the module venv is a package of its own: apt-get install python3-venv" >&2
    exit 2
  fi
  rm -f "/tmp/tao-automl-venv.$$"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --constraint requirements.lock "$@"
  printf '%s' "$stamp" >"$folder/.installed"
}
