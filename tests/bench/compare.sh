#!/bin/sh
# compare.sh: `repr bench` and PyTorch take turns; prints images/s of both and our ratio, for training and evaluation, round by round and as medians.
#
#   tests/bench/compare.sh REPR [ROUNDS] [--model M[,KEY=VALUE…]]… [--batch N] [--seconds S]
#
# Without --model: c3-authors, c3 and c3,pool=off in batches of 64, resnet in batches of 128. ROUNDS is 5, S is 2 (for each number, in each round).
# PyTorch is the one of $PYTHON (python3).
set -eu

usage() {
  echo "usage: compare.sh REPR [ROUNDS] [--model M[,KEY=VALUE…]]… [--batch N] [--seconds S]" >&2
  exit 2
}

[ $# -ge 1 ] || usage
repr=$1 rounds=5 models= batch= seconds=2
shift
case ${1-} in [0-9]*) rounds=$1 && shift ;; esac
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
  --model) models="$models $2" ;;
  --batch) batch=$2 ;;
  --seconds) seconds=$2 ;;
  *) usage ;;
  esac
  shift 2
done
here=$(dirname "$0")

# glibc otherwise gives PyTorch's tensors back to the kernel at each step.
torch() {
  MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456 OMP_NUM_THREADS=1 \
    "${PYTHON:-python3}" "$here/torch_bench.py" "$@"
}

# A number of a JSON object on one line: number OBJECT KEY [KEY].
number() {
  printf '%s' "$1" | "${PYTHON:-python3}" -c 'import functools, json, sys
print(functools.reduce(dict.get, sys.argv[1:], json.load(sys.stdin)))' $2 ${3-}
}

compare() {
  for _ in $(seq "$rounds"); do
    theirs=$(torch --model "$1" --batch "$2" --seconds "$seconds")
    ours=$("$repr" bench --json --model "$1" --batch "$2" --seconds "$seconds")
    echo "$(number "$theirs" train images_per_second) $(number "$ours" train images_per_second)" \
      "$(number "$theirs" evaluate images_per_second) $(number "$ours" evaluate images_per_second) $(number "$ours" train of_bound)"
  done | awk -v model="$1" -v batch="$2" '
    function median(values, n,   i, j, t) {
      for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j - 1]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
      return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
    }
    function print_row(name, a, b, c, d, e, f, g) { printf "%-24s %8d %8d %6.2f  %8d %8d %6.2f  %8d%%\n", name, a, b, c, d, e, f, 100 * g; fflush() }
    BEGIN { printf "%s, batch %d\n", model, batch }
    {
      ta[NR] = $1; tb[NR] = $2; tr[NR] = $2 / $1; ea[NR] = $3; eb[NR] = $4; er[NR] = $4 / $3; of[NR] = $5
      print_row("  round " NR, ta[NR], tb[NR], tr[NR], ea[NR], eb[NR], er[NR], of[NR])
    }
    END { print_row("  median", median(ta, NR), median(tb, NR), median(tr, NR), median(ea, NR), median(eb, NR), median(er, NR), median(of, NR)) }'
}

printf '%-24s %8s %8s %6s  %8s %8s %6s  %9s\n' "images/s" torch repr ratio torch repr ratio "of bound"
printf '%-24s %24s  %24s  %9s\n' "" train evaluate train
if [ -n "$models" ]; then
  for model in $models; do compare "$model" "${batch:-64}"; done
else
  for model in c3-authors c3 c3,pool=off; do compare "$model" "${batch:-64}"; done
  compare resnet "${batch:-128}"
fi
