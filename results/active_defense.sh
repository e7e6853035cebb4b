#!/usr/bin/env bash
# Active Defense (paper 4) on CIFAR-10, attacked as the paper does, as it adapts, and through the defence.
#   results/active_defense.sh DATA [RUNS]       (a day of two cores, most of it evaluation; the same command goes on where
#                                                it was stopped)
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

larger_steps() { # times the calibrated beta
  awk -F= -v times="$1" '/defense_beta/ { print $2 * times }' "$smooth/active_defense.cfg"
}

python -m robust_tf.train --flagfile=flags/cifar10_10k.cfg --method=smoothing --data_dir="$data" --run_dir="$smooth"
for run in "$smooth" "$standard"; do
  [ -s "$run/active_defense.cfg" ] || python -m robust_tf.calibrate --model="$run" --data_dir="$data"
done

# (a) The paper's protocol: AutoAttack's four attacks, each by itself on the bare network and to its last step, decided by
# the defence, on 500 images. A loop ends after 100 steps at the latest, since a decision of 400, which one row has to
# compare, takes a quarter of a second.
paper=transfer:apgd-ce@bare,transfer:apgd-t@bare,transfer:fab-t@bare,transfer:square@bare
protocol() { # RESULT, MODEL, EPS, flags of the defence
  evaluate "$1-$3" "$2" --attacks=$paper --examples=500 --eps="$3/255" --defense=active "${@:4}"
}
for eps in 8 16; do
  protocol bare "$smooth" $eps --defense_sigma=0 --defense_cap=0
  protocol noise "$smooth" $eps --defense_cap=0
  protocol noise-10-loops "$smooth" $eps --defense_cap=0 --defense_loops=10
  protocol both "$smooth" $eps --defense_cap=100
  protocol loop "$smooth" $eps --defense_sigma=0 --defense_cap=100
  evaluate "pgd_at-$eps" "$runs/pgd_at" --attacks=autoattack --examples=500 --eps=$eps/255
  protocol standard "$standard" $eps --defense_cap=100
done
protocol both-cap-400 "$smooth" 8 --defense_cap=400

# (b) The paper's adaptive attack, equation 4, on 200 images; lambda = 0 is the first.
adaptive=transfer:apgd-ce@bare
for weight in 0.1 0.562 3.16 17.8 100; do
  adaptive+=,transfer:apgd-lf:$weight@bare,transfer:apgd-lf:-$weight@bare
done
evaluate adaptive "$smooth" --attacks="$adaptive" --examples=200 --defense=active --defense_cap=100

# (c) Through the defence, on 50 images. Gradients go through 20 steps of 15 times the size, which lead about as far as the
# median image's 300, black-box attacks ask what decides, 500 times an image; and once the whole loop is gone through.
through=autoattack-rand,square,nattack
for draws in "" -eot10; do
  through+=,apgd-ce$draws
done
for draws in "" -eot10 -eot20; do
  through+=,transfer:apgd-ce$draws@noise,transfer:apgd-ce$draws@softened
done
fast=(--defense_attacked_cap=20 --defense_attacked_beta="$(larger_steps 15)")
evaluate through "$smooth" --attacks=$through --examples=50 --defense=active --defense_cap=400 "${fast[@]}" --queries=500
evaluate whole-loop "$smooth" --attacks=apgd-ce --examples=50 --defense=active --defense_cap=400 --decisions=100 \
  --submissions=1,10,100
evaluate most-steps "$smooth" --attacks=transfer:apgd-steps@noise --examples=50 --defense=active

# The dearest of (a), ten loops, comes last.
for eps in 8 16; do
  protocol both-10-loops "$smooth" $eps --defense_cap=100 --defense_loops=10
  protocol standard-10-loops "$standard" $eps --defense_cap=100 --defense_loops=10
done

for eps in 8 16; do
  python tools/compare results/active_defense/{bare,noise,noise-10-loops,loop,both,both-10-loops,standard,standard-10-loops}-$eps.json
done
