#!/usr/bin/env bash
# Active Defense (paper 4) on CIFAR-10, attacked as the paper does, as it adapts, and through the defence.
#   results/active_defense.sh DATA [RUNS]       (about ten hours of two cores, most of them evaluation; the same command
#                                                goes on where it was stopped)
# Needs the runs of results/cifar10.sh in RUNS (runs/cifar10), trains and calibrates one with feature smoothing beside
# them, and writes results/active_defense/*.json. Images made on the bare network are kept in RUNS/transfers, so that each
# setting of the defence judges the same ones.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/cifar10}
smooth=$runs/smoothing standard=$runs/standard

evaluate() { # RESULT, MODEL, flags
  local out=results/active_defense/$1.json
  [ -s "$out" ] || python -m robust_tf.evaluate --model="$2" --data_dir="$data" --keep_transfers="$runs/transfers" \
    --batch_size=250 --noverdict --output="$out" "${@:3}"
}

python -m robust_tf.train --flagfile=flags/cifar10_10k.cfg --method=smoothing --data_dir="$data" --run_dir="$smooth"
for run in "$smooth" "$standard"; do
  [ -s "$run/active_defense.cfg" ] || python -m robust_tf.calibrate --model="$run" --data_dir="$data"
done

# (a) The paper's protocol: AutoAttack's four attacks, each by itself on the bare network and to its last step, decided by
# the defence, on 500 images. A loop ends after 400 steps at the latest, and after 100 where ten are averaged.
paper=transfer:apgd-ce@bare,transfer:apgd-t@bare,transfer:fab-t@bare,transfer:square@bare
protocol() { # RESULT, MODEL, flags of the defence
  for eps in 8 16; do
    evaluate "$1-$eps" "$2" --attacks=$paper --examples=500 --eps=$eps/255 --defense=active "${@:3}"
  done
}
protocol bare "$smooth" --defense_sigma=0 --defense_cap=0
protocol noise "$smooth" --defense_cap=0
protocol loop "$smooth" --defense_sigma=0 --defense_cap=400
protocol both "$smooth" --defense_cap=400
protocol standard "$standard" --defense_cap=400
protocol both-10-loops "$smooth" --defense_cap=100 --defense_loops=10
for eps in 8 16; do
  evaluate "pgd_at-$eps" "$runs/pgd_at" --attacks=autoattack --examples=500 --eps=$eps/255
done

# (b) The paper's adaptive attack, equation 4, on 200 images.
adaptive=
for weight in 0.1 0.562 3.16 17.8 100; do
  adaptive+=,transfer:apgd-lf:$weight@bare,transfer:apgd-lf:-$weight@bare
done
evaluate adaptive "$smooth" --attacks="${adaptive#,}" --examples=200 --defense=active --defense_cap=400

# (c) Through the defence, on 50 images: attacks go through the first 10 steps of the loop, black-box ones have 2,000 queries.
through=autoattack-rand,square,nattack,transfer:apgd-steps@noise
for draws in "" -eot10 -eot20; do
  through+=,apgd-ce$draws,transfer:apgd-ce$draws@noise,transfer:apgd-ce$draws@softened
done
evaluate through "$smooth" --attacks=$through --examples=50 --defense=active --defense_cap=400 --defense_attacked_cap=10 \
  --queries=2000 --submissions=1,10,100
