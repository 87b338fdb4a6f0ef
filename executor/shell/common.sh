# Every layer: what is said back, time, and processes as /proc shows them. All names begin with fl_; nothing here is
# ever exported. Lines that begin with # are not sent.

# One line of the answer. The first word is the boundary of this request, which no script can guess.
fl_say() {
    printf '%s %s\n' "$fl_n" "$*"
}

# The end of the answer, and of this shell.
fl_litter=
fl_bye() {
    fl_say end
    [ -z "$fl_litter" ] || fl_clean
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

# The process that runs this line; $$ is another one in a subshell. Reading a line of /proc costs a third of a millisecond,
# for a shell asks for each byte: so this, and fl_stat, only where it must be.
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
fl_alive() { # pid:start
    [ -n "$1" ] && fl_stat "${1%:*}" && [ "$fl_start" = "${1#*:}" ] && [ "$fl_st" != Z ]
}

# wait, also when a signal interrupts it. Sets fl_w.
fl_wait() {
    while :; do
        wait "$1"
        fl_w=$?
        [ "$fl_w" -gt 128 ] && fl_whoami && fl_stat "$1" && [ "$fl_pp" = "$fl_pid" ] || return 0
    done
}

# Sets fl_pids to what belongs to a step: who carries its mark in the environment, who is in its session, and the
# children of these. Who left the session and washed the environment is not found. The number of the session's first
# process may be another's by now: then only the mark counts. One grep finds the first two kinds; as a rule there are
# none, and then there is nothing whose children could be looked for.
fl_scan() { # session as pid:start, mark, "young" where the step began within the last second
    fl_pids=' ' fl_left=0 fl_of=${1%:*}
    fl_stat "$fl_of" && [ "$fl_start" != "${1#*:}" ] && fl_of=
    fl_files='/proc/[0-9]*/environ /proc/[0-9]*/stat'
    [ -z "$3" ] || fl_young "${1%:*}"
    [ -n "$fl_files" ] || return 0
    for fl_f in $(grep -ls -e "FIRSTLINE_STEP=$2" -e ") [A-Za-z] [0-9]* [0-9]* ${fl_of:-none} " $fl_files); do
        fl_p=${fl_f%/*} fl_p=${fl_p##*/}
        case $fl_pids in *" $fl_p "*) continue ;; esac
        fl_stat "$fl_p" && [ "$fl_st" != Z ] || continue
        case $fl_f in */stat) [ "$fl_sid" = "$fl_of" ] || continue ;; esac
        fl_pids="$fl_pids$fl_p "
    done
    [ "$fl_pids" != ' ' ] || return 0
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
    for fl_p in $fl_pids; do fl_left=$((fl_left + 1)); done
}

# Numbers of processes grow, and begin anew at the top: within a second they do not come round to where they were. So
# what has been started since lies above the session's first process, or above it and below the youngest of all.
fl_young() { # pid
    : &
    fl_files=
    for fl_f in /proc/[0-9]*; do
        fl_p=${fl_f#/proc/}
        if [ "$!" -gt "$1" ]; then
            [ "$fl_p" -gt "$1" ] && [ "$fl_p" -lt "$!" ]
        else
            [ "$fl_p" -gt "$1" ] || [ "$fl_p" -lt "$!" ]
        fi && [ "$fl_p" != "$fl_w_pid" ] && fl_files="$fl_files $fl_f/environ $fl_f/stat"
    done
}

# Ends what belongs to a step: TERM, and after a while KILL. Leaves the number of those that would not go in fl_left.
fl_end_all() { # session as pid:start, mark, seconds between
    fl_now
    fl_until=$((fl_cs + $3 * 100))
    fl_told=' '
    while fl_scan "$1" "$2"; [ "$fl_left" -gt 0 ]; do
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
