#!/bin/sh
# Before the package goes, which dpkg calls remove and rpm 0: a relay that runs moves its
# listeners elsewhere and ends.
set -e
case "${1-}" in
remove | 0)
	if [ -z "${DPKG_ROOT-}" ] && [ -d /run/systemd/system ]; then
		systemctl disable --now stoa-relay.service || true
	fi
	;;
esac
