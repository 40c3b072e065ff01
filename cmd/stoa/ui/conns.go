// Whose connections are heard, how many there may be, and which give way.

package ui

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxConns bounds the connections. Others on this machine may open any number
// of them, so a newer one replaces the one that has waited longest for a request;
// while all have one at work, there are no newer ones.
const maxConns = 128

// An own listener accepts connections of this user alone, where the system can tell.
type own struct{ net.Listener }

func (l own) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !foreign(conn) {
			return conn, err
		}
		conn.Close()
	}
}

// A crowd holds the open connections of a server.
type crowd struct {
	mu   sync.Mutex
	busy map[net.Conn]bool
	idle []net.Conn // those with no request at work, the one that waits longest first
}

func newCrowd() *crowd { return &crowd{busy: map[net.Conn]bool{}} }

// note is the server's ConnState.
func (c *crowd) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, conn)
	c.idle = slices.DeleteFunc(c.idle, func(o net.Conn) bool { return o == conn })
	switch state {
	case http.StateNew, http.StateIdle:
		c.idle = append(c.idle, conn)
	case http.StateActive:
		c.busy[conn] = true
	}
	if len(c.busy)+len(c.idle) <= maxConns {
		return
	}
	if len(c.idle) > 0 {
		conn, c.idle = c.idle[0], c.idle[1:]
	}
	_ = conn.Close() // the server notices and forgets it
}
