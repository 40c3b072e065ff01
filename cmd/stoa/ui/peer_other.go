// Whose connections are heard where the system does not say who opened one.

//go:build !linux

package ui

import "net"

func foreign(net.Conn) bool { return false }
