# Every layer: what is said back, time, and processes as /proc shows them. All names begin with fl_; nothing here is
# ever exported. Lines that begin with # are not sent.

# One line of the answer. The first word is the boundary of this request, which no script can guess.
fl_say() {
    printf '%s %s\n' "$fl_n" "$*"
}

# The end of the answer, and of this shell.
fl_bye() {
    fl_say end
    exit 0
}

fl_refuse() { # verdict, sentence
    fl_say verdict "$1"
    [ -z "$2" ] || fl_say text "$2"
    fl_bye
}

fl_has() {
    command -v "$1" >/dev/null 2>&1
}

fl_nap() {
    sleep "$1" 2>/dev/null || sleep 1
}

# Hundredths of a second since boot: not moved by anyone who sets the clock.
fl_now() {
    read -r fl_u fl_rest </proc/uptime
    fl_cs=${fl_u%.*}${fl_u#*.}
}

# The process that runs this line; $$ is another one in a subshell.
fl_whoami() {
    read -r fl_pid fl_rest </proc/self/stat
}

# Sets fl_st (state) fl_pp (parent) fl_sid (session) fl_start (ticks after boot) of a process; fails when it is gone.
# The name in the middle may hold spaces, brackets and newlines.
fl_stat() {
    fl_l=
    { while IFS= read -r fl_m || [ -n "$fl_m" ]; do fl_l="$fl_l $fl_m"; done <"/proc/$1/stat"; } 2>/dev/null
    case $fl_l in *') '*) ;; *) return 1 ;; esac
    set -- ${fl_l##*) }
    fl_st=$1 fl_pp=$2 fl_sid=$4 fl_start=${20}
}

# Whether the process with this number is still the one that began then.
fl_alive() { # pid, start
    [ -n "$1" ] && fl_stat "$1" && [ "$fl_start" = "$2" ] && [ "$fl_st" != Z ]
}

# wait, also when a signal interrupts it. Sets fl_w.
fl_wait() {
    while :; do
        wait "$1"
        fl_w=$?
        [ "$fl_w" -gt 128 ] && fl_stat "$1" && [ "$fl_pp" = "$fl_pid" ] || return 0
    done
}

# Sets fl_pids to what belongs to a step: who carries its mark in the environment, who is in its session, and the
# children of these. Who left the session and washed the environment is not found. The number of the session's first
# process may be another's by now: then only the mark counts.
fl_scan() { # session, its start, mark
    fl_pids=' ' fl_of=$1
    fl_stat "$1" && [ "$fl_start" != "$2" ] && fl_of=
    for fl_f in $(grep -l "FIRSTLINE_STEP=$3" /proc/[0-9]*/environ 2>/dev/null); do
        fl_f=${fl_f#/proc/}
        fl_stat "${fl_f%/environ}" && [ "$fl_st" != Z ] && fl_pids="$fl_pids${fl_f%/environ} "
    done
    fl_more=1
    while [ "$fl_more" = 1 ]; do
        fl_more=0
        for fl_f in /proc/[0-9]*; do
            fl_p=${fl_f#/proc/}
            case $fl_pids in *" $fl_p "*) continue ;; esac
            fl_stat "$fl_p" && [ "$fl_st" != Z ] || continue
            case "$fl_pids$fl_of " in
            *" $fl_pp "*) ;;
            *) [ "$fl_sid" = "$fl_of" ] || continue ;;
            esac
            fl_pids="$fl_pids$fl_p "
            fl_more=1
        done
    done
    fl_left=0
    for fl_p in $fl_pids; do fl_left=$((fl_left + 1)); done
}

# Ends what belongs to a step: TERM, and after a while KILL. Leaves the number of those that would not go in fl_left.
fl_end_all() { # session, its start, mark, seconds between
    fl_now
    fl_until=$((fl_cs + $4 * 100))
    fl_told=' '
    while fl_scan "$1" "$2" "$3"; [ "$fl_left" -gt 0 ]; do
        fl_now
        [ "$fl_cs" -lt "$((fl_until + 200))" ] || return 0
        for fl_p in $fl_pids; do
            if [ "$fl_cs" -ge "$fl_until" ]; then
                kill -s KILL "$fl_p"
            else
                case $fl_told in *" $fl_p "*) ;; *) kill -s TERM "$fl_p" ;; esac
            fi
        done 2>/dev/null
        fl_told=$fl_pids
        fl_nap 0.1
    done
}
