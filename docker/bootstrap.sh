#!/bin/bash
# The container's command: prepares the directories, has the program check its settings and get the
# weights (`echo-tts worker --prepare`), then becomes the worker. Running it again changes nothing.
#
#   bootstrap.sh [--warmup] [--check] [option of `echo-tts worker`...]
#   bootstrap.sh COMMAND [argument...]       another command of echo-tts, e.g. doctor
#
# Started as root it prepares the volume, which the platform mounts as root's, and goes on as
# ECHO_USER. Exit codes before the worker begins: 0 (--check passed), 1 (volume, disk, download),
# 2 (the environment is wrong), 128 + signal. docs/deploy.md lists the lines it prints.
set -u
umask 022

program=${ECHO_PROGRAM:-echo-tts}
volume=${ECHO_VOLUME:-/runpod-volume}
local_dir=${ECHO_LOCAL_DIR:-/var/lib/echo-tts}
baked_model=${ECHO_BAKED_MODEL:-/opt/echo-tts/model}
user=${ECHO_USER:-echo-tts}

# ---- log lines, in the form of the worker's ----------------------------------------------------

early=()  # lines from before the log file was chosen
say() {   # say LEVEL MESSAGE
  local line message=${2//[[:cntrl:]]/ }
  if [ -n "${RUNPOD_ENDPOINT_ID:-}" ]; then
    message=${message//\\/\\\\}
    line="{\"requestId\": null, \"message\": \"${message//\"/\\\"}\", \"level\": \"$1\"}"
  else
    printf -v line '%-7s| %s' "$1" "$message"
  fi
  printf '%s\n' "$line"
  if [ -n "${ECHO_LOG_FILE:-}" ]; then
    printf '%s\n' "$line" 2>/dev/null >>"$ECHO_LOG_FILE" || true
  else
    early+=("$line")
  fi
}
fail() {  # fail CODE MESSAGE
  say ERROR "$2"
  exit "$1"
}

# ---- what is asked for ---------------------------------------------------------------------------

is_true() { [[ ${1,,} =~ ^(1|true|yes|on)$ ]]; }
warm_up=false
check_only=false
given=("$@")
command=worker
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  command=$1
  shift
fi
arguments=()
for argument; do
  case $command:$argument in
    worker:--warmup) warm_up=true ;;
    worker:--check) check_only=true ;;
    *) arguments+=("$argument") ;;
  esac
done

# ---- as root: what only root can do --------------------------------------------------------------

# Gives the user a folder that it may write, however the volume was mounted. The platform's own
# files in it stay as they are.
hand_over() {
  mkdir -p "$1" 2>/dev/null || return 0
  "${drop[@]}" test -w "$1" || chown "$user:" "$1" 2>/dev/null
  return 0
}

if [ "$(id -u)" -eq 0 ] && [ "$user" != root ]; then
  id "$user" >/dev/null 2>&1 || fail 1 "user $user does not exist in this image"
  drop=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs)
  if [ -d "$volume" ]; then
    for dir in "$volume/echo-tts" "$volume/echo-tts/logs" "$volume/echo-tts/voice_cache" \
      "$volume/echo-tts/cache" "$volume/echo-tts/served_audio" "$volume/huggingface-cache" "$volume/huggingface-cache/hub" \
      "${AUDIO_VOICES_DIR:-$volume/echo-tts/audio_voices}" \
      "${OUTPUT_AUDIO_DIR:-$volume/echo-tts/output_audio}"; do
      hand_over "$dir"
    done
  fi
  hand_over "$local_dir"
  # A load balancer's port may be 80.
  if [ "${PORT:-8000}" -lt 1024 ] 2>/dev/null || [ "${PORT_HEALTH:-8000}" -lt 1024 ] 2>/dev/null; then
    "${drop[@]}" --inh-caps +net_bind_service --ambient-caps +net_bind_service true 2>/dev/null &&
      drop+=(--inh-caps +net_bind_service --ambient-caps +net_bind_service)
  fi
  export HOME=$local_dir
  # The first process of a container passes signals on and reaps what others leave.
  [ $$ -ne 1 ] || drop+=(tini -g --)
  exec "${drop[@]}" "$0" "${given[@]}"
fi
[ $$ -ne 1 ] || exec tini -g -- "$0" "${given[@]}"

# ---- directories ---------------------------------------------------------------------------------

# Whether the folder exists, or can be made, and takes a few kilobytes; else $reason says why not.
usable() {
  local probe
  reason=$(mkdir -p "$1" 2>&1) || { reason=${reason##*: }; return 1; }
  # Workers share the folder, and each may be process 1 of its container.
  probe=$(mktemp "$1/.echo-tts-probe.XXXXXXXXXX" 2>&1) || { reason=${probe##*: }; return 1; }
  find "$1" -maxdepth 1 -name '.echo-tts-probe.*' -mmin +10 -delete 2>/dev/null || true
  if reason=$( { head -c 8192 /dev/zero >"$probe"; } 2>&1) && [ -s "$probe" ]; then
    rm -f "$probe"
    return 0
  fi
  rm -f "$probe"
  reason=${reason##*: }
  return 1
}

# keep NAME WANTED LOCAL: sets the variable NAME to the wanted folder, or to the local one with a line.
keep() {
  local wanted=${!1:-$2}
  if [[ $wanted = "$volume"/* ]] && [ "$volume_usable" = false ]; then
    wanted=$3
    usable "$wanted" || fail 1 "$1: $wanted cannot be written ($reason), and the volume cannot either"
  elif ! usable "$wanted"; then
    say WARN "$1: $wanted cannot be written ($reason); using $3"
    wanted=$3
    usable "$wanted" || fail 1 "$1: $wanted cannot be written ($reason)"
  fi
  export "$1=$wanted"
}

volume_usable=true
if [ ! -d "$volume" ]; then
  volume_usable=false
  problem="No volume at $volume"
elif ! usable "$volume/echo-tts"; then
  volume_usable=false
  problem="Volume $volume cannot be written ($reason)"
fi
if [ "$volume_usable" = false ]; then
  ! is_true "${ECHO_REQUIRE_VOLUME:-}" || fail 1 "$problem, and ECHO_REQUIRE_VOLUME is set"
  say WARN "$problem: downloads, unsent audio and logs go to $local_dir and are lost with this container"
fi

keep ECHO_LOG_DIR "$volume/echo-tts/logs" "$local_dir/logs"
if [ -z "${ECHO_LOG_FILE:-}" ]; then
  name=worker-${RUNPOD_POD_ID:-$(hostname)}
  export ECHO_LOG_FILE="$ECHO_LOG_DIR/${name//[^A-Za-z0-9._-]/_}.log"
  for line in "${early[@]}"; do printf '%s\n' "$line" 2>/dev/null >>"$ECHO_LOG_FILE" || true; done
  # Logs of workers that are gone.
  find "$ECHO_LOG_DIR" -maxdepth 1 -name 'worker-*.log*' -mtime "+${ECHO_LOG_DAYS:-7}" -delete \
    2>/dev/null || true
fi
keep OUTPUT_AUDIO_DIR "$volume/echo-tts/output_audio" "$local_dir/output_audio"
keep ECHO_SERVED_DIR "$volume/echo-tts/served_audio" "$local_dir/served_audio"
keep ECHO_VOICE_CACHE "$volume/echo-tts/voice_cache" "$local_dir/voice_cache"
# Which matrix algorithms are the fastest on a device is measured once.
keep XDG_CACHE_HOME "$volume/echo-tts/cache" "$local_dir/cache"
keep HF_HUB_CACHE "${HF_HOME:-$volume/huggingface-cache}/hub" "$local_dir/huggingface/hub"
export HF_HOME=${HF_HOME:-$volume/huggingface-cache}
# Voices are only read.
export AUDIO_VOICES_DIR=${AUDIO_VOICES_DIR:-$volume/echo-tts/audio_voices}
[[ $volume_usable = false && $AUDIO_VOICES_DIR = "$volume"/* ]] || mkdir -p "$AUDIO_VOICES_DIR" 2>/dev/null || true
[ -d "$AUDIO_VOICES_DIR" ] ||
  say WARN "AUDIO_VOICES_DIR: there is no folder $AUDIO_VOICES_DIR; only jobs without speaker_voice can be done"
if [ -z "${ECHO_MODEL_DIR:-}" ] && [ -n "$(ls -A "$baked_model" 2>/dev/null)" ]; then
  export ECHO_MODEL_DIR=$baked_model
fi
cd "$local_dir" 2>/dev/null || cd /tmp || exit 1

if [ "$command" != worker ]; then
  exec "$program" "$command" "${arguments[@]}"
fi

# ---- what the program checks and gets before it starts -------------------------------------------

# Inside a container nobody else reaches the loopback address.
export ECHO_API_HOST=${ECHO_API_HOST:-0.0.0.0}
export ECHO_HEALTH_FILE=${ECHO_HEALTH_FILE:-/tmp/echo-tts.health}

# Runs a command so that a signal ends it and this script. No process may be left behind: the
# worker would be its parent and reap nothing.
interruptible() {
  local child status
  "$@" &
  child=$!
  trap 'kill -TERM $child 2>/dev/null; wait $child; exit 143' TERM
  trap 'kill -TERM $child 2>/dev/null; wait $child; exit 130' INT
  wait "$child"
  status=$?
  trap - TERM INT
  return "$status"
}

interruptible "$program" worker --prepare "${arguments[@]}" || exit $?
if [ "$warm_up" = true ]; then
  interruptible "$program" worker --warmup "${arguments[@]}" || fail $? "The warm-up failed; the lines above say why"
fi
if [ "$check_only" = true ]; then
  # A server would download them while it answers its health checks.
  interruptible "$program" download --if-missing >/dev/null || fail $? "The weights are not there and cannot be downloaded; the lines above say why"
  say INFO "bootstrap: everything is in place"
  exit 0
fi

exec "$program" worker "${arguments[@]}"
