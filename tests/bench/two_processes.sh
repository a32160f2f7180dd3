#!/bin/sh
# two_processes.sh: what two processes at once compute together, against one alone: 2.0 where neither takes anything from the other.
#
#   tests/bench/two_processes.sh REPR [ROUNDS] [--model M[,KEY=VALUE…]] [--batch N] [--seconds S]
#
# In processor time: it shows what they take from each other's caches, memory and clock, and not what other programs take. Each pair is pinned to two
# cores of their own where taskset is there.
set -eu
[ $# -ge 1 ] || { echo "usage: two_processes.sh REPR [ROUNDS] [OPTIONS OF repr bench]" >&2; exit 2; }
repr=$1 rounds=5
shift
case ${1-} in [0-9]*) rounds=$1 && shift ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# measure CORE NAME [OPTIONS]
measure() {
  core=$1 name=$2
  shift 2
  if command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ]; then
    taskset -c "$core" "$repr" bench --json "$@" >"$folder/$name"
  else
    "$repr" bench --json "$@" >"$folder/$name"
  fi
}

for _ in $(seq "$rounds"); do
  measure 0 alone "$@"
  measure 0 one "$@" &
  first=$!
  measure 1 other "$@"
  wait "$first"
  cat "$folder/alone" "$folder/one" "$folder/other" >"$folder/round"
  "${PYTHON:-python3}" - "$folder/round" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
n = len(rows) // 3
for alone, one, other in zip(rows[:n], rows[n:2 * n], rows[2 * n:]):
    ratios = [(one[key]["images_per_second"] + other[key]["images_per_second"]) / alone[key]["images_per_second"] for key in ("train", "evaluate")]
    print(f"{alone['model']} {ratios[0]:.4f} {ratios[1]:.4f}")
END
done | awk '
  function median(values, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j - 1]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
  }
  { if (!($1 in n)) order[++models] = $1; i = ++n[$1]; train[$1, i] = $2; evaluate[$1, i] = $3 }
  END {
    printf "%-24s %8s %8s   (images/s of two together over one alone, medians)\n", "", "train", "evaluate"
    for (m = 1; m <= models; m++) {
      name = order[m]
      for (i = 1; i <= n[name]; i++) { a[i] = train[name, i]; b[i] = evaluate[name, i] }
      printf "%-24s %8.2f %8.2f\n", name, median(a, n[name]), median(b, n[name])
    }
  }'
