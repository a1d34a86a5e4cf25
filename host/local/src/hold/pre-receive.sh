#!/bin/sh
# Written by Orch. While the file `orch-hold` lies in the repository and its time is not over, nobody pushes to the
# branch that it names: what is about to land there is being tested. Without that file this lets everything through.
[ -r "$GIT_DIR/orch-hold" ] || exit 0
{
    read -r until branch
    read -r why
} < "$GIT_DIR/orch-hold"
[ "$(date +%s)" -lt "$until" ] || exit 0
while read -r _ _ ref; do
    if [ "$ref" = "refs/heads/$branch" ]; then
        echo "orch: \`$branch\` is held for at most $((until - $(date +%s))) s more: $why; push again then" >&2
        exit 1
    fi
done
exit 0
