# Every layer: what is said back, time, and processes as /proc shows them. All names begin with fl_; nothing here is
# ever exported. Lines that begin with # are not sent.

# One line from layer to layer, on 4. The first word is the boundary of this request, which no script can guess. Begins with a
# newline: what another has written in part stays a line of its own.
fl_tell() {
    printf '\n%s %s\n' "$fl_n" "$*" >&4
}

# One line of the answer. The lines go out together: each write wakes sshd and our side, and is a packet.
fl_words=
fl_say() {
    fl_words="$fl_words$fl_n $*
"
}

# Behind what a script wrote, which may have ended in the middle of a line.
fl_gap() {
    fl_words="$fl_words
"
}

fl_send_words() {
    printf '%s' "$fl_words"
    fl_words=
}

# The end of the answer, and of this shell.
fl_litter=
fl_bye() {
    fl_say end
    fl_send_words
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

# A pipe of which we hold both ends, 3 and 4, at the cost of no process: a here-document comes through one, and /proc opens
# its other end. Fails where a shell has a file in its place, as bash before 5.1.
fl_pair() {
    command exec 3<<E && read -r fl_l <&3 && [ -p /proc/self/fd/3 ] && command exec 4>/proc/self/fd/3
.
E
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

fl_self=
# Sets fl_self to this shell, as pid:start.
fl_know_self() {
    [ -n "$fl_self" ] || { fl_stat "$fl_pid" && fl_self=$fl_pid:$fl_start; }
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
# process may be another's by now: then only the mark counts. One grep finds the first two kinds, one more each generation of
# children; as a rule there are none of the first, and then there is nothing whose children could be looked for.
fl_scan() { # session as pid:start, mark, "young" where the step began within the last second
    fl_pids=' ' fl_left=0 fl_of=${1%:*}
    fl_stat "$fl_of" && [ "$fl_start" != "${1#*:}" ] && fl_of=
    fl_files='/proc/[0-9]*/environ /proc/[0-9]*/stat'
    [ -z "$3" ] || fl_young "${1%:*}"
    [ -n "$fl_files" ] || return 0
    set -- -e "FIRSTLINE_STEP=$2" -e ") [A-Za-z] ${fl_of:-none} " -e ") [A-Za-z] [0-9]* [0-9]* ${fl_of:-none} "
    while [ $# -gt 0 ]; do
        fl_new=
        for fl_f in $(grep -ls "$@" $fl_files); do
            fl_p=${fl_f%/*} fl_p=${fl_p##*/}
            case $fl_pids$fl_new in *" $fl_p "*) continue ;; esac
            fl_stat "$fl_p" && [ "$fl_st" != Z ] || continue
            case $fl_f in */stat) case "$fl_pids$fl_of " in *" $fl_pp "* | *" $fl_sid "*) ;; *) continue ;; esac ;; esac
            fl_new="$fl_new$fl_p "
        done
        fl_pids="$fl_pids$fl_new"
        fl_files='/proc/[0-9]*/stat'
        set --
        for fl_p in $fl_new; do set -- "$@" -e ") [A-Za-z] $fl_p "; fl_left=$((fl_left + 1)); done
    done
}

# One that has ended, or what the relay reads with.
fl_no_matter() { # pid
    ! fl_stat "$1" || [ "$fl_st" = Z ] || [ "$fl_pp" = "$fl_relay_pid" ]
}

# Numbers of processes grow, and begin anew at the top: within a second they do not come round to where they were. So what has
# been started since lies above the session's first process and not above the youngest of all, whose number the kernel tells
# with no process to find it out. As a rule that are few numbers, and nobody but the watchdog and its sleep has them: fl_alone.
# Where the numbers began anew, or what stands there is not of this machine (a container may show its host's), all are
# looked at.
fl_young() { # pid
    read -r fl_a fl_b fl_d fl_e fl_top fl_rest </proc/loadavg || return 0
    case $fl_top in '' | *[!0-9]*) return 0 ;; esac
    [ "$fl_w_pid" -gt "$1" ] && [ "$fl_top" -ge "$fl_w_pid" ] && [ "$fl_top" -ge "${fl_z_pid:-0}" ] || return 0
    [ "$((fl_top - $1))" -lt 200 ] || return 0
    fl_files= fl_p=$1
    while fl_p=$((fl_p + 1)); [ "$fl_p" -le "$fl_top" ]; do
        case $fl_p in "$fl_w_pid" | "$fl_z_pid") continue ;; esac
        [ ! -e "/proc/$fl_p" ] || fl_no_matter "$fl_p" || fl_files="$fl_files /proc/$fl_p/environ /proc/$fl_p/stat"
    done
    [ -n "$fl_files" ] || fl_alone=1
} 2>/dev/null

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
