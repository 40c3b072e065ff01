//go:build linux

// Who has which name and address, and the scripts that give them out.

package network

import (
	"fmt"
	"strings"

	"stoa/cmd/stoa/process/lab/scenario"
)

const internet = "net"

func router(s scenario.Site) string  { return "r-" + s.Name }
func carrier(s scenario.Site) string { return "c-" + s.Name }
func machine(n scenario.Node) string { return "m-" + n.Name }

// uplink is a site's interface on the internet, and port a machine's at its router.
func uplink(site int) string { return fmt.Sprintf("site%d", site+1) }
func port(node int) string   { return fmt.Sprintf("port%d", node+1) }

// space is the name of a namespace.
func (n *Network) space(name string) string { return n.id + "-" + name }

// iface is the interface by which a node's machine is connected now. A move gives it
// another name, as another adapter would have.
func (n *Network) iface(node int) string { return fmt.Sprintf("eth%d", n.links[node]) }

// wan4 is the public IPv4 address of a site, and wan6 its IPv6 address on the uplink.
func wan4(site int) string { return fmt.Sprintf("31.%d.255.2", site+1) }

// inner4 is the network in a site, without its last number.
func inner4(site int, s scenario.Site) string {
	if s.NAT == scenario.NoNAT && !s.Offline {
		return fmt.Sprintf("31.%d.1.", site+1)
	}
	return "192.168.1."
}

func outer6(site int) string { return fmt.Sprintf("2b00:%x::", site+1) }
func inner6(site int) string { return fmt.Sprintf("2b00:%x:1::", site+1) }

// firstMachine is the last number of the address of node 0. Each node has the next.
const firstMachine = 10

// public4 and public6 are the addresses under which others know a node.
func (n *Network) public4(node int) string {
	site := n.at[node]
	if s := n.sc.Sites[site]; s.NAT == scenario.NoNAT || s.Offline {
		return fmt.Sprintf("%s%d", inner4(site, s), firstMachine+node)
	}
	return wan4(site)
}

func (n *Network) public6(node int) string {
	return fmt.Sprintf("%s%x", inner6(n.at[node]), firstMachine+node)
}

func has4(s scenario.Site) bool { return s.IP != scenario.IPv6 }
func has6(s scenario.Site) bool { return s.IP != scenario.IPv4 }

// prelude is done in every namespace first. IPv6 addresses are used at once, without
// asking whether somebody has them; and what a bridge passes is not routed.
const prelude = `
for f in /proc/sys/net/ipv6/conf/all/accept_dad /proc/sys/net/ipv6/conf/default/accept_dad; do echo 0 >$f; done
for f in /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables; do
	if [ -e $f ]; then echo 0 >$f; fi
done
ip link set lo up
`

const forwarding = `
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
`

// nft is a command that loads rules.
func nft(rules string) string { return "nft -f - <<'END'\n" + rules + "END\n" }

// internetScript gives every site its line. What has no way on the internet vanishes
// there, as it does.
func (n *Network) internetScript() string {
	var b strings.Builder
	b.WriteString(prelude + forwarding + nft(internetRules))
	b.WriteString("ip route add blackhole default\nip -6 route add blackhole default\n")
	for i, s := range n.sc.Sites {
		if s.Offline {
			continue
		}
		fmt.Fprintf(&b, "ip link set %s up\n", uplink(i))
		if has4(s) {
			fmt.Fprintf(&b, "ip addr add 31.%d.255.1/30 dev %s\n", i+1, uplink(i))
			fmt.Fprintf(&b, "ip route add 31.%d.1.0/24 via %s\n", i+1, wan4(i))
		}
		if has6(s) {
			fmt.Fprintf(&b, "ip addr add %s1/64 dev %s nodad\n", outer6(i), uplink(i))
			fmt.Fprintf(&b, "ip route add %s/64 via %s2\n", inner6(i), outer6(i))
		}
	}
	return b.String()
}

// carrierScript makes the carrier's router of a site with two NATs.
func (n *Network) carrierScript(site int) string {
	var b strings.Builder
	b.WriteString(prelude + forwarding + "ip link set wan up\nip link set lan up\n")
	fmt.Fprintf(&b, "ip addr add %s/30 dev wan\nip route add default via 31.%d.255.1\n", wan4(site), site+1)
	fmt.Fprintf(&b, "ip addr add 100.64.%d.1/30 dev lan\n", site+1)
	b.WriteString(nft(routerRules(n.sc.Sites[site], 0)))
	return b.String()
}

// routerScript makes the router of a site, without the ports of its machines.
func (n *Network) routerScript(site int) string {
	s := n.sc.Sites[site]
	var b strings.Builder
	b.WriteString(prelude + "ip link add lan type bridge mcast_snooping 0\nip link set lan up\n")
	if s.Offline {
		return b.String()
	}
	b.WriteString(forwarding + "ip link set wan up\n")
	if has4(s) {
		fmt.Fprintf(&b, "ip addr add %s1/24 dev lan\n", inner4(site, s))
		if s.NAT == scenario.DoubleNAT {
			fmt.Fprintf(&b, "ip addr add 100.64.%d.2/30 dev wan\nip route add default via 100.64.%d.1\n", site+1, site+1)
		} else {
			fmt.Fprintf(&b, "ip addr add %s/30 dev wan\nip route add default via 31.%d.255.1\n", wan4(site), site+1)
		}
	}
	if has6(s) {
		fmt.Fprintf(&b, "ip addr add %s1/64 dev lan nodad\nip addr add %s2/64 dev wan nodad\nip -6 route add default via %s1\n", inner6(site), outer6(site), outer6(site))
	}
	b.WriteString(nft(routerRules(s, 0)))
	return b.String()
}

// portScript plugs a machine into the router of the site that it is in.
func (n *Network) portScript(node int) string {
	return fmt.Sprintf("ip link set %[1]s master lan\nip link set %[1]s up\n", port(node))
}

// machineScript gives a machine its addresses in the site that it is in.
func (n *Network) machineScript(node int) string {
	site, dev := n.at[node], n.iface(node)
	s := n.sc.Sites[site]
	var b strings.Builder
	fmt.Fprintf(&b, "ip link set %s up\n", dev)
	if has4(s) {
		fmt.Fprintf(&b, "ip addr add %s%d/24 brd + dev %s\n", inner4(site, s), firstMachine+node, dev)
		if !s.Offline {
			fmt.Fprintf(&b, "ip route add default via %s1\n", inner4(site, s))
		}
	}
	if has6(s) {
		fmt.Fprintf(&b, "ip addr add %s/64 dev %s nodad\n", n.public6(node), dev)
		if !s.Offline {
			fmt.Fprintf(&b, "ip -6 route add default via %s1\n", inner6(site))
		}
	}
	return b.String()
}
