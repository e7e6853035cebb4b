#!/usr/bin/env bash
# The Feature Pyramid Decoder on MNIST at 32 pixels with three channels, around wrn-10-1: O is the network alone, FPD the
# network in the decoder, _pgd trained on attacked images; Linf 0.3.
#   results/mnist.sh DATA [RUNS]        (about an hour on two cores, AutoAttack not counted; the same command
#                                        goes on where it was stopped)
# Writes run directories into RUNS (runs/mnist), results/mnist/NAME.json and, of AutoAttack, NAME-autoattack.json.
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

autoattack() { # NAME, more attacks: AutoAttack takes both sides of a squeeze by itself
  python -m robust_tf.evaluate --model="$runs/$1" --attacks="autoattack$2" --examples=500 --batch_size=250 \
    --output="results/mnist/$1-autoattack.json"
}

row o logits --method=standard
both o_elu_tanh --method=standard --activation=elu --head=tanh
row o_pgd logits --method=pgd_at
both fpd --method=fpd
both fpd_pgd --method=fpd --fpd_input=attack
# Round a decoder: past its restoration in the backward pass, through one pass only, with an eye on what it restores, and with
# what fools the network alone.
decoder=,transfer:pgd-100@identity,transfer:pgd-100@one-pass,shift-100,transfer:pgd-100@$runs/o
for name in o o_elu_tanh o_pgd; do autoattack $name ""; done
for name in fpd fpd_pgd; do autoattack $name "$decoder"; done
python tools/compare results/mnist/{o,o_elu_tanh,o_pgd,fpd,fpd_pgd}.json
python tools/compare results/mnist/{o_elu_tanh,fpd,fpd_pgd}-before_squeeze.json
