#!/bin/sh
# run.sh: runs test programs one after the other and adds their counts up: `BUILD=build tests/run.sh PROGRAM…`. What a failing program printed is shown whole.
# The last line is `N passed, N failed`; the exit status is 1 where anything failed or a program ended by itself.
passed=0 failed=0
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
for program in "$@"; do
  "$program" >"$output" 2>&1
  status=$?
  ok=$(grep -c '^\[       OK \]' "$output")
  bad=$(grep '^\[  FAILED  \] [a-z]' "$output" | grep -v 'test(s)' | sort -u | wc -l) # each stands there twice
  grep -h '^skipped' "$output"
  if [ "$status" -ne 0 ]; then
    [ "$bad" -gt 0 ] || bad=1
    cat "$output"
    echo "$program: exit status $status"
  fi
  printf '%-60s %3d passed %3d failed\n' "${program#"$BUILD"/tests/}" "$ok" "$bad"
  passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
