#!/usr/bin/env bash
# Active Defense (paper 4) on CIFAR-10, attacked as the paper does, as it adapts, and through the defence.
#   results/active_defense.sh DATA [RUNS]       (many hours of two cores without AVX-512, most of it the attacks' and
#                                                the defence's; the same command goes on where it was stopped)
# Trains its networks into RUNS (runs/active_defense) and writes results/active_defense/*.json. Images made on the bare
# network are kept in RUNS/transfers, so that each setting of the defence judges the same ones.
#   FULL=1 results/active_defense.sh DATA       (hours more)
# writes results/active_defense/full/*.json: the paper's protocol at 8/255 with all of AutoAttack's steps.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/active_defense}
smooth=$runs/smoothing standard=$runs/standard

network() { # METHOD
  python -m robust_tf.train --flagfile=flags/cifar10_10k.cfg --precision=float32 --method="$1" --data_dir="$data" \
    --run_dir="$runs/$1"
  [ "$1" = pgd_at ] || [ -s "$runs/$1/active_defense.cfg" ] ||
    python -m robust_tf.calibrate --model="$runs/$1" --data_dir="$data"
}

evaluate() { # RESULT, MODEL, flags
  local out=results/active_defense/$1.json
  [ -s "$out" ] || python -m robust_tf.evaluate --model="$2" --data_dir="$data" --keep_transfers="$runs/transfers" \
    --batch_size=100 --noverdict --output="$out" "${@:3}"
}

times() { # FACTOR, MODEL: of the calibrated step
  awk -F= -v factor="$1" '/defense_beta/ { print factor * $2 }' "$2/active_defense.cfg"
}

# The feature loss is piecewise linear: 25 steps of 40 times the calibrated size lead where 1,000 of the calibrated ones
# do, at a twentieth of the time. Two results of FULL=1 show it.
defended() { # RESULT, MODEL, flags
  evaluate "$1" "$2" --defense=active --defense_cap=25 --defense_beta="$(times 40 "$2")" "${@:3}"
}

# (a) The paper's protocol: AutoAttack's four attacks, each by itself on the bare network and to its last step, decided by
# the defence, on 500 images. Unless FULL, only APGD-CE goes all its steps: 20 and 10 a class, and 500 queries, are left of
# the others'.
if [ -n "${FULL:-}" ]; then
  folder=full/ queries=5000 four=apgd-ce,apgd-t,fab-t,square
else
  folder= queries=500 four=apgd-ce,apgd-t-20,fab-t-10,square
fi
paper=$(sed 's/[^,]*/transfer:&@bare/g' <<< "$four")

protocol() { # RESULT, MODEL, EPS, flags of the defence
  defended "$folder$1-$3" "$2" --attacks=$paper --queries=$queries --examples=500 --eps="$3/255" "${@:4}"
}

of_smoothing() { # EPS
  protocol bare "$smooth" "$1" --defense_sigma=0 --defense_cap=0
  protocol noise "$smooth" "$1" --defense_cap=0
  protocol noise-10-loops "$smooth" "$1" --defense_cap=0 --defense_loops=10
  protocol loop "$smooth" "$1" --defense_sigma=0
  protocol both "$smooth" "$1"
}

network smoothing
of_smoothing 8
if [ -n "${FULL:-}" ]; then
  evaluate full/calibrated-steps "$smooth" --attacks=$paper --examples=100 --eps=8/255 --defense=active --defense_cap=1000
  defended full/quick-steps "$smooth" --attacks=$paper --examples=100 --eps=8/255
  exit
fi

# (b) The paper's adaptive attack, equation 4, on 200 images; lambda = 0 is the first.
adaptive=transfer:apgd-ce-50@bare
for weight in 0.1 0.562 3.16 17.8 100; do
  adaptive+=,transfer:apgd-lf:$weight-50@bare,transfer:apgd-lf:-$weight-50@bare
done
defended adaptive "$smooth" --attacks="$adaptive" --examples=200 --eps=8/255

# (c) Through the defence, on 50 images: by gradients that go through all that decides, with the loop's own Jacobian, the
# identity, and with a softened one; without the loop; and by 500 questions an image. Steps take the noise of one draw, of 10
# and of 20, and the loop that gradients go through has 5 of its steps, five times as long.
through=apgd-ce-20,apgd-ce-20-eot10,square,nattack
for draws in "" -eot10 -eot20; do
  through+=,transfer:apgd-ce-20$draws@noise,transfer:apgd-ce-20$draws@softened
done
on_fifty() { # RESULT, flags
  defended "$1" "$smooth" --examples=50 --eps=8/255 --queries=500 --defense_attacked_cap=5 \
    --defense_attacked_beta="$(times 200 "$smooth")" "${@:2}"
}
on_fifty through --attacks="$through"
# The same images of two of these submitted up to 100 times.
on_fifty submitted --attacks=transfer:apgd-ce-20-eot20@noise,transfer:apgd-ce-20-eot20@softened --decisions=100 --submissions=1,10,100
evaluate most-steps "$smooth" --attacks=transfer:apgd-steps@noise --examples=50 --eps=8/255 --defense=active
# AutoAttack's rand version: all of its 100 steps, of 20 draws each; and its two attacks each by itself, of 20 steps.
on_fifty rand --attacks=autoattack-rand
on_fifty through-20-draws --attacks=apgd-ce-20-eot20,apgd-dlr-20-eot20

of_smoothing 16
network standard
for eps in 8 16; do
  protocol standard "$standard" $eps
  protocol both-10-loops "$smooth" $eps --defense_loops=10
  protocol standard-10-loops "$standard" $eps --defense_loops=10
done

# Without a defence, the same four attacks.
network pgd_at
for eps in 8 16; do
  evaluate pgd_at-$eps "$runs/pgd_at" --attacks="$four" --queries=$queries --examples=500 --eps=$eps/255
done

for eps in 8 16; do
  python tools/compare results/active_defense/{bare,noise,noise-10-loops,loop,both,both-10-loops,standard,standard-10-loops,pgd_at}-$eps.json
done
