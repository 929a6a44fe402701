#!/usr/bin/env bash
# All that is worth doing on a machine with a GPU and no network, lent for less than an hour, in commands of under ten
# minutes. Each command leaves what it found in few small files under --out (or $OUT), whenever it is killed.
#
#   here:   benchmarks/gpu.sh pack FOLDER            wheels and CIFAR-100, as FOLDER/1, FOLDER/2 …, each under 60 MB
#   there:  benchmarks/gpu.sh receive FOLDER/1 …     joins the pieces that have come, installs the wheels that are missing
#           benchmarks/gpu.sh STEP … [--minutes 9]   imports, headline, tests, variants, cells; all: these, in this order
#
# What a step has done is not done again; what failed comes last. All that must outlive a command stands in
# $SMKD_GPU_WORK (/tmp/smkd-gpu). SMKD_GPU_REHEARSAL=1 does every step on the processor, as small as can be.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1
export SMKD_GPU_WORK=${SMKD_GPU_WORK:-/tmp/smkd-gpu}

case "${1:-}" in
  pack | receive) exec "$python" "$here/gpu_parcel.py" "$@" ;;
  imports | headline | tests | variants | cells | all) exec "$python" "$here/gpu_steps.py" "$@" ;;
  *)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
