#!/usr/bin/env bash
# The methods at equal budgets on CIFAR-10: the first 1,000 training images of each class, wrn-16-2, 8 epochs, Linf 8/255.
#   results/cifar10.sh DATA [RUNS]        (80 minutes of training on two cores, and up to half an hour of AutoAttack a row
#                                          and radius; the same command goes on where it was stopped)
# Writes run directories into RUNS (runs/cifar10), results/cifar10/NAME.json and, of AutoAttack, NAME-autoattack.json and
# NAME-autoattack-0.03.json. The training attack of all but bat is 3 steps of 4/255.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/cifar10}

row() { # NAME, flags
  python -m robust_tf.train --flagfile=flags/cifar10_10k.cfg --data_dir="$data" --run_dir="$runs/$1" "${@:2}"
  python -m robust_tf.evaluate --model="$runs/$1" --attacks=clean,pgd-20,cw-20 --restarts=3 --examples=1000 \
    --output="results/cifar10/$1.json"
  autoattack "$1" 8/255 autoattack
  autoattack "$1" 0.03 autoattack-0.03
}

autoattack() { # NAME, epsilon, what the result is called
  python -m robust_tf.evaluate --model="$runs/$1" --attacks=autoattack --eps="$2" --examples=500 --batch_size=250 \
    --output="results/cifar10/$1-$3.json"
}

row standard --method=standard
row pgd_at --method=pgd_at
row trades --method=trades
row rlfat_p --method=rlfat_p
row rlfat_t --method=rlfat_t
row r_mc_la --method=bat --attack_steps=1 --attack_step_size=8/255
python tools/compare results/cifar10/{standard,pgd_at,trades,rlfat_p,rlfat_t,r_mc_la}.json
