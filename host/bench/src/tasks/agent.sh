#!/bin/sh
# An agent that is done at once: it writes what its role owes, a file of its task's own, and approves of everything.
set -eu
folder="docs/work-items/$ORCH_WORK_ITEM"
mkdir -p "$folder"
case "$ORCH_ROLE" in
analyst)
    printf '# Why\n\nThe shop needs %s.\n' "$ORCH_WORK_ITEM" > "$folder/01-brd.md"
    printf '# What\n\nA file of its own.\n' > "$folder/02-trz.md"
    printf '# Acceptance criteria\n\n- AC-1: the file is there\n' > "$folder/03-acceptance-criteria.md"
    cat > "$folder/04-test-plan.yaml" <<END
work_item: $ORCH_WORK_ITEM
tests:
  - id: T-1
    type: functional
    description: the file is there, AC-1
    module: shop
    expected: a file
  - id: T-2
    type: regression
    description: the others stay, AC-1
    module: shop
    expected: all files
  - id: T-3
    type: negative
    description: no file of a task that is not there, AC-1
    module: shop
    expected: none
END
    ;;
architect)
    mkdir -p "$folder/06-adr"
    printf '# ADR-001 A file a task\n\n## Status\n\nAccepted\n\n## Context\n\nTasks.\n\n## Decision\n\nA file.\n\n## Consequences\n\nFiles.\n' \
        > "$folder/06-adr/ADR-001-a-file.md"
    ;;
developer)
    mkdir -p shop
    echo "$ORCH_WORK_ITEM" > "shop/$ORCH_WORK_ITEM.txt"
    ;;
reviewer)
    printf -- '---\ntype: review\nwork_item_id: %s\nverdict: APPROVED\nversion: %s\n---\n- P3 shop fine as it is\n' \
        "$ORCH_WORK_ITEM" "$ORCH_ATTEMPT" > "$folder/12-review.md"
    ;;
tester)
    printf -- '---\ntype: test-report\nwork_item_id: %s\nresult: PASS\n---\n- T-1: ran; AC-1 is met\n- T-2: ran\n- T-3: ran\n' \
        "$ORCH_WORK_ITEM" > "$folder/13-test-report.md"
    ;;
esac
echo '{"is_error":false,"result":"done"}'
