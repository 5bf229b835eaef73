#!/bin/sh
# Fills the template in and becomes nginx.
set -eu

export NGINX_LISTEN="${NGINX_LISTEN:-80}"
# Where the services are; Docker's name server answers for them.
export FLASK_APP="${FLASK_APP:-flask_app:5000}"
export PANEL_APP="${PANEL_APP:-panel_app:5006}"
export NGINX_RESOLVER="${NGINX_RESOLVER:-127.0.0.11}"
# The largest upload, the same as the services'.
export UPLOAD_LIMIT_MB="${UPLOAD_LIMIT_MB:-200}"
# How long a client, and how long a service, may say nothing.
export NGINX_CLIENT_TIMEOUT="${NGINX_CLIENT_TIMEOUT:-60s}"
export NGINX_READ_TIMEOUT="${NGINX_READ_TIMEOUT:-10m}"
export NGINX_CACHE="${NGINX_CACHE:-/tmp/nginx/cache}"

mkdir -p /tmp/nginx
# Only these: the rest of what begins with a dollar sign is nginx's own.
envsubst '$NGINX_LISTEN $FLASK_APP $PANEL_APP $NGINX_RESOLVER $UPLOAD_LIMIT_MB $NGINX_CLIENT_TIMEOUT $NGINX_READ_TIMEOUT $NGINX_CACHE' \
  </etc/nginx/templates/default.conf.template >/tmp/nginx/site.conf
exec nginx -c /etc/nginx/climsim.conf "$@"
