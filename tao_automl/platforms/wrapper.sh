#!/bin/sh
# Runs one job, in the same way on every platform:
#
#     sh wrapper.sh COMMAND [ARGUMENT...]
#
# In the job's folder ($TAO_JOB_DIR, else the working directory) it leaves, and nowhere else:
#
#     claim/              made by the one wrapper that runs the job; any other finds it and leaves at once with code 0
#     claim/process.json  pid and identity of this script, and when it began
#     claim/group.json    pid of the command, which is its process group too, and identity
#     logs/job.log        stdout and stderr of the command, in the order in which they were written
#     exit.json           how it ended: written last, atomically, and after a failure too
#
# A task of a multi-node job with NODE_RANK n > 0 uses claim.n, logs/job.n.log and exit.n.json.
# A file named `cancel` in the folder, put there before a TERM, makes the record say "cancelled".
#
# Settings, all optional:
#
#     TAO_JOB_DIR         the job's folder
#     TAO_JOB_GRACE       whole seconds between TERM and KILL (10)
#     TAO_JOB_TIME_LIMIT  whole seconds after which the job is ended
#     TAO_JOB_UPLOAD      a script that is run with sh in the job's folder after the command, whatever became of it
#     MASTER_ADDR MASTER_PORT NNODES NODE_RANK NPROC_PER_NODE   given defaults where the platform did not set them
#
# The exit code is that of the command; 124 after the time limit, 143 after TERM, 74 if only the upload failed.
# exit.json: reason (exited, oom, timeout, cancelled, terminated), exit_code, signal, upload, started_at, ended_at.

job=
leader=
why=
killed=

now() {
    instant=$(date +%s.%N)
    case $instant in *[!0-9.]* | *. | .*) instant=$(date +%s) ;; esac
    printf %s "$instant"
}

# Waiting for a background sleep also collects children that ended, which a builtin sleep would not.
nap() {
    (sleep 0.05 2>/dev/null || sleep 1) &
    wait "$!"
}

# Tells process $1 from a later one with the same number.
identity() {
    if read -r stat 2>/dev/null <"/proc/$1/stat" && read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id; then
        # shellcheck disable=SC2086  # fields after the name, which is in parentheses and may have blanks
        set -- ${stat##*) }
        printf '%s/%s' "$boot" "${20}"
    else
        LC_ALL=C ps -o lstart= -p "$1" | sed 's/^ *//;s/ *$//'
    fi
}

# A reader sees all of file $1 or nothing of it.
record() {
    printf '%s\n' "$2" >"$1.tmp" && mv -f "$1.tmp" "$1"
}

oom_kills() {
    sed -n 's/^oom_kill //p' /proc/vmstat 2>/dev/null
}

# Processes of the job that left its group: they carry its mark in their environment.
strays() {
    if [ -n "$grep_sees_past_nul" ]; then
        grep -lsF "TAO_JOB_MARK=$mark;" /proc/[0-9]*/environ
    else
        for environ in /proc/[0-9]*/environ; do
            tr '\0' '\n' 2>/dev/null <"$environ" | grep -qxF "TAO_JOB_MARK=$mark;" && echo "$environ"
        done
    fi | sed 's,^/proc/,,;s,/environ$,,'
}

# Zombies do not count: whoever inherited them may be slow to collect them.
group_alive() {
    kill -s 0 -- "-$job" 2>/dev/null || return 1
    [ -r /proc/self/stat ] || return 0
    for file in /proc/[0-9]*/stat; do
        read -r stat 2>/dev/null <"$file" || continue
        # shellcheck disable=SC2086  # state, parent, group
        set -- ${stat##*) }
        [ "$3" != "$job" ] || [ "$1" = Z ] || return 0
    done
    return 1
}

alive() {
    group_alive || { [ -n "$leader" ] && kill -s 0 "$leader" 2>/dev/null; } || [ -n "$(strays)" ]
}

signal_all() {
    kill -s "$1" -- "-$job" 2>/dev/null
    for pid in $leader $(strays); do
        kill -s "$1" "$pid" 2>/dev/null
    done
}

# Waits up to $1 seconds until nothing of the job is left.
patience() {
    until_second=$(($(date +%s) + $1 + 1))
    while alive; do
        [ "$(date +%s)" -lt "$until_second" ] || return 1
        nap
    done
}

end_all() {
    alive || return 0
    signal_all TERM
    patience "$grace" && return
    killed=yes
    for _ in 1 2 3 4 5; do
        signal_all KILL
        patience 0 && return
    done
}

# Reminds this script when the time is up, until it hears; ends with it.
timer() {
    trap 'kill "$pause" 2>/dev/null; exit 0' TERM
    while left=$(($1 - $(date +%s))); [ "$left" -gt 0 ]; do
        kill -s 0 "$$" 2>/dev/null || exit 0
        [ "$left" -lt 10 ] || left=10
        sleep "$left" & pause=$!
        wait "$pause"
    done
    while kill -s ALRM "$$" 2>/dev/null; do
        sleep 1 & pause=$!
        wait "$pause"
    done
}

# In a session of its own, so that all of it can be ended while this script lives on.
launch() {
    if command -v setsid >/dev/null 2>&1; then
        TAO_JOB_MARK="$mark;" setsid -- "$@" </dev/null >"$pipe" 2>&1 &
    else
        set -m
        # shellcheck disable=SC2016
        TAO_JOB_MARK="$mark;" sh -c 'exec "$@"' sh "$@" </dev/null >"$pipe" 2>&1 &
        set +m
    fi
    job=$! leader=$!
}

# A wait that a signal interrupted says nothing of the command.
follow() {
    code=127
    while [ -z "$why" ]; do
        wait "$job"
        code=$?
        kill -s 0 "$job" 2>/dev/null || { leader=; break; }
    done
    end_all
    wait "$job" 2>/dev/null
    again=$?
    [ "$again" -eq 127 ] || code=$again
}

# The log ends when the last writer does; a process that nobody can find must not hold it for ever.
close_log() {
    last=$(($(date +%s) + 5))
    while kill -s 0 "$logger" 2>/dev/null && [ "$(date +%s)" -lt "$last" ]; do nap; done
    kill -s KILL "$logger" 2>/dev/null
    wait "$logger" 2>/dev/null
    rm -f "$pipe"
}

upload() {
    [ -n "${TAO_JOB_UPLOAD:-}" ] || { uploaded=null; return; }
    sh "$TAO_JOB_UPLOAD" </dev/null >>"$log" 2>&1
    uploaded=$?
}

# What ended the command, from why this script ended it, or from the exit code.
explain() {
    reason=$why signal=null
    if [ "$code" -gt 128 ] && [ "$code" -le 192 ] && name=$(kill -l $((code - 128)) 2>/dev/null); then
        signal="\"${name#SIG}\""
    fi
    [ "$why" != terminated ] || [ ! -e cancel ] || reason=cancelled
    [ -n "$reason" ] || reason=exited
    if [ "$code" -eq 137 ] && [ -z "$killed" ] && [ "$(oom_kills)" != "$oom_before" ]; then reason=oom; fi
}

finish() {
    case $reason in
        timeout) status=124 ;;
        cancelled | terminated) status=143 ;;
        *) status=$code; [ "$code" -ne 0 ] || [ "$uploaded" = null ] || [ "$uploaded" -eq 0 ] || status=74 ;;
    esac
    text="{\"reason\": \"$reason\", \"exit_code\": $code, \"signal\": $signal, \"upload\": $uploaded"
    record "$record" "$text, \"started_at\": $started, \"ended_at\": $(now)}"
    exit "$status"
}

prepare() {
    : "${MASTER_ADDR:=127.0.0.1}" "${MASTER_PORT:=29500}" "${NNODES:=${SLURM_NNODES:-1}}"
    : "${NODE_RANK:=${SLURM_NODEID:-${JOB_COMPLETION_INDEX:-0}}}" "${NPROC_PER_NODE:=1}"
    export MASTER_ADDR MASTER_PORT NNODES NODE_RANK NPROC_PER_NODE
    case $NODE_RANK in
        0) rank= ;;
        *[!0-9]*) echo "wrapper: NODE_RANK must be a number, got $NODE_RANK" >&2; exit 1 ;;
        *) rank=.$NODE_RANK ;;
    esac
    claim=claim$rank log=logs/job$rank.log record=exit$rank.json pipe=claim$rank/pipe
    grace=${TAO_JOB_GRACE:-10}
    CDPATH='' cd -- "${TAO_JOB_DIR:-.}" || exit 1
}

claim_job() {
    mkdir "$claim" 2>/dev/null && return
    [ -d "$claim" ] && exit 0
    echo "wrapper: cannot write in the job's folder" >&2
    exit 1
}

open_log() {
    mkdir -p logs || exit 1
    if ! mkfifo "$pipe" 2>/dev/null; then  # some network file systems have none
        pipe=${TMPDIR:-/tmp}/tao-job.$$
        mkfifo -m 600 "$pipe" || exit 1
    fi
    (trap '' TERM INT HUP; exec tee -a "$log" <"$pipe") &
    logger=$!
}

main() {
    prepare
    trap 'why=${why:-terminated}' TERM INT HUP
    trap 'why=${why:-timeout}' ALRM
    claim_job
    started=$(now) self=$(identity "$$") oom_before=$(oom_kills) timer=
    mark="$self/$$" grep_sees_past_nul=$(printf 'a\0b' | grep -cF b)
    [ "$grep_sees_past_nul" = 1 ] || grep_sees_past_nul=
    record "$claim/process.json" "{\"pid\": $$, \"identity\": \"$self\", \"started_at\": $started}" || exit 1
    [ ! -e "$record" ] || exit 0  # somebody gave this script up
    [ ! -e cancel ] || why=terminated
    if [ -n "$why" ]; then
        code=143 uploaded=null
    else
        open_log
        if [ -n "${TAO_JOB_TIME_LIMIT:-}" ]; then
            timer $((${started%.*} + TAO_JOB_TIME_LIMIT + 1)) </dev/null >/dev/null 2>&1 &
            timer=$!
        fi
        launch "$@"
        record "$claim/group.json" "{\"pid\": $job, \"identity\": \"$(identity "$job")\"}"
        follow
        [ -z "$timer" ] || kill "$timer" 2>/dev/null
        close_log
        upload
    fi
    explain
    finish
}

main "$@"
