#!/bin/sh
# After the package has gone, or has made place for another of it.
set -e
if [ -z "${DPKG_ROOT-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
