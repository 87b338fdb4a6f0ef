# First contact: what the machine is, which folder it keeps, and that folder's memory.

fl_contact() {
    fl_fit ls mkdir ln mv rm id dd
    fl_uid=$(id -u)
    fl_say uid "$fl_uid"
    fl_say login "$(id -un)"
    read -r fl_boot_now <"$fl_boot_file" || fl_refuse unfit 'the boot id cannot be read'
    fl_say boot "$fl_boot_now"
    fl_id=
    { read -r fl_id </etc/machine-id; } 2>/dev/null
    fl_say machine "$fl_id"
    fl_l=
    for fl_f in setsid flock sudo timeout; do fl_has "$fl_f" && fl_l="$fl_l $fl_f"; done
    fl_say tools $fl_l
    # Whether a line was written is asked of printf, each time.
    [ ! -c /dev/full ] || ! { printf x >/dev/full; } 2>/dev/null || fl_refuse unfit 'printf does not tell when a disk is full'
    fl_fit dd cat head tail wc sleep grep find tr
    fl_pair 2>/dev/null || fl_fit mkfifo
    [ -n "$fl_machine" ] || fl_machine=$fl_id
    case $fl_machine in '' | *[!0-9A-Za-z._-]*) fl_refuse unfit 'there is no machine-id: name the machine in the inventory' ;; esac
    fl_choose
    fl_say folder "$fl_folder"
    fl_remember
    fl_say memory "$fl_mem"
    fl_forget_old
    fl_reserve
    [ -s reserve.1 ] && [ -s reserve.2 ] || fl_say text 'no room for the reserve: a full disk may stop a recover'
    fl_refuse done
}

# A folder that the inventory or an earlier contact has fixed, or the first that will do. Never another one than the
# fixed: two folders on a machine are two fences.
fl_choose() {
    if [ -n "$fl_folder" ]; then
        fl_try "$fl_folder" || fl_refuse nofolder "$fl_folder: $fl_flaw"
        return
    fi
    if [ -O /run/firstline ] && fl_try /run/firstline; then return; fi
    # systemd-logind empties /dev/shm for users who are not the system's, at their last logout.
    if [ "$fl_uid" -lt 1000 ] && fl_try "/dev/shm/firstline.$fl_uid"; then return; fi
    case $HOME in
    /?*)
        fl_state=${XDG_STATE_HOME:-$HOME/.local/state}
        mkdir -p "$fl_state" 2>/dev/null
        if fl_l=$(cd -P "$fl_state" 2>/dev/null && printf '%s' "$PWD") && fl_try "$fl_l/firstline"; then return; fi
        ;;
    esac
    if fl_try "/var/tmp/firstline.$fl_uid"; then return; fi
    if fl_try "/tmp/firstline.$fl_uid"; then return; fi
    fl_refuse nofolder "no folder could be made: $fl_flaw"
}

# Written by nobody else. What a request of this holder enters later is the same folder: it names its memory.
fl_closed() {
    fl_l=$(ls -ldn . 2>/dev/null) || return 1
    case $fl_l in d????w* | d???????w*) return 1 ;; esac
}

# Makes the folder and ours in it, and enters that. The memory is looked for or made, too: a full one will not do.
fl_try() {
    fl_flaw='not writable, or full'
    case $1 in *[!0-9A-Za-z._/+@-]*) fl_flaw='a character in its name'; return 1 ;; esac
    [ -d "$1" ] || mkdir "$1" 2>/dev/null || mkdir -p "$1" 2>/dev/null || return 1
    fl_ours "$1" && fl_closed || { fl_flaw='a link, not owned by this user, or writable by others'; return 1; }
    mkdir -p "$1/$fl_cluster/$fl_machine" 2>/dev/null
    fl_ours "$1/$fl_cluster/$fl_machine" && fl_closed || return 1
    chmod 700 . 2>/dev/null
    fl_folder=$1
    fl_memory || fl_make_memory
}

# Whoever links the name first has made the memory.
fl_make_memory() {
    fl_kind=link
    fl_has flock && fl_kind=flock
    printf '' >>lock || return 1
    fl_t=new.$fl_pid
    printf 'firstline-wrapper 1\nid %s\nlock %s\nend\n' "$fl_new_memory" "$fl_kind" >"$fl_t" && fl_whole "$fl_t" &&
        ln "$fl_t" memory
    rm -f "$fl_t"
    fl_memory
} 2>/dev/null

fl_remember() {
    fl_memory || fl_refuse nofolder "$fl_folder: its memory cannot be read"
}

# Runs in whose folder no attempt began for more than 8 days. An attempt lasts a day at most: its record has been there for
# 7 days since.
fl_forget_old() {
    find . -type d -name 'r.*' -mtime +8 -prune -exec rm -rf '{}' + 2>/dev/null
    find . -type f \( -name 'new.*' -o -name 'own.*' \) -mtime +1 -exec rm -f '{}' + 2>/dev/null
}
