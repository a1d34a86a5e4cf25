#!/bin/sh
# An agent that does nothing but be there: it counts its starts, says that it is ready and works until a
# file says go. Where a file asks for it, it is as stubborn as it can be.
set -eu
prompt=$(cat)
test -n "$prompt"
mark() { echo $$ >> "$BENCH_SITE/$1/$ORCH_WORK_ITEM"; }
mark started
if test -e "$BENCH_SITE/stubborn/$ORCH_WORK_ITEM"; then
    trap '' INT TERM HUP
    # Forked twice and in a session of its own: neither its parent nor its group leads to it.
    (setsid sh -c 'trap "" INT TERM HUP; echo $$ > "$BENCH_SITE/child/$ORCH_WORK_ITEM"; while :; do sleep 1; done' &)
    until test -s "$BENCH_SITE/child/$ORCH_WORK_ITEM"; do sleep 0.1; done
    mark ready
    while :; do sleep 1; done
fi
trap 'exit 130' INT TERM
mark ready
until test -e "$BENCH_SITE/go/$ORCH_WORK_ITEM"; do sleep 0.5; done
folder="docs/work-items/$ORCH_WORK_ITEM"
mkdir -p "$folder"
for name in 01-brd.md 02-trz.md 03-acceptance-criteria.md 04-test-plan.yaml; do
    echo "work_item: $ORCH_WORK_ITEM" > "$folder/$name"
done
echo '{"is_error": false, "result": "waited"}'
