# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# A mail by STARTTLS and one by smtps; what it sends itself is few bytes.
label=Postfix

version() {
    in_root postconf -c "$work/postfix" -h mail_version |
        grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    rm -rf "$work/postfix" "$work/spool" "$work/mail" "$work/state"
    mkdir -p "$work/postfix" "$work/spool" "$work/mail" "$work/state"
    cat >"$work/postfix/main.cf" <<END
compatibility_level = 3.6
queue_directory = $work/spool
data_directory = $work/state
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
sendmail_path = /usr/sbin/sendmail
mailq_path = /usr/bin/mailq
newaliases_path = /usr/bin/newaliases
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = localhost.test
mydestination =
inet_interfaces = $SRV4
inet_protocols = ipv4
mynetworks = 0.0.0.0/0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_cert_file = $work/cert.pem
smtpd_tls_key_file = $work/key.pem
smtpd_tls_security_level = encrypt
smtputf8_enable = no
message_size_limit = 20000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.test
virtual_mailbox_base = $work/mail
virtual_mailbox_maps = static:box/
virtual_minimum_uid = 1
virtual_uid_maps = static:901
virtual_gid_maps = static:901
alias_maps =
alias_database =
maillog_file = /dev/stdout
END
    cat >"$work/postfix/master.cf" <<END
25 inet n - n - - smtpd
465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
END
    (
        cd "$work/spool" || exit
        mkdir active bounce corrupt defer deferred flush hold incoming \
            maildrop private public saved trace
    )
    chown -R 901:901 "$work/mail" "$work/state" "$work/spool"
    chown 0:0 "$work/spool"
    mkdir "$work/spool/pid"
    app server /usr/lib/postfix/sbin/master -c "$work/postfix" -s
    wait_for -t 60 listening 465
}

delivered() {
    set -- "$work"/mail/box/new/*
    [ -f "$1" ]
}

# mail TLS URL [OPTIONS]
mail() {
    local tls=$1 url=$2
    shift 2
    rm -rf "$work/mail/box"
    cli curl -sS --max-time 120 --cacert "$work/cert.pem" --tlsv"$tls" \
        --tls-max "$tls" --mail-from me@example.test \
        --mail-rcpt you@example.test -T "$work/up" --crlf \
        -w '%{response_code} %{size_upload}\n' "$@" "$url" \
        >"$work/codes" || fail "$name: curl $tls: $? $(<"$work/codes")"
    seen "TLS $tls $url $(<"$work/codes")"
    wait_for delivered
    sed '1,/^$/d' "$work"/mail/box/new/* >"$work/taken"
    uploaded "$work/taken"
}

use() {
    mail "$1" smtp://$SRV4:25/client.test --ssl-reqd
    mail "$1" smtps://$SRV4:465/client.test
}
