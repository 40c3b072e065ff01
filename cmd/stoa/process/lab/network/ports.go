//go:build linux

// Routers that map ports when they are asked to (UPnP IGD, NAT-PMP, PCP): miniupnpd.

package network

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"stoa/cmd/stoa/process/lab/child"
)

// upnpd is the configuration of miniupnpd, which keeps its files in a folder (%s) and its
// rules in the chains of portRules.
const upnpd = `ext_ifname=wan
listening_ip=lan
http_port=0
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
system_uptime=yes
upnp_table_name=firewall
upnp_nat_table_name=firewall
lease_file=%[1]s/leases
uuid=00000000-0000-4000-8000-000000000001
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

// upnpdReady is what miniupnpd says when it can be asked.
const upnpdReady = "Listening for NAT-PMP/PCP"

// A mapper is a miniupnpd on a router.
type mapper struct {
	cmd *exec.Cmd
	dir string // of its files
}

// mapPorts starts one on the router of a site and waits until it can be asked.
func (n *Network) mapPorts(s string) (err error) {
	m := &mapper{}
	n.mappers = append(n.mappers, m)
	if m.dir, err = os.MkdirTemp("", "stoa-lab-upnp-"); err != nil {
		return err
	}
	config := filepath.Join(m.dir, "config")
	if err := os.WriteFile(config, fmt.Appendf(nil, upnpd, m.dir), 0o600); err != nil {
		return err
	}
	m.cmd = exec.Command("ip", "netns", "exec", n.space(s), "miniupnpd", "-d", "-f", config, "-P", filepath.Join(m.dir, "pid"))
	m.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	said, err := m.cmd.StderrPipe()
	if err == nil {
		err = child.Start(m.cmd)
	}
	if err != nil {
		m.cmd = nil
		return err
	}
	lines := bufio.NewScanner(said)
	var last string
	for lines.Scan() {
		if last = lines.Text(); strings.Contains(last, upnpdReady) {
			go io.Copy(io.Discard, said) // until it ends
			return nil
		}
	}
	return fmt.Errorf("miniupnpd, which is needed for ports=yes (Debian: miniupnpd-nftables), does not work on %s: %s", s, last)
}

func (m *mapper) close() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
	_ = os.RemoveAll(m.dir)
}
