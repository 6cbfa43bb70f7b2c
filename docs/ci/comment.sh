#!/usr/bin/env bash
# Puts a report under a pull request as one comment: writes it anew where an earlier one is, found by the mark in its last line.
#
#   comment.sh OWNER/NAME NUMBER FILE     needs `gh` and a token that may write comments, in GH_TOKEN
set -euo pipefail
REPOSITORY=$1 NUMBER=$2 FILE=$3

MARK=$(tail -n 1 "$FILE")
case $MARK in
  '<!-- twinrack-'*' -->') ;;
  *) echo "error: $FILE does not end with the mark of a twinrack report" >&2; exit 2 ;;
esac

# The oldest comment that has the mark. A page holds a hundred; `--paginate` goes through all of them.
EARLIER=$(gh api --paginate "repos/$REPOSITORY/issues/$NUMBER/comments?per_page=100" \
  --jq ".[] | select(.body | contains(\"$MARK\")) | .id" | head -n 1)

if [ -n "$EARLIER" ]; then
  gh api --method PATCH "repos/$REPOSITORY/issues/comments/$EARLIER" --field "body=@$FILE" --jq .html_url
else
  gh api --method POST "repos/$REPOSITORY/issues/$NUMBER/comments" --field "body=@$FILE" --jq .html_url
fi
