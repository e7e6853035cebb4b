#!/usr/bin/env bash
# The Feature Pyramid Decoder on MNIST at 32 pixels with three channels, around wrn-10-1: O is the network alone, FPD the
# network in the decoder, _pgd trained on attacked images; Linf 0.3.
#   results/mnist.sh DATA [RUNS]        (about an hour on two cores; the same command goes on where it was stopped)
# Writes run directories into RUNS (runs/mnist) and results/mnist/NAME.json.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/mnist}

row() { # NAME, the output that is attacked, flags
  local run="$runs/$1" out="results/mnist/$1"
  [ "$2" = logits ] || out="$out-$2"
  python -m robust_tf.train --flagfile=flags/mnist_32.cfg --data_dir="$data" --run_dir="$run" "${@:3}"
  python -m robust_tf.evaluate --model="$run" --attacks=clean,pgd-20,cw-20 --restarts=3 --attacked_output="$2" \
    --examples=1000 --output="$out.json"
}

both() { # NAME, flags: a head with a Tanh is attacked on either side of it
  row "$1" logits "${@:2}"
  row "$1" before_squeeze "${@:2}"
}

row o logits --method=standard
both o_elu_tanh --method=standard --activation=elu --head=tanh
row o_pgd logits --method=pgd_at
both fpd --method=fpd
both fpd_pgd --method=fpd --fpd_input=attack
python tools/compare results/mnist/{o,o_elu_tanh,o_pgd,fpd,fpd_pgd}.json
python tools/compare results/mnist/{o_elu_tanh,fpd,fpd_pgd}-before_squeeze.json
