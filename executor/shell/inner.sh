# The inner layer: runs as the user that the step names, owns the session and the deadline, and so can end whatever
# runs there. It knows nothing of lock, token or record. Where no other user is asked for, it is the outer shell itself. Below
# its shell (I), which waits, stand the script's shell (S), the first of a session of its own, and a watchdog (W), outside the
# session, which ends it at the deadline.

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

# The same, with nothing to wait for, where the kernel names W's sleep: that and W are killed. Stopped, W begins no other.
fl_call_off_watch() {
    kill -s STOP "$fl_w_pid"
    if { read -r fl_z_pid fl_rest; :; } <"/proc/$fl_w_pid/task/$fl_w_pid/children"; then
        kill -s KILL "$fl_w_pid" $fl_z_pid
    else
        kill -s CONT "$fl_w_pid"
        fl_end_watch
    fi
} 2>/dev/null

# A pipe to S, 7 and 8, at the cost of no process.
fl_feed() {
    fl_fed=
    fl_pair 2>/dev/null && exec 7<&3 8>&4 && fl_fed=1
    exec 3<&- 4>&-
}

# S. A long script goes to a cat, since some shells ask for each byte that they read by themselves.
fl_script() {
    FIRSTLINE_STEP=$fl_c
    export FIRSTLINE_STEP
    fl_setsid=
    ! fl_has setsid || fl_setsid=setsid
    [ "$fl_act" = look ] || exec 2>&6
    if [ -n "$fl_fed" ] && [ "${#fl_s}" -le 2000 ]; then
        exec $fl_setsid "$fl_sh" 5>&4 >&6 4>&- 6>&-
    else
        exec $fl_setsid "$fl_sh" -c "$fl_start_script" 5>&4 >&6 4>&- 6>&-
    fi
}

# I, as another user: tells the outer shell on our standard output; what the script writes goes to our standard error.
fl_run_inner() {
    fl_feed
    exec 4>&1 6>&2 >/dev/null
    fl_tells=1
    fl_inner
}

# What I has to say of the script: told, or heeded at once where I and the outer shell are the same.
fl_tells= fl_relay_pid= fl_alone=
fl_report() {
    if [ -n "$fl_tells" ]; then fl_tell "$@"; else fl_heed "$@"; fi
}

# Runs the script, its output on 6. Reports "session PID:START" before the script goes out, "shell N", and, as the last word
# of it, since a daemon may hold 4, "rest": timed 0|1, left N, ms N. Between them, the script's shell says "exit" on 4 where it
# ended by its own will with what looks like a signal (wrapper.c). S and W are forked, and S is named, while the script is
# still in our hands: should we die before, S finds the end of its input and nothing to do.
fl_inner() {
    trap : HUP INT TERM PIPE
    fl_now
    fl_began=$fl_cs
    fl_deadline=$((fl_cs + fl_timeout * 100))
    if [ -n "$fl_fed" ]; then
        fl_script <&7 3<&- 7<&- 8>&- &
    else
        printf '%s\n' "$fl_s" 2>/dev/null | fl_script 3<&- &
    fi
    fl_s_pid=$! fl_start=0
    exec 6>&- 7<&-
    fl_stat "$fl_s_pid"
    fl_at=$fl_s_pid:$fl_start
    ( fl_watch ) </dev/null >/dev/null 2>&1 3<&- 4>&- 8>&- &
    fl_w_pid=$!
    fl_report session "$fl_at"
    [ -z "$fl_fed" ] || printf '%s\n' "$fl_s" 2>/dev/null >&8
    exec 8>&-
    fl_wait "$fl_s_pid"
    exec 2>/dev/null
    fl_conclude "$fl_w"
}

# W acts at the deadline, not before: where the clock is short of it, W will find that S has ended, and leave.
fl_conclude() { # status of the script's shell
    fl_now
    fl_ms=$(((fl_cs - fl_began) * 10)) fl_timed=0 fl_left=-1 fl_z_pid=
    fl_report shell "$1"
    if [ "$fl_cs" -ge "$fl_deadline" ]; then
        fl_end_watch
        fl_wait "$fl_w_pid"
        [ "$fl_w" != 9 ] || fl_timed=1
    else
        fl_call_off_watch
    fi
    fl_l=
    [ "$fl_ms" -ge 1000 ] || fl_l=young
    [ "$fl_act$fl_timed" = look0 ] || fl_scan "$fl_at" "$fl_c" "$fl_l"
    fl_report rest "$fl_timed" "$fl_left" "$fl_ms"
    exec 4>&-
}

# Reads one line of what is told, from 3. Fails where nobody is left to tell anything.
fl_hear() {
    IFS=' ' read -r fl_a fl_b <&3 || return 1
    [ "$fl_a" != exit ] || fl_exit=1
    [ "$fl_a" != "$fl_n" ] || fl_heed $fl_b
}

fl_heed() {
    case $1 in
    session) [ "$fl_act" = look ] || fl_write_session "$2" ;;
    shell) fl_shell=$2 ;;
    rest) fr_timed=$2 fr_left=$3 fr_ms=$4 ;;
    torn) fl_torn=1 ;;
    over) fl_over=1 fl_first=$2 fl_turn=$3 fl_drop=$4 ;;
    gone | alarm) fl_over=$1 ;;
    esac
}

# For a script that was killed by a signal its shell's status is 128 and the signal's number; a script may exit with that,
# too, but then its shell says so.
fl_name_end() {
    fr_signal= fr_status=-1
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
    fl_feed
    exec 6>&1
    fl_shell= fl_exit= fl_over= fr_ms=
    if fl_pair 2>/dev/null; then
        fl_inner
        if [ "$fl_shell" -gt 128 ]; then
            ( fl_tell over ) </dev/null >/dev/null 4>/proc/self/fd/3 3<&- & # not by ourselves: the script may have filled it
            while [ -z "$fl_over" ] && fl_hear; do :; done
        fi
        fl_look_ended
    else
        { fl_tells=1; exec 3<&- 4>&1 >/dev/null; fl_inner; } |
            { exec 3<&0 6>&- 7<&- 8>&-; while [ -z "$fr_ms" ] && fl_hear; do :; done; fl_look_ended; }
    fi
}

fl_look_ended() {
    fl_name_end
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
