package main

import "syscall"

// mortal makes a program end with the laboratory, which may be killed.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
