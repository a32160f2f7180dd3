#!/bin/sh
# run.sh: compares this build with PyTorch: `BUILD=build tests/parity/run.sh [--brief]`. Each script prints a line that starts with OK or FAIL for
# each comparison. The last line is `N passed, N failed`; the exit status is 1 where anything failed or a script ended by itself.
here=$(dirname "$0") passed=0 failed=0
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
# Two threads that wait for each other actively, and memory that goes back to the system at once, cost more than the arithmetic.
export GOMP_SPINCOUNT=0 MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296
scripts='optimizers dropout nets criteria hessian replay'
case " $* " in *' --brief '*) scripts='optimizers dropout nets criteria hessian' ;; esac # replays take minutes
for script in $scripts; do
  arguments=$BUILD
  case $script in nets | criteria | hessian | replay) arguments="$BUILD $*" ;; esac
  # shellcheck disable=SC2086
  { "${PYTHON:-/usr/bin/python3}" "$here/$script.py" $arguments 2>&1; echo "exit status $?"; } | tee "$output" | grep -v '^exit status'
  ok=$(grep -c '^OK ' "$output")
  bad=$(grep -c '^FAIL ' "$output")
  status=$(sed -n 's/^exit status //p' "$output")
  if [ "$status" != 0 ] || [ "$ok" -eq 0 ]; then
    [ "$bad" -gt 0 ] || bad=1
    echo "$script.py: exit status $status"
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
