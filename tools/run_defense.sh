#!/usr/bin/env bash
# The defence of the NIPS 2017 and CAAD competitions: writes a NAME,LABEL line for each image.
#
#   tools/run_defense.sh INPUT_DIR OUTPUT_FILE [flags of python -m robust_tf.predict]
#
# The model is $ROBUST_TF_MODEL (a run directory, a .keras file or a SavedModel) or, where that is
# not set, `model` beside this script. Labels count from 0; from 1, as NIPS 2017 counted them, with
# --label_offset=1 or ROBUST_TF_LABEL_OFFSET=1.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
source "$here/competition.sh"

if [[ $# -lt 2 || $1 == -* ]]; then
  refuse "expected run_defense.sh INPUT_DIR OUTPUT_FILE."
fi
start robust_tf.predict --input_dir="$1" --output_file="$2" "${@:3}"
