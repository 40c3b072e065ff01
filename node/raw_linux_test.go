// Control messages of the system.

package node

import (
	"bytes"
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

func TestControlMessagesWithoutSource(t *testing.T) {
	source4 := (&ipv4.ControlMessage{Src: net.IPv4(192, 0, 2, 1), IfIndex: 3}).Marshal()
	source6 := (&ipv6.ControlMessage{Src: net.ParseIP("2001:db8::1"), IfIndex: 3}).Marshal()
	other := unix.UnixRights(7) // any that says nothing of addresses
	for _, c := range []struct {
		name     string
		in, want []byte
	}{
		{"nothing", nil, nil},
		{"a source", source4, nil},
		{"an IPv6 source", source6, nil},
		{"another", other, other},
		{"before and behind", bytes.Join([][]byte{other, source4, other, source6}, nil), bytes.Join([][]byte{other, other}, nil)},
		{"junk", []byte{1, 2, 3}, nil},
	} {
		in := bytes.Clone(c.in)
		if got := withoutSource(c.in); !bytes.Equal(got, c.want) || !bytes.Equal(c.in, in) {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}
