#!/bin/sh
# A scripted agent: reads its prompt on standard input, does the work of its role in the work tree, and ends
# with one line of JSON. It edits real files and runs the real tests; what it cannot do is think.
set -eu
prompt=$(cat)
folder="docs/work-items/$ORCH_WORK_ITEM"
mkdir -p "$folder"
say() { echo "$ORCH_ROLE: $*"; }
done_with() {
    printf '{"is_error":false,"result":"%s","total_cost_usd":0.0}\n' "$*"
    exit 0
}

case "$ORCH_ROLE" in
analyst)
    say "writing the analysis"
    cat > "$folder/01-brd.md" <<END
# Why

Customers with a voucher pay less. Success: the cart shows the reduced sum.
END
    cat > "$folder/02-trz.md" <<END
# What

\`cart.sh --discount PERCENT PRICE...\` prints the sum less PERCENT percent, rounded down. Out of scope: several vouchers.
END
    cat > "$folder/03-acceptance-criteria.md" <<END
# Acceptance criteria

- AC-1: a discount of 10 percent on 100 gives 90
- AC-2: without a discount the sum is what it was
- AC-3: a discount outside of 0 to 100 is refused with exit code 2
END
    cat > "$folder/04-test-plan.yaml" <<END
work_item: $ORCH_WORK_ITEM
tests:
  - id: T-1
    type: functional
    description: ten percent off, AC-1
    module: cart.sh
    expected: "90"
  - id: T-2
    type: regression
    description: no discount, AC-2
    module: cart.sh
    expected: the plain sum
  - id: T-3
    type: negative
    description: a discount of 101 percent, AC-3
    module: cart.sh
    expected: exit code 2
END
    done_with "analysis written"
    ;;
architect)
    say "recording the decision"
    mkdir -p "$folder/06-adr"
    cat > "$folder/06-adr/ADR-001-integer-discount.md" <<END
# ADR-001 Discounts are whole percents

## Status

Accepted

## Context

The cart adds whole numbers.

## Decision

The discount is taken off the sum, in whole percents, rounded down.

## Consequences

No fractions anywhere.
END
    done_with "decision recorded"
    ;;
developer)
    say "changing cart.sh"
    sleep "${DEMO_PAUSE_S:-0}"
    guard=""
    # The findings of the review ask for the check that the first attempt forgets.
    if printf '%s' "$prompt" | grep -q 'src: review, the discount is not checked'; then
        say "working on the review's finding"
        guard='    if [ "$discount" -lt 0 ] || [ "$discount" -gt 100 ]; then
        echo "cart.sh: the discount must be from 0 to 100" >&2
        exit 2
    fi'
    fi
    cat > cart.sh <<END
#!/bin/sh
# Prints the sum of the prices given as arguments, less a discount in whole percents.
discount=0
if [ "\${1:-}" = --discount ]; then
    discount=\$2
    shift 2
$guard
fi
sum=0
for price in "\$@"; do
    sum=\$((sum + price))
done
echo "\$((sum * (100 - discount) / 100))"
END
    mkdir -p tests/cases
    printf '90 --discount 10 100\n6 --discount 0 1 2 3\n' > tests/cases/discount.txt
    sed -i '/discount PERCENT/d' README.md
    # shellcheck disable=SC2016
    echo '`./cart.sh --discount PERCENT PRICE...` takes PERCENT percent off.' >> README.md
    tests/run.sh
    done_with "discounts implemented"
    ;;
reviewer)
    say "trying the change"
    verdict=APPROVED
    remarks="- P3 cart.sh fine as it is"
    if ./cart.sh --discount 101 100 >/dev/null 2>&1; then
        verdict=REQUEST_CHANGES
        remarks="- P1 cart.sh:5 src: review, the discount is not checked; 101 percent gives a negative sum (AC-3)"
    fi
    cat > "$folder/12-review.md" <<END
---
type: review
work_item_id: $ORCH_WORK_ITEM
verdict: $verdict
version: $ORCH_ATTEMPT
---
$remarks
END
    done_with "review written: $verdict"
    ;;
tester)
    say "running the tests"
    result=PASS
    tests/run.sh > /dev/null || result=FAIL
    [ "$(./cart.sh --discount 10 100)" = 90 ] || result=FAIL
    [ "$(./cart.sh 1 2 3)" = 6 ] || result=FAIL
    if ./cart.sh --discount 101 100 >/dev/null 2>&1; then result=FAIL; fi
    cat > "$folder/13-test-report.md" <<END
---
type: test-report
work_item_id: $ORCH_WORK_ITEM
result: $result
---
- T-1: ran, 90; AC-1 is met
- T-2: ran, 6; AC-2 is met
- T-3: ran, refused; AC-3 is met
END
    done_with "report written: $result"
    ;;
esac
