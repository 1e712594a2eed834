#!/usr/bin/env bash
# symbols.sh ARCHIVE…: fails when an archive of the core asks for a function that does input or
# output, reads a clock, draws at random, or belongs to a library of the runtime. Writing a last
# message to stderr before the process ends is allowed.
set -euo pipefail

libraries='uv_|sqlite3_|PQ[a-zA-Z]|curl_|redis|jq_|jv_|pthread_'
calls='open|open64|openat|fopen|fopen64|freopen|read|write|pread|pwrite|close|fread|fgets|socket'
calls+='|connect|send|recv|poll|select|fork|execve|posix_spawn|system|popen|unlink|rename|stat|readlink'
calls+='|time|clock|clock_gettime|gettimeofday|localtime|localtime_r|getenv|secure_getenv|rand|random'
calls+='|getrandom|getpid|sleep|nanosleep|usleep|signal|sigaction|setlocale|json_load_file'

status=0
for archive in "$@"; do
    undefined=$(nm --undefined-only --format=posix "$archive" | awk 'NF >= 2 { print $1 }' | sort -u)
    [ -n "$undefined" ] || {
        echo "$archive: no symbols were found"
        status=1
    }
    if found=$(grep -E "^($libraries|($calls)(@.*)?\$)" <<<"$undefined"); then
        echo "$archive asks for: ${found//$'\n'/ }"
        status=1
    fi
done
exit "$status"
