//go:build !linux

package main

import "syscall"

// mortal does nothing where there are no network namespaces either.
func mortal() *syscall.SysProcAttr { return nil }
