#!/bin/bash
# The entry point of a step's image: CANN's environment, then the command that Dagster passes, in this very process.
# ASCEND_SET_ENV names another script that sets it.
set -eo pipefail

if [ $# -eq 0 ]; then
    echo "usage: entrypoint.sh COMMAND [ARGUMENT...]" >&2
    exit 64
fi
for script in "${ASCEND_SET_ENV:-}" /usr/local/Ascend/ascend-toolkit/set_env.sh /usr/local/Ascend/cann/set_env.sh; do
    if [ -n "$script" ] && [ -r "$script" ]; then
        # It takes arguments for its own, so it gets none.
        set_up() { . "$script"; }
        set_up
        # Ours before CANN's.
        export PATH="/opt/ascend/venv/bin:$PATH"
        exec "$@"
    fi
done
echo "no CANN: neither /usr/local/Ascend/ascend-toolkit nor /usr/local/Ascend/cann has a set_env.sh." \
    "Build the image on one that has CANN, or name the script in ASCEND_SET_ENV" >&2
exit 78
