package ui

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

func TestOwnerIn(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1EB6 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1EB6 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C001 0100007F:1EB6 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0000000000000000 20 4 30 10 -1
   3: 0000000000000000FFFF00000100007F:C002 0000000000000000FFFF00000100007F:1EB6 01 00000000:00000000 00:00000000 00000000  1002        0 4 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:C003 0100007F:1EB6 01
`
	for _, tt := range []struct {
		from, to string
		uid      int
		known    bool
	}{
		{"127.0.0.1:49153", "127.0.0.1:7862", 1001, true},
		{"127.0.0.1:7862", "127.0.0.1:49153", 1000, true},
		{"127.0.0.1:49154", "127.0.0.1:7862", 1002, true},
		{"127.0.0.1:49155", "127.0.0.1:7862", 0, false}, // cut off
		{"127.0.0.1:49156", "127.0.0.1:7862", 0, false},
		{"127.0.0.1:49153", "127.0.0.1:7863", 0, false},
	} {
		uid, known := ownerIn(strings.NewReader(table), netip.MustParseAddrPort(tt.from), netip.MustParseAddrPort(tt.to))
		if uid != tt.uid || known != tt.known {
			t.Errorf("%s to %s: %d, %v", tt.from, tt.to, uid, known)
		}
	}
}

// The kernel knows whose a connection of this test is.
func TestOwnerOf(t *testing.T) {
	l, err := listen(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if uid, known := ownerOf(server); !known || uid != os.Getuid() {
		t.Errorf("owner %d, %v", uid, known)
	}
	if foreign(server) {
		t.Error("a stranger to myself")
	}
}
