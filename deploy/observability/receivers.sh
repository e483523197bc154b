# Prints the configuration of Alertmanager: the file that it is given, and the receivers from the settings ALERT_….
# Runs in the container of Alertmanager before it, by busybox's sh. A file that has receivers is printed as it is.
set -eu

refuse() {
    echo "$1" >&2
    exit 2
}

# A text as YAML has it in single quotes.
quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"
}

# The lines of one receiver: its name, its webhook, its mailbox; the last two may be empty.
receiver() {
    echo "  - name: $1"
    if [ "$2" ]; then
        case $2 in https://?*) ;; *) refuse "the webhook of the receiver $1 is https://host/path" ;; esac
        echo "    webhook_configs:"
        printf '      - { send_resolved: %s, url: %s' "$4" "$(quoted "$2")"
        if [ "$ALERT_TOKEN" ] && [ "$1" != dead-man ]; then
            printf ', http_config: { authorization: { credentials: %s } }' "$(quoted "$ALERT_TOKEN")"
        fi
        echo " }"
    fi
    if [ "$3" ]; then
        [ "$ALERT_SMTP_HOST" ] || refuse "mail to $3 needs ALERT_SMTP_HOST, such as mail.example.org:587"
        echo "    email_configs:"
        printf '      - { send_resolved: %s, to: %s }\n' "$4" "$(quoted "$3")"
    fi
}

for name in TICKET_URL TICKET_MAIL PAGE_URL PAGE_MAIL WATCHDOG_URL TOKEN SMTP_HOST SMTP_USER SMTP_PASSWORD MAIL_FROM; do
    eval "ALERT_$name=\${ALERT_$name:-}"
done

cat "$1"
if grep -q '^receivers:' "$1"; then
    exit 0
fi
if [ "$ALERT_SMTP_HOST" ]; then
    case $ALERT_SMTP_HOST in *?:[0-9]*) ;; *) refuse "ALERT_SMTP_HOST is host:port, such as mail.example.org:587" ;; esac
    case $ALERT_MAIL_FROM in ?*@?*) ;; *) refuse "ALERT_MAIL_FROM must be the sender's address of mails" ;; esac
    echo "global:"
    echo "  smtp_require_tls: true" # by STARTTLS, or from the first byte at port 465
    echo "  smtp_smarthost: $(quoted "$ALERT_SMTP_HOST")"
    echo "  smtp_from: $(quoted "$ALERT_MAIL_FROM")"
    if [ "$ALERT_SMTP_USER" ]; then
        echo "  smtp_auth_username: $(quoted "$ALERT_SMTP_USER")"
        echo "  smtp_auth_password: $(quoted "$ALERT_SMTP_PASSWORD")"
    fi
fi
if [ -z "$ALERT_PAGE_URL$ALERT_PAGE_MAIL" ]; then # then tickets are all that there is
    ALERT_PAGE_URL=$ALERT_TICKET_URL ALERT_PAGE_MAIL=$ALERT_TICKET_MAIL
fi
[ "$ALERT_TICKET_URL$ALERT_TICKET_MAIL" ] || echo "no receiver is set: alerts reach only those who open Grafana" >&2
[ "$ALERT_WATCHDOG_URL" ] || echo "ALERT_WATCHDOG_URL is not set: nothing says that alerting itself has stopped" >&2
echo "receivers:"
receiver ticket "$ALERT_TICKET_URL" "$ALERT_TICKET_MAIL" true
receiver page "$ALERT_PAGE_URL" "$ALERT_PAGE_MAIL" true
receiver dead-man "$ALERT_WATCHDOG_URL" "" false
