# The inner layer: runs as the user that the step names, owns the session and the deadline, and so can end whatever
# runs there. It knows nothing of lock, token or record. Above the script's shell stand: this shell (I), which waits; a
# watchdog (W), outside the session, which ends it at the deadline; and the session's first shell (S).
# Told on standard output: "session PID START", "status N SIGNAL", "shell N", "timed 0|1", "left N", "ms N".

# At the deadline, W ends the session and leaves with 9. Somebody may have killed our sleep, so the clock decides.
fl_watch() {
    trap : HUP INT PIPE
    trap 'kill "$fl_z" 2>/dev/null; exit 0' TERM
    while fl_now; [ "$fl_cs" -lt "$fl_deadline" ]; do
        sleep $(((fl_deadline - fl_cs + 99) / 100)) &
        fl_z=$!
        wait "$fl_z"
    done
    trap '' TERM
    fl_end_all "$fl_s_pid" "$fl_s_start" "$fl_c" "$fl_kill_after"
    exit 9
}

# Tells W that it is not needed. A shell that was only just forked loses the signal while it clears the traps that it
# inherited, and W would sleep until the deadline: so it is told until it is gone.
fl_end_watch() {
    fl_i=0
    while fl_stat "$fl_w_pid" && [ "$fl_st" != Z ]; do
        [ $((fl_i % 50)) != 0 ] && [ "$fl_i" -lt 50 ] || kill -s TERM "$fl_w_pid" 2>/dev/null
        fl_i=$((fl_i + 1))
        [ "$fl_i" -lt 50 ] || fl_nap 0.02
    done
}

fl_inner() {
    trap : HUP INT TERM PIPE
    fl_whoami
    fl_now
    fl_began=$fl_cs
    fl_deadline=$((fl_cs + fl_timeout * 100))
    fl_setsid=
    fl_has setsid && fl_setsid=setsid
    printf '%s\n' "$fl" 2>/dev/null | FIRSTLINE_STEP=$fl_c $fl_setsid "$fl_sh" -c "$fl_start_session" &
    fl_s_pid=$!
    fl_s_start=
    fl_stat "$fl_s_pid" && fl_s_start=$fl_start
    ( fl_watch ) </dev/null >/dev/null 2>&1 &
    fl_w_pid=$!
    [ "$fl_act" = look ] || fl_say session "$fl_s_pid" "$fl_s_start"
    fl_wait "$fl_s_pid"
    fl_shell=$fl_w
    fl_end_watch
    fl_wait "$fl_w_pid"
    fl_timed=0 fl_left=-1
    [ "$fl_w" = 9 ] && fl_timed=1
    fl_now
    fl_ms=$(((fl_cs - fl_began) * 10))
    [ "$fl_act$fl_timed" = look0 ] || fl_scan "$fl_s_pid" "$fl_s_start" "$fl_c"
    printf '\n'
    fl_say shell "$fl_shell"
    fl_say timed "$fl_timed"
    fl_say left "$fl_left"
    fl_say ms "$fl_ms"
}

# S: the script's shell is its child. For one that was killed by a signal a shell says 128 and the signal's number; a
# script may exit with that, too, but then its shell tells "exit" before (wrapper.c, on descriptor 5).
fl_session() {
    exec 6>&1 7>&2
    [ "$fl_act" = look ] || exec 6>&2
    {
        printf '%s\n' "$fl_s" 2>/dev/null | "$fl_sh" -c "$fl_start_script" 5>&1 >&6 2>&7 6>&- 7>&-
        printf '%s\n' "$?"
    } 2>/dev/null | {
        fl_l= fl_told= fl_signal=
        while read -r fl_l && [ "$fl_l" = exit ]; do fl_told=1; done
        if [ "$fl_l" -gt 128 ] && [ -z "$fl_told" ]; then
            fl_signal=$(kill -l "$fl_l" 2>/dev/null)
            fl_signal=${fl_signal#SIG}
        fi
        printf '\n'
        fl_say status "$fl_l" "$fl_signal"
    }
    exit 0
}
