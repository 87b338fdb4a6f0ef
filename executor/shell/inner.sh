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

# Makes ready what S will read, on 3: where a pipe is sure to hold the script (a page at least), at the cost of no process.
fl_feed() {
    fl_fed=
    [ "${#fl_s}" -le 2000 ] && fl_pair 2>/dev/null && printf '%s\n' "$fl_s" >&4 && fl_fed=1
    exec 4>&-
    [ -n "$fl_fed" ] || exec 3<&-
}

# S. A long script goes to a cat, since some shells ask for each byte that they read by themselves.
fl_script() {
    FIRSTLINE_STEP=$fl_c
    export FIRSTLINE_STEP
    fl_setsid=
    ! fl_has setsid || fl_setsid=setsid
    if [ -n "$fl_fed" ]; then
        exec $fl_setsid "$fl_sh" <&3 3<&- 5>&1 >&6 6>&-
    else
        exec $fl_setsid "$fl_sh" -c "$fl_start_script" 5>&1 >&6 6>&-
    fi
}

# Runs the script, its standard output on 6, its standard error on ours. Tells on our standard output: "session
# PID:START", "shell N", and, as the last word of it, since a daemon may hold that pipe, "rest": timed 0|1, left N, ms N. Between
# them, the script's shell says "exit" where it ended by its own will with what looks like a signal (wrapper.c).
fl_inner() {
    trap : HUP INT TERM PIPE
    fl_now
    fl_began=$fl_cs
    fl_deadline=$((fl_cs + fl_timeout * 100))
    if [ -n "$fl_fed" ]; then
        fl_script &
    else
        printf '%s\n' "$fl_s" 2>/dev/null | fl_script &
    fi
    fl_s_pid=$!
    exec 3<&-
    fl_at=
    fl_stat "$fl_s_pid" && fl_at=$fl_s_pid:$fl_start
    ( fl_watch ) </dev/null >/dev/null 2>&1 6>&- &
    fl_w_pid=$!
    fl_tell session "$fl_at"
    fl_wait "$fl_s_pid"
    exec 2>/dev/null 6>&-
    fl_conclude "$fl_w"
}

# W acts at the deadline, not before: where the clock is short of it, W will find that S has ended, and leave.
fl_conclude() { # status of the script's shell
    fl_now
    fl_ms=$(((fl_cs - fl_began) * 10)) fl_timed=0 fl_left=-1 fl_z_pid=
    fl_tell shell "$1"
    if [ "$fl_cs" -ge "$fl_deadline" ]; then
        fl_end_watch
        fl_wait "$fl_w_pid"
        [ "$fl_w" != 9 ] || fl_timed=1
    else
        { read -r fl_z_pid fl_rest <"/proc/$fl_w_pid/task/$fl_w_pid/children"; } 2>/dev/null
        kill -s TERM "$fl_w_pid"
    fi
    fl_l=
    [ "$fl_ms" -ge 1000 ] || fl_l=young
    [ "$fl_act$fl_timed" = look0 ] || fl_scan "$fl_at" "$fl_c" "$fl_l"
    fl_tell rest "$fl_timed" "$fl_left" "$fl_ms"
    exec >/dev/null
    fl_end_watch
}

# Reads one line of what the other layers tell. Fails where nobody is left to tell anything.
fl_hear() { # what to do with the session's name
    IFS=' ' read -r fl_a fl_b fl_d fl_e fl_f || return 1
    [ "$fl_a" != exit ] || fl_exit=1
    [ "$fl_a" = "$fl_n" ] || return 0
    case $fl_b in
    session) $1 "$fl_d" ;;
    shell) fl_shell=$fl_d ;;
    rest) fr_timed=$fl_d fr_left=$fl_e fr_ms=$fl_f ;;
    turn) fl_turn=$fl_d fl_drop=$fl_e ;;
    torn) fl_torn=1 ;;
    over) fl_over=1 fl_first=$fl_d ;;
    gone | alarm) fl_over=$fl_b ;;
    esac
}

# Reads what the inner layer tells, until its last word. For a script that was killed by a signal its shell's status is
# 128 and the signal's number; a script may exit with that, too, but then its shell says so.
fl_listen() { # what to do with the session's name
    fl_shell= fl_exit= fr_signal= fr_status=-1 fr_timed= fr_left= fr_ms=
    while [ -z "$fr_ms" ] && fl_hear "$1"; do :; done
    [ -n "$fl_shell" ] || return 0
    fr_status=$fl_shell
    if [ "$fl_shell" -gt 128 ] && [ -z "$fl_exit" ]; then
        fr_signal=$(kill -l "$fl_shell" 2>/dev/null) && fr_signal=${fr_signal#SIG} fr_status=-1
    fi
}

# A look's answer goes out as it comes: the script writes to it, and behind that stands how it ended.
fl_run_look() {
    fl_say out
    fl_send_words
    exec 6>&1
    fl_feed
    fl_inner 2>&7 7>&- | {
        exec 6>&- 7>&-
        fl_listen :
        fl_gap
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
