// Whose connections are heard: on Linux the kernel says who opened a connection.

package ui

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// foreign reports whether another user of this machine opened a connection. What
// the command line of a browser holds can be read by all of them, and a browser
// is started with a token in it. Root may do anything already; and to root, who
// may run this for somebody else, nobody is foreign.
func foreign(conn net.Conn) bool {
	uid, known := ownerOf(conn)
	return known && os.Getuid() != 0 && uid != 0 && uid != os.Getuid()
}

// ownerOf returns the user who opened a connection from this machine.
func ownerOf(conn net.Conn) (uid int, known bool) {
	there, is := conn.RemoteAddr().(*net.TCPAddr)
	here, also := conn.LocalAddr().(*net.TCPAddr)
	if !is || !also {
		return 0, false
	}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} { // programs may write IPv4 as IPv6
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		uid, known = ownerIn(f, there.AddrPort(), here.AddrPort())
		f.Close()
		if known {
			return uid, true
		}
	}
	return 0, false
}

// ownerIn finds the owner of the socket from which a connection goes to an address,
// both of IPv4, in a table as proc_net_tcp(5) describes it.
func ownerIn(table io.Reader, from, to netip.AddrPort) (uid int, known bool) {
	local, remote := inTable(from), inTable(to)
	for lines := bufio.NewScanner(table); lines.Scan(); {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid …
		f := strings.Fields(lines.Text())
		if len(f) < 8 || !strings.HasSuffix(f[1], local) || !strings.HasSuffix(f[2], remote) {
			continue
		}
		uid, err := strconv.Atoi(f[7])
		return uid, err == nil
	}
	return 0, false
}

// inTable writes an address as the table does: a number of this machine's byte
// order, and a port.
func inTable(a netip.AddrPort) string {
	ip := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}
