#!/usr/bin/env bash
# Tests a suite of scenarios, compares it with the blessed baseline, and leaves what CI servers show: junit-*.xml, comment.md, report.html.
# Status 0: as it was. 1: an expectation failed or something is otherwise. Everything is written in either case.
set -uo pipefail

SCENARIOS=${SCENARIOS:-scenarios/deck scenarios/validation} # files and directories, separated by spaces
BASELINE=${BASELINE:-scenarios/baseline.json}
ERROR_ON=${ERROR_ON:-change} # change, warn or fail: what is worth a red cross
OUT=${OUT:-twinrack-report}
TEST="twinrack test $SCENARIOS --out $OUT/runs"
COMPARE=(twinrack compare "$BASELINE" "$OUT/runs" --made-by "$TEST")

rm -rf "$OUT" && mkdir -p "$OUT"
status=0
# The names of scenarios are meant to be split.
# shellcheck disable=SC2086
twinrack test $SCENARIOS --out "$OUT/runs" --junit "$OUT/junit-test.xml" --markdown "$OUT/test.md" || status=$?
"${COMPARE[@]}" --error-on never --format markdown --out "$OUT/comment.md" || status=$?
"${COMPARE[@]}" --error-on never --format html --out "$OUT/report.html" || status=$?
"${COMPARE[@]}" --error-on "$ERROR_ON" --format junit --out "$OUT/junit-compare.xml" || status=$?
exit "$status"
