#!/bin/sh
# Runs every case; a case is one line: expected output, then the arguments.
failed=0
check() {
    expected=$1
    shift
    actual=$(./cart.sh "$@" 2>/dev/null)
    if [ "$actual" = "$expected" ]; then
        echo "ok: cart.sh $*"
    else
        echo "FAILED: cart.sh $* printed '$actual', expected '$expected'"
        failed=1
    fi
}
check 6 1 2 3
check 0
for file in tests/cases/*.txt; do
    [ -e "$file" ] || continue
    while read -r expected arguments; do
        # shellcheck disable=SC2086
        check "$expected" $arguments
    done < "$file"
done
exit $failed
