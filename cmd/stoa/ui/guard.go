// Which requests are heard at all, and what every answer forbids the browser.

package ui

import (
	"net"
	"net/http"
	"strings"
)

// admit reports whether a request names this machine and comes from this page,
// as far as its headers tell.
func admit(r *http.Request) bool {
	if !ownHost(r.Host) {
		return false
	}
	switch origin := r.Header.Values("Origin"); {
	case len(origin) > 1:
		return false
	case len(origin) == 1 && origin[0] != "http://"+r.Host:
		return false
	case len(origin) == 0 && r.Method != http.MethodGet:
		return false
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	return true
}

// ownHost reports whether a Host header names this machine by a name that no
// DNS server has a say in.
func ownHost(host string) bool {
	if h, port, err := net.SplitHostPort(host); err == nil && port != "" && strings.Trim(port, "0123456789") == "" {
		return h == "127.0.0.1" || h == "localhost" || h == "::1"
	}
	return host == "127.0.0.1" || host == "localhost" || host == "[::1]"
}

// portOf returns the port that a browser took to get here, which after `ssh -L`
// need not be the one that is listened on.
func portOf(host string) string {
	if _, port, err := net.SplitHostPort(host); err == nil {
		return port
	}
	return "80"
}

// policy is the page's Content-Security-Policy. It loads nothing from anywhere
// else and runs no script but its own; Svelte fills templates through its own
// trusted-types policy.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; " +
	"require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// harden sets the headers that every answer has, refusals too.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
}
