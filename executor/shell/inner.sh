# The inner layer: runs as the user that the step names, owns the session and the deadline, and so can end whatever
# runs there. It knows nothing of lock, token or record. Below this shell (I), which waits, stand the script's shell (S),
# the first of a session of its own, and a watchdog (W), outside the session, which ends it at the deadline.

# At the deadline, W ends the session and leaves with 9. Somebody may have killed our sleep, so the clock decides. Where
# S has ended by then, what lives on is a daemon's: not ours to end.
fl_watch() {
    trap : HUP INT PIPE
    trap 'kill "$fl_z" 2>/dev/null; exit 0' TERM
    while fl_now; [ "$fl_cs" -lt "$fl_deadline" ]; do
        sleep $(((fl_deadline - fl_cs + 99) / 100)) &
        fl_z=$!
        wait "$fl_z"
    done
    fl_alive "$fl_at" || exit 0
    trap '' TERM
    fl_end_all "$fl_at" "$fl_c" "$fl_kill_after"
    exit 9
}

# Tells W that it is not needed. A shell that was only just forked loses the signal while it clears the traps that it
# inherited, and W would sleep until the deadline: so it is told until it is gone.
fl_end_watch() {
    fl_i=0
    while kill -s TERM "$fl_w_pid" 2>/dev/null && [ -e "/proc/$fl_w_pid/fd/0" ]; do # a dead one has none
        fl_i=$((fl_i + 1))
        [ "$fl_i" -lt 100 ] || fl_nap 0.02
    done
}

# Runs the script, its standard output on 6, its standard error on ours. Tells on our standard output: "session
# PID:START", "shell N", "timed 0|1", "left N", "ms N"; between them, the script's shell says "exit" where it ended by its
# own will with what looks like a signal (wrapper.c). A daemon may hold that pipe, so "ms" is the last word of it.
fl_inner() {
    trap : HUP INT TERM PIPE
    fl_now
    fl_began=$fl_cs
    fl_deadline=$((fl_cs + fl_timeout * 100))
    fl_setsid=
    fl_has setsid && fl_setsid=setsid
    set -- -c "$fl_start_script"
    [ "${#fl_s}" -gt 2000 ] || set -- # read by the shell itself: a process less, but bash asks for each byte
    printf '%s\n' "$fl_s" 2>/dev/null | FIRSTLINE_STEP=$fl_c $fl_setsid "$fl_sh" "$@" 5>&1 >&6 6>&- &
    fl_s_pid=$!
    fl_at=
    fl_stat "$fl_s_pid" && fl_at=$fl_s_pid:$fl_start
    ( fl_watch ) </dev/null >/dev/null 2>&1 6>&- &
    fl_w_pid=$!
    fl_say session "$fl_at"
    fl_wait "$fl_s_pid"
    exec 2>/dev/null 6>&-
    fl_conclude "$fl_w"
}

# W acts at the deadline, not before: where the clock is short of it, W will find that S has ended, and leave.
fl_conclude() { # status of the script's shell
    fl_now
    fl_ms=$(((fl_cs - fl_began) * 10)) fl_timed=0 fl_left=-1
    printf '\n'
    fl_say shell "$1"
    if [ "$fl_cs" -ge "$fl_deadline" ]; then
        fl_end_watch
        fl_wait "$fl_w_pid"
        [ "$fl_w" != 9 ] || fl_timed=1
    else
        kill -s TERM "$fl_w_pid"
    fi
    fl_l=
    [ "$fl_ms" -ge 1000 ] || fl_l=young
    [ "$fl_act$fl_timed" = look0 ] || fl_scan "$fl_at" "$fl_c" "$fl_l"
    fl_say timed "$fl_timed"
    fl_say left "$fl_left"
    fl_say ms "$fl_ms"
    exec >/dev/null
    fl_end_watch
}

# Reads what the inner layer tells, until its last word. For a script that was killed by a signal its shell's status is
# 128 and the signal's number; a script may exit with that, too, but then its shell says so.
fl_listen() { # what to do with the session's name
    fl_shell= fl_exit= fr_signal= fr_status=-1
    while IFS=' ' read -r fl_a fl_b fl_d fl_e; do
        [ "$fl_a" != exit ] || fl_exit=1
        [ "$fl_a" = "$fl_n" ] || continue
        case $fl_b in
        session) $1 "$fl_d" ;;
        shell) fl_shell=$fl_d ;;
        timed) fr_timed=$fl_d ;;
        left) fr_left=$fl_d ;;
        ms) fr_ms=$fl_d; break ;;
        esac
    done
    [ -n "$fl_shell" ] || return 0
    fr_status=$fl_shell
    if [ "$fl_shell" -gt 128 ] && [ -z "$fl_exit" ]; then
        fr_signal=$(kill -l "$fl_shell" 2>/dev/null) && fr_signal=${fr_signal#SIG} fr_status=-1
    fi
}

# A look's answer goes out as it comes: the script writes to it, and behind that stands how it ended.
fl_run_look() {
    fl_say out
    exec 6>&1
    fl_inner 2>&7 7>&- | {
        exec 6>&- 7>&-
        fl_listen :
        printf '\n'
        if [ -n "$fl_shell" ]; then
            fl_say status "$fr_status" "$fr_signal"
            fl_say timed "$fr_timed"
            fl_say left "$fr_left"
            fl_say ms "$fr_ms"
        fi
        fl_say verdict ended
        fl_bye
    }
} 7>&2
