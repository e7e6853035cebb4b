#!/usr/bin/env bash
# The attack of the NIPS 2017 and CAAD competitions: writes a PNG of the same name for each image.
#
#   tools/run_attack.sh INPUT_DIR OUTPUT_DIR MAX_EPSILON [flags of python -m robust_tf.perturb]
#
# It is targeted where INPUT_DIR has a target_class.csv. The model is $ROBUST_TF_MODEL (a run
# directory, a .keras file or a SavedModel) or, where that is not set, `model` beside this script.
# Classes count from 0; from 1, as NIPS 2017 counted them, with --label_offset=1 or
# ROBUST_TF_LABEL_OFFSET=1.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
source "$here/competition.sh"

if [[ $# -lt 3 || $1 == -* ]]; then
  refuse "expected run_attack.sh INPUT_DIR OUTPUT_DIR MAX_EPSILON."
fi
start robust_tf.perturb --input_dir="$1" --output_dir="$2" --max_epsilon="$3" "${@:4}"
