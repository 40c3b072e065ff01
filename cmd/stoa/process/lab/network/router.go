// Routers: the nft rules that make NATs and firewalls. Everything here is text; it
// touches no machine.

package network

import (
	"fmt"
	"strings"

	"stoa/cmd/stoa/process/lab/scenario"
)

// Interfaces of a router: lan is inside, wan outside.
const (
	lan = "lan"
	wan = "wan"
)

// routerRules are the rules of a router with a NAT for IPv4 and a firewall, in the
// words of nft. They replace themselves when they are loaded again.
//
// Kinds of NAT, in the words of RFC 4787:
//   - port and each of double: Linux's own masquerade. It keeps one port for one
//     inner address and port wherever that is free, whatever the destination
//     (endpoint-independent mapping), and lets answers alone in (address- and
//     port-dependent filtering).
//   - full: the same mapping, and whatever comes to a mapped port of UDP goes in.
//   - symmetric: a random port for every flow (address- and port-dependent mapping).
//
// What comes from outside unasked is dropped on the way to the router itself: it then
// leaves no entry in the table of connections, which would keep the port from
// those inside.
func routerRules(s scenario.Site, generation int) string {
	var b strings.Builder
	b.WriteString("table inet firewall {}\nflush table inet firewall\ntable inet firewall {\n")
	if s.Ports {
		b.WriteString(portRules)
	}
	b.WriteString("  chain input { type filter hook input priority filter; policy accept\n")
	fmt.Fprintf(&b, "    iifname %s ct state established,related accept\n", wan)
	fmt.Fprintf(&b, "    iifname %s meta l4proto { tcp, udp } drop\n  }\n", wan)
	b.WriteString("  chain forward { type filter hook forward priority filter; policy accept\n")
	b.WriteString(forwardRules(s))
	b.WriteString("  }\n}\n")
	if s.NAT != scenario.NoNAT && s.IP != scenario.IPv6 {
		b.WriteString(natRules(s.NAT, generation))
	}
	return b.String()
}

// portRules are the chains that a program for mapping ports fills.
const portRules = `  chain miniupnpd {
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept
    jump prerouting_miniupnpd
  }
  chain postrouting { type nat hook postrouting priority srcnat - 1; policy accept
    jump postrouting_miniupnpd
  }
`

// forwardRules say what a router lets pass between inside and outside.
func forwardRules(s scenario.Site) string {
	var b strings.Builder
	if s.NoUDP {
		b.WriteString("    meta l4proto udp drop\n")
	}
	if s.Only443 {
		fmt.Fprintf(&b, "    iifname %s oifname %s meta l4proto != ipv6-icmp tcp dport != 443 drop\n", lan, wan)
		fmt.Fprintf(&b, "    iifname %s oifname %s meta l4proto udp drop\n", lan, wan)
	}
	if s.NAT == scenario.NoNAT {
		return b.String()
	}
	fmt.Fprintf(&b, "    iifname %s accept\n    ct state established,related accept\n", lan)
	if s.NAT == scenario.FullCone {
		b.WriteString("    ct status dnat accept\n")
	}
	if s.Ports {
		b.WriteString("    jump miniupnpd\n")
	}
	b.WriteString("    drop\n")
	return b.String()
}

// natRules make the NAT. Connections are followed in a zone of their own in each
// generation, so the next one has forgotten them all; and from the second on the
// ports are others, too.
func natRules(kind scenario.NAT, generation int) string {
	ports := ""
	if generation > 0 {
		low := 20000 + generation%20*1000
		ports = fmt.Sprintf(" to :%d-%d", low, low+999)
	}
	random := ""
	if kind == scenario.Symmetric {
		random = " fully-random"
	}
	var b strings.Builder
	b.WriteString("table ip nat {}\ndelete table ip nat\ntable ip nat {\n")
	fmt.Fprintf(&b, "  chain zone { type filter hook prerouting priority raw; ct zone set %d\n  }\n", generation+1)
	fmt.Fprintf(&b, "  chain out { type nat hook postrouting priority srcnat\n")
	fmt.Fprintf(&b, "    oifname %s meta l4proto { tcp, udp } masquerade%s%s\n    oifname %s masquerade\n  }\n", wan, ports, random, wan)
	if kind == scenario.FullCone {
		b.WriteString("  map inner { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 2m; size 65535; }\n")
		b.WriteString("  chain learn { type filter hook postrouting priority srcnat + 10\n")
		fmt.Fprintf(&b, "    oifname %s meta l4proto udp update @inner { ct reply proto-dst : ct original ip saddr . ct original proto-src }\n  }\n", wan)
		b.WriteString("  chain in { type nat hook prerouting priority dstnat\n")
		fmt.Fprintf(&b, "    iifname %s meta l4proto udp dnat ip to udp dport map @inner\n  }\n", wan)
	}
	b.WriteString("}\n")
	return b.String()
}

// internetRules are those of the internet: what vanishes on it. Sites in dark have
// lost their uplink, and the pairs in apart reach each other by no way.
const internetRules = `table inet lab {
  set dark { type ifname; }
  set apart4 { type ipv4_addr . ipv4_addr; }
  set apart6 { type ipv6_addr . ipv6_addr; }
  chain forward { type filter hook forward priority filter; policy accept
    iifname @dark drop
    oifname @dark drop
    ip saddr . ip daddr @apart4 drop
    ip6 saddr . ip6 daddr @apart6 drop
  }
}
`
