#!/bin/bash
# The container's command: prepares the directories, checks the environment, finds or downloads the
# weights, then becomes the worker. Running it again changes nothing.
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
health_file=${ECHO_HEALTH_FILE:-/tmp/echo-tts.health}
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
serve_api=false
! is_true "${ECHO_SERVE_API:-}" || serve_api=true
given=("$@")
api_port=8000
api_host_given=false
storage_given=false
local_run=false
mode=${ECHO_WORKER_MODE:-auto}
arguments=()
command=worker
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  command=$1
  shift
  arguments=("$@")
  set --
fi
while [ $# -gt 0 ]; do
  case $1 in
    --warmup) warm_up=true; shift; continue ;;
    --check) check_only=true; shift; continue ;;
    --rp_serve_api) serve_api=asked ;;
    --rp_api_port=*) api_port=${1#*=} ;;
    --rp_api_port) api_port=${2:-} ;;
    --rp_api_host | --rp_api_host=*) api_host_given=true ;;
    --storage | --storage=*) storage_given=true ;;
    --test_input | --test_input=*) local_run=true ;;
    --mode=*) mode=${1#*=} ;;
    --mode) mode=${2:-} ;;
  esac
  arguments+=("$1")
  shift
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

# ---- environment ---------------------------------------------------------------------------------

problems=0
wrong() {
  say ERROR "$1"
  problems=$((problems + 1))
}
integer() {  # integer NAME LEAST MOST
  local value=${!1:-}
  [ -n "$value" ] || return 0
  if [[ ! $value =~ ^[0-9]{1,15}$ ]] || [ "$((10#$value))" -lt "$2" ] || [ "$((10#$value))" -gt "$3" ]; then
    wrong "$1: found \"${value:0:40}\", expected an integer from $2 to $3"
  fi
}
address() {
  local value=${!1:-}
  [ -z "$value" ] || [[ $value =~ ^https?://[^/]+ ]] ||
    wrong "$1: expected an address that begins with https:// or http://"
}

# A folder in place of a bucket: for trials, since only who sees that folder sees the results.
if [ -n "${ECHO_STORAGE_DIR:-}" ] && [ "$storage_given" = false ]; then
  usable "$ECHO_STORAGE_DIR" || wrong "ECHO_STORAGE_DIR: $ECHO_STORAGE_DIR cannot be written ($reason)"
  arguments+=(--storage "$ECHO_STORAGE_DIR")
  storage_given=true
fi

integer MAX_TEXT_CHARS 1 1000000
integer ECHO_CONCURRENCY 0 256
integer ECHO_QUEUE_CAPACITY 1 100000
integer ECHO_LOG_MAX_BYTES 4096 1099511627776
integer ECHO_LOG_FILES 0 100
integer S3_PRESIGN_TTL_SECONDS 1 604800
integer OUTPUT_RETENTION_HOURS 0 8760
integer OUTPUT_MAX_BYTES 0 999999999999999
integer HF_HUB_DOWNLOAD_TIMEOUT 1 86400
integer PORT 1 65535
integer PORT_HEALTH 1 65535
for name in S3_ENDPOINT_URL BUCKET_ENDPOINT_URL HF_ENDPOINT ECHO_PUBLIC_URL; do address "$name"; done
[[ ! ${HF_TOKEN:-} =~ [[:space:]] ]] || wrong "HF_TOKEN has a space or a line break, which no token has"

# As the worker itself chooses.
if [ "$mode" = load-balancer ]; then
  mode=balancer
elif [ "$mode" != auto ]; then
  [[ $mode =~ ^(queue|api|local)$ ]] ||
    wrong "ECHO_WORKER_MODE: found \"${mode:0:40}\", expected auto, queue, load-balancer, api or local"
elif [ "$serve_api" != false ]; then
  mode=api
elif [ "${RUNPOD_REALTIME_PORT:-0}" != 0 ]; then
  mode=realtime
  api_port=$RUNPOD_REALTIME_PORT
elif [ "$local_run" = true ]; then
  mode=local
elif [ -n "${RUNPOD_WEBHOOK_GET_JOB:-}" ]; then
  mode=queue
elif [ -n "${PORT:-}${PORT_HEALTH:-}" ] && [ -n "${RUNPOD_ENDPOINT_ID:-}" ]; then
  mode=balancer
else
  mode=local
fi
[ "$mode" != balancer ] || api_port=${PORT_HEALTH:-${PORT:-80}}

bucket_problems=()
for name in S3_ENDPOINT_URL S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY S3_BUCKET_NAME; do
  other=${name/#S3_/BUCKET_}  # the platform's own names
  other=${other/BUCKET_BUCKET/BUCKET}
  [ -n "${!name:-}${!other:-}" ] || bucket_problems+=("$name is not set")
done
case $mode in
  queue)
    if [ "$storage_given" = false ]; then
      for problem in "${bucket_problems[@]}"; do wrong "$problem"; done
    fi
    [ -n "${RUNPOD_WEBHOOK_POST_OUTPUT:-}" ] ||
      wrong "RUNPOD_WEBHOOK_POST_OUTPUT is not set, though RUNPOD_WEBHOOK_GET_JOB is: results could not be returned"
    for name in RUNPOD_WEBHOOK_PING RUNPOD_AI_API_KEY RUNPOD_POD_ID; do
      [ -n "${!name:-}" ] || say WARN "$name is not set: no heartbeats, the platform may take this worker for dead"
    done
    ;;
  api)
    # Inside a container nobody else reaches the loopback address.
    [ "$serve_api" != true ] || arguments+=(--rp_serve_api)
    [ "$api_host_given" = true ] || arguments+=(--rp_api_host 0.0.0.0)
    ;;&
  api | realtime | balancer)
    if [ "$storage_given" = false ] && [ ${#bucket_problems[@]} -gt 0 ]; then
      keep ECHO_SERVED_DIR "$volume/echo-tts/served_audio" "$local_dir/served_audio"
      arguments+=(--storage "$ECHO_SERVED_DIR")
      say WARN "No bucket (${bucket_problems[0]}): results are kept in $ECHO_SERVED_DIR and linked from here"
    fi
    ;;&
  api | realtime)
    [ -n "${ECHO_API_KEYS:-}" ] || say WARN "ECHO_API_KEYS is not set: whoever reaches port $api_port may use the API"
    ;;
esac
[ "$problems" -eq 0 ] || fail 2 "The environment has $problems problem(s), listed above; docs/deploy.md explains the variables"

# ---- weights -------------------------------------------------------------------------------------

# Runs a command so that a signal ends it and this script.
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

# A server answers its health checks while it loads, so there the worker itself downloads.
if [ "$mode" = queue ] || [ "$warm_up" = true ] || [ "$check_only" = true ]; then
  # What it says is shown as it comes, and its last line remembered. No process may be left behind:
  # the worker would be its parent and reap nothing.
  errors=$(mktemp) || fail 1 "no temporary file can be made"
  exec 4> >(exec tee "$errors" >&2)
  shown=$!
  interruptible "$program" download --if-missing >/dev/null 2>&4 4>&-
  status=$?
  exec 4>&-
  wait "$shown"
  last=$(tail -n 1 "$errors")
  rm -f "$errors"
  if [ "$status" -ne 0 ]; then
    say ERROR "The weights are not there and cannot be downloaded: ${last#echo-tts: }"
    [ -n "${HF_TOKEN:-}" ] ||
      say ERROR "HF_TOKEN is not set; a repository that asks for a token needs one that may read it"
    exit "$status"
  fi
fi

if [ "$warm_up" = true ]; then
  interruptible "$program" worker --warmup "${arguments[@]}" || fail $? "The warm-up failed; the lines above say why"
fi
if [ "$check_only" = true ]; then
  say INFO "bootstrap: everything is in place ($mode)"
  exit 0
fi

# ---- the worker takes this process over ----------------------------------------------------------

case $mode in
  api | realtime) health="$api_port /ping" ;;
  balancer) health="$api_port ${HEALTH_CHECK_PATH:-/ping}" ;;
  queue) health=${ECHO_METRICS_PORT:+$ECHO_METRICS_PORT /ping} ;;
  *) health= ;;
esac
printf '%s %s\n' $$ "$health" 2>/dev/null >"$health_file" || true
exec "$program" worker "${arguments[@]}"
