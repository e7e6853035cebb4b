# What run_defense.sh and run_attack.sh share; they set `here`.

# One sentence for bad usage, and status 2.
refuse() {
  echo "$(basename "$0"): $1" >&2
  exit 2
}

# Runs a command of the program on the model, with the flags that are given.
start() {
  local model=${ROBUST_TF_MODEL:-$here/model} root=${here%/*} python=python3
  if [[ ! -e $model ]]; then
    refuse "the model $model does not exist; expected ROBUST_TF_MODEL to name one."
  fi
  # In a container there is no virtual environment.
  [[ -x $root/.venv/bin/python ]] && python=$root/.venv/bin/python
  export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
  exec "$python" -m "$1" --model="$model" --label_offset="${ROBUST_TF_LABEL_OFFSET:-0}" "${@:2}"
}
