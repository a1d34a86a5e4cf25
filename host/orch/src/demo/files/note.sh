#!/bin/sh
# A scripted agent for a project that it does not know: adds a line, and changes nothing that is there.
set -eu
cat > /dev/null
echo "- $ORCH_WORK_ITEM was carried from request to landing." >> NOTES.md
echo "a line was added to NOTES.md"
