#!/usr/bin/env bash
# Active Defense (paper 4) on CIFAR-10, attacked as the paper does, as it adapts, and through the defence.
#   results/active_defense.sh DATA [RUNS]       (half a day of two cores, most of it AutoAttack's; the same command goes on
#                                                where it was stopped)
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
    --batch_size=100 --noverdict --output="$out" "${@:3}"
}

python -m robust_tf.train --flagfile=flags/cifar10_10k.cfg --method=smoothing --data_dir="$data" --run_dir="$smooth"
for run in "$smooth" "$standard"; do
  [ -s "$run/active_defense.cfg" ] || python -m robust_tf.calibrate --model="$run" --data_dir="$data"
done

# The feature loss is piecewise linear: 25 steps of 40 times the calibrated size lead where 1,000 of the calibrated ones
# do, at a twentieth of the time. The first two results show it.
defended() { # RESULT, MODEL, flags
  local beta
  beta=$(awk -F= '/defense_beta/ { print 40 * $2 }' "$2/active_defense.cfg")
  evaluate "$1" "$2" --defense=active --defense_cap=25 --defense_beta="$beta" "${@:3}"
}

paper=transfer:apgd-ce@bare,transfer:apgd-t@bare,transfer:fab-t@bare,transfer:square@bare
evaluate calibrated-steps "$smooth" --attacks=$paper --examples=100 --eps=8/255 --defense=active --defense_cap=1000
defended quick-steps "$smooth" --attacks=$paper --examples=100 --eps=8/255

# (a) The paper's protocol: AutoAttack's four attacks, each by itself on the bare network and to its last step, decided by
# the defence, on 500 images.
protocol() { # RESULT, MODEL, EPS, flags of the defence
    defended "$1-$3" "$2" --attacks=$paper --examples=500 --eps="$3/255" "${@:4}"
}
for eps in 8 16; do
  protocol bare "$smooth" $eps --defense_sigma=0 --defense_cap=0
  protocol noise "$smooth" $eps --defense_cap=0
  protocol noise-10-loops "$smooth" $eps --defense_cap=0 --defense_loops=10
  protocol loop "$smooth" $eps --defense_sigma=0
  protocol both "$smooth" $eps
  protocol standard "$standard" $eps
  evaluate "pgd_at-$eps" "$runs/pgd_at" --attacks=autoattack --examples=500 --eps=$eps/255
done

# (b) The paper's adaptive attack, equation 4, on 200 images; lambda = 0 is the first.
adaptive=transfer:apgd-ce@bare
for weight in 0.1 0.562 3.16 17.8 100; do
  adaptive+=,transfer:apgd-lf:$weight@bare,transfer:apgd-lf:-$weight@bare
done
defended adaptive "$smooth" --attacks="$adaptive" --examples=200

# (c) Through the defence, on 50 images: by gradients that go through all that decides, with the loop's own Jacobian, the
# identity, and with a softened one; without the loop; and by 2,000 questions an image. The noise of one draw, 10 and 20.
through=autoattack-rand,apgd-ce,apgd-ce-eot10,square,nattack
for draws in "" -eot10 -eot20; do
  through+=,transfer:apgd-ce$draws@noise,transfer:apgd-ce$draws@softened
done
defended through "$smooth" --attacks=$through --examples=50 --queries=2000 --decisions=100 --submissions=1,10,100
evaluate most-steps "$smooth" --attacks=transfer:apgd-steps@noise --examples=50 --defense=active

# The dearest of (a), ten loops, comes last.
for eps in 8 16; do
  protocol both-10-loops "$smooth" $eps --defense_loops=10
  protocol standard-10-loops "$standard" $eps --defense_loops=10
done

for eps in 8 16; do
  python tools/compare results/active_defense/{bare,noise,noise-10-loops,loop,both,both-10-loops,standard,standard-10-loops,pgd_at}-$eps.json
done
