#!/usr/bin/env bash
# The competitions' protocol on the 1,000 development images of NIPS 2017: four attackers, three defences.
#   results/competition.sh DATA [RUNS]        (half an hour on two cores; trainings and results that are there are kept)
# DATA holds images/ and labels.csv. No network that knows ImageNet can be trained on two cores, so that these have learnt the images
# themselves, 950 of them: what is shown is the protocol, and attacks on images that a network is right about. Writes run directories,
# attacked images and answers into RUNS (runs/competition), and results/competition/*.json.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/competition}

learn() { # NAME, flags
  python -m robust_tf.train --dataset=nips2017 --data_dir="$data" --image_size=32 --network=wrn-16-2 --augment=none --holdout=0.05 \
    --batch_size=50 --lr=0.05 --schedule=cosine --val_attack=clean --export_dir=none --run_dir="$runs/$1" "${@:2}"
}

# The last network: the best one is chosen by images of classes that nothing else has shown.
last() { echo "$runs/$1/checkpoints/last.keras"; }

learn standard --method=standard --epochs=25
learn other --method=standard --epochs=25 --seed=1
learn robust --method=pgd_at --epochs=40 --eps=4/255 --attack_steps=2 --attack_step_size=3/255

attack() { # NAME, network, attack
  ROBUST_TF_MODEL=$(last "$2") tools/run_attack.sh "$data/images" "$runs/$1" 8 --attack="$3" --labels="$data/labels.csv"
}

attack fgsm-on-other other fgsm
attack mifgsm-on-other other mifgsm-10
attack pgd-on-other other pgd-20
attack pgd-on-robust robust pgd-20

folders=$data/images
for name in fgsm-on-other mifgsm-on-other pgd-on-other pgd-on-robust; do folders+=,$runs/$name; done
# The robust one in the 32 pixels that it sees: the strongest attack at hand, and accuracy against iterations.
evaluate() { # RESULT, flags
  [ -s "results/competition/$1.json" ] || python -m robust_tf.evaluate --model="$(last robust)" --dataset=nips2017 --data_dir="$data" \
    --eps=8/255 --examples=200 --output="results/competition/$1.json" "${@:2}"
}
evaluate robust-autoattack --attacks=autoattack
evaluate robust-iterations --attacks=pgd-10/20/30/40/50/60/70/80/90/100 --step_rule=caad --targeted=random

for name in standard other robust; do
  ROBUST_TF_MODEL=$(last $name) tools/run_defense.sh "$runs/pgd-on-other" "$runs/$name.csv"
  [ -s "results/competition/$name.json" ] || python -m robust_tf.evaluate --protocol=caad --model="$(last $name)" \
    --attacked_dirs="$folders" --labels="$data/labels.csv" --max_epsilon=8 --output="results/competition/$name.json"
done
python tools/compare results/competition/{standard,other,robust}.json
