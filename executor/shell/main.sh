# Where each layer's shell begins. All of them are given this same text on standard input, read it to its end, and only
# then begin: it is one pair of braces, so what was cut off on its way does nothing.

fl_start_inner='read -r fl_l </proc/self/stat; echo "ready $fl_l"; LC_ALL=C; export LC_ALL; unset fl fl_role; fl_role=inner; fl=$(cat); eval "$fl"'
fl_start_helper='LC_ALL=C; export LC_ALL; unset fl fl_role fl_do fl_mark fl_session; fl_role=helper; fl=$(cat); eval "$fl"'
fl_start_script='unset fl; fl=$(cat); eval "$fl"'

fl_main() {
    umask 077
    cd /
    PATH=$fl_path
    export PATH
    unset ENV BASH_ENV CDPATH
    case $fl_role in
    inner) if [ "$fl_act" = look ]; then fl_run_look; else fl_run_inner; fi; exit 0 ;;
    helper) fl_whoami; fl_helper; exit $? ;;
    esac
    trap : HUP INT TERM PIPE
    # A printf that is a program would show script and values in the process list.
    PATH=/nonexistent
    printf '' 2>/dev/null || { PATH=$fl_path; fl_refuse unfit 'printf is not built into this shell'; }
    PATH=$fl_path
    printf '\nfirstline-wrapper 1 %s\n' "$fl_n"
    [ -r /proc/self/stat ] && [ -r /proc/uptime ] || fl_refuse unfit 'there is no /proc'
    fl_pid=$$
    # Who says to be that user is asked for proof; who says not to be goes by sudo, which does no harm.
    [ -z "$fl_become" ] || [ "$fl_become" != "${LOGNAME-}" ] || [ "$fl_become" != "$(id -un)" ] || fl_become=
    fl_act
}

fl_act() {
    case $fl_act in
    look) fl_look ;;
    contact) fl_contact ;;
    esac
    fl_dir=r.$fl_run fl_key=$fl_step.$fl_attempt
    fl_rec=$fl_dir/$fl_key.record
    fl_enter
    case $fl_act in
    recover) fl_recover ;;
    ask | end) fl_ask ;;
    esac
}

fl_look() {
    if [ -z "$fl_become" ]; then
        fl_run_look
        exit 0
    else
        fl_has sudo || fl_refuse nobecome 'there is no sudo'
        printf '%s\n' "$fl" 2>/dev/null | sudo -n -u "$fl_become" -- "$fl_sh" -c "$fl_start_inner"
    fi
    fl_say verdict ended
    fl_bye
}
