#!/usr/bin/env bash
# The recipe of flags/caad.cfg on this machine: a batch of 4,096 shared by four workers, and caad_smoke.cfg end to end.
#   results/caad.sh DATA [RUNS]        (20 minutes on two cores; what is done is not done again)
# DATA holds images/ and labels.csv of the NIPS 2017 development images. Writes run directories, an export and predictions into RUNS
# (runs/caad), and results/caad/iterations.json with its plot.
set -euo pipefail
source "$(dirname "$0")/../tools/venv"
data=$1 runs=${2:-runs/caad}

say() { printf '\n%s\n' "$*"; }

say "1/4  Two batches of 4,096 an epoch: one process, then four workers in 32 parts of 32 images"
batch=(python -m robust_tf.train --flagfile=flags/caad_smoke.cfg --network=cnn-small --denoise=none --denoise_at=group
  --image_size=16 --precision=float64 --batch_size=4096 --lr_per_256=0.02 --epochs=3 --steps_per_epoch=2 --lr_drops=1,2
  --val_attack=clean --export_dir=none)
"${batch[@]}" --accumulate=1 --run_dir="$runs/one"
CUDA_VISIBLE_DEVICES='' tools/launch_local 4 -- "${batch[@]}" --accumulate=32 --run_dir="$runs/four"
python results/weights_apart.py "$runs/one" "$runs/four"

say "2/4  caad_smoke.cfg undisturbed, and once more killed in its fifth epoch"
smoke=(python -m robust_tf.train --flagfile=flags/caad_smoke.cfg --dataset=nips2017 --data_dir="$data" --keep_exports=1)
"${smoke[@]}" --run_dir="$runs/smoke" --export_dir="$runs/serving/smoke"
if [ ! -e "$runs/killed/exported.txt" ]; then
  "${smoke[@]}" --run_dir="$runs/killed" --export_dir="$runs/serving/killed" &
  until [ "$(cat "$runs/killed/history.csv" 2> /dev/null | wc -l)" -ge 5 ]; do sleep 1; kill -0 $! 2> /dev/null || break; done
  sleep 2
  kill -9 $! && echo "Killed with $(($(wc -l < "$runs/killed/history.csv") - 1)) epochs done"
  wait $! || true
fi
"${smoke[@]}" --run_dir="$runs/killed" --export_dir="$runs/serving/killed"
python results/weights_apart.py "$runs/smoke" "$runs/killed"

say "3/4  Accuracy against iterations"
python -m robust_tf.evaluate --model="$runs/smoke/checkpoints/last.keras" --dataset=nips2017 --data_dir="$data" --eps=16/255 \
  --targeted=random --step_rule=caad --attacks=clean,pgd-10/20/30/40/50/60/70/80/90/100 --examples=200 \
  --output=results/caad/iterations.json

say "4/4  Predicted by the run, and answered by its export"
python -m robust_tf.predict --model="$runs/smoke" --crop=center --input_dir="$data/images" --output_file="$runs/predicted.csv"
python -m robust_tf.serve --model_dir="$runs/serving/smoke" --rest_port=18501 --grpc_port=none &
server=$!
trap 'kill $server' EXIT
tools/query --server=localhost:18501 --model=smoke --signature=encoded --retries=8 --format=jsonl "$data/images" \
  > "$runs/answered.jsonl"
python - "$runs" << 'END'
import csv, json, pathlib, sys

runs = pathlib.Path(sys.argv[1])
predicted = {name: int(label) for name, label in csv.reader((runs / "predicted.csv").open())}
answers = [json.loads(line) for line in (runs / "answered.jsonl").open()]
same = sum(predicted[pathlib.Path(a["file"]).name] == a["class"] for a in answers)
print(f"{same:,} of {len(predicted):,} images have the same class from predict and from the server")
END
