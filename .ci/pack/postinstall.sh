#!/bin/sh
# After an installation or an update: systemd reads the unit, and a relay that runs goes on
# with the new program.
set -e
if [ -z "${DPKG_ROOT-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart stoa-relay.service || true
fi
