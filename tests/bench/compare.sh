#!/bin/sh
# compare.sh: bench_train and PyTorch take turns; prints images/s of both layouts of PyTorch, of ours, and our ratio to the better one, per round and as medians.
#
#   tests/bench/compare.sh BENCH_TRAIN [ROUNDS] [OPTIONS OF BOTH PROGRAMS, such as --model c3 --evaluate]
set -eu
bench=$1
rounds=${2:-5}
[ $# -ge 2 ] && shift 2 || shift 1
here=$(dirname "$0")

# glibc otherwise gives PyTorch's tensors back to the kernel at each step.
torch() {
  MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456 OMP_NUM_THREADS=1 \
    "${PYTHON:-python3}" "$here/torch_train.py" "$@"
}

for _ in $(seq "$rounds"); do
  printf '%s %s %s\n' "$(torch "$@")" "$(torch --channels-last "$@")" "$(OMP_NUM_THREADS=1 "$bench" "$@")"
done | awk '
  function median(values, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j - 1]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
  }
  BEGIN { print "torch  torch-channels-last  repr  ratio" }
  { best = $1 > $2 ? $1 : $2; ratio[NR] = $3 / best; torch[NR] = best; ours[NR] = $3; printf "%5d  %19d  %4d  %5.2f\n", $1, $2, $3, ratio[NR]; fflush() }
  END { printf "medians: torch %d, repr %d images/s; ratio %.2f\n", median(torch, NR), median(ours, NR), median(ratio, NR) }'
