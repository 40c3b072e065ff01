// What nobody may: each row is a request that would be answered but for one
// thing, and that must read nothing and do nothing.

package ui

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHostile(t *testing.T) {
	tests := []struct {
		name   string
		method string
		path   string
		heads  []head
		status int
	}{
		{"a name that leads here", "POST", "/do", []head{toHost("evil.example:7862")}, 403},
		{"a name that begins as ours", "POST", "/do", []head{toHost("127.0.0.1.evil.example:7862")}, 403},
		{"a name that ends as ours", "POST", "/do", []head{toHost("evil-localhost:7862")}, 403},
		{"another address of ours", "POST", "/do", []head{toHost("127.0.0.2:7862")}, 403},
		{"an address of the network", "POST", "/do", []head{toHost("192.168.1.7:7862")}, 403},
		{"all addresses", "POST", "/do", []head{toHost("0.0.0.0:7862")}, 403},
		{"an address as a number", "POST", "/do", []head{toHost("2130706433:7862")}, 403},
		{"a name with a dot behind", "POST", "/do", []head{toHost("localhost.:7862")}, 403},
		{"a name with a user before", "POST", "/do", []head{toHost("localhost@evil.example")}, 403},
		{"a port that is none", "POST", "/do", []head{toHost("localhost:evil")}, 403},
		{"an empty port", "POST", "/do", []head{toHost("localhost:")}, 403},
		{"the page by another name", "GET", "/", []head{toHost("evil.example:7862")}, 403},
		{"events by another name", "GET", "/events", []head{toHost("evil.example:7862")}, 403},

		{"another site", "POST", "/do", []head{with("Origin", "https://evil.example")}, 403},
		{"another port", "POST", "/do", []head{with("Origin", "http://127.0.0.1:9000")}, 403},
		{"another scheme", "POST", "/do", []head{with("Origin", "https://127.0.0.1:7862")}, 403},
		{"a sandbox", "POST", "/do", []head{with("Origin", "null")}, 403},
		{"no origin", "POST", "/do", []head{without("Origin")}, 403},
		{"an empty origin", "POST", "/do", []head{with("Origin", "")}, 403},
		{"two origins", "POST", "/do", []head{func(r *http.Request) { r.Header.Add("Origin", "https://evil.example") }}, 403},
		{"another name of ours", "POST", "/do", []head{with("Origin", "http://localhost:7862")}, 403},
		{"events for another site", "GET", "/events", []head{with("Origin", "https://evil.example")}, 403},
		{"the page for another site", "GET", "/", []head{with("Origin", "https://evil.example")}, 403},

		{"fetched by another site", "GET", "/events", []head{with("Sec-Fetch-Site", "cross-site")}, 403},
		{"fetched by another port", "POST", "/do", []head{with("Sec-Fetch-Site", "same-site")}, 403},
		{"framed by another site", "GET", "/", []head{with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Dest", "iframe")}, 403},

		{"no cookie", "POST", "/do", []head{without("Cookie")}, 401},
		{"no key", "POST", "/do", []head{without("Stoa-Key")}, 401},
		{"neither", "POST", "/do", []head{without("Cookie"), without("Stoa-Key")}, 401},
		{"a cookie that was made up", "POST", "/do", []head{with("Cookie", "stoa-7862="+newSecret())}, 401},
		{"a key that was made up", "POST", "/do", []head{with("Stoa-Key", newSecret())}, 401},
		{"an empty cookie", "POST", "/do", []head{with("Cookie", "stoa-7862=")}, 401},
		{"the cookie of another port", "POST", "/do", []head{func(r *http.Request) {
			r.Header.Set("Cookie", strings.Replace(r.Header.Get("Cookie"), "7862", "7863", 1))
		}}, 401},
		{"events without the cookie", "GET", "/events", []head{without("Cookie")}, 401},
		{"events without the key", "GET", "/events", []head{without("Stoa-Key")}, 401},
		{"a file without the key", "GET", "/file/room.ics", []head{without("Stoa-Key")}, 401},
		{"an export without the key", "POST", "/export", []head{without("Stoa-Key")}, 401},
		{"an import without the key", "POST", "/import", []head{without("Stoa-Key")}, 401},
		{"seen without the key", "POST", "/visible", []head{without("Stoa-Key")}, 401},

		{"do by GET", "GET", "/do", nil, 404},
		{"do by PUT", "PUT", "/do", nil, 404},
		{"what a page asks first of another site", "OPTIONS", "/do", []head{with("Access-Control-Request-Method", "POST")}, 404},
		{"the page by POST", "POST", "/", nil, 404},
		{"events by POST", "POST", "/events", nil, 404},
		{"export by GET", "GET", "/export", nil, 404},
		{"TRACE", "TRACE", "/do", nil, 404},
		{"a form", "POST", "/do", []head{with("Content-Type", "application/x-www-form-urlencoded")}, 415},
		{"plain text", "POST", "/do", []head{with("Content-Type", "text/plain")}, 415},
		{"plain text that says JSON", "POST", "/do", []head{with("Content-Type", "text/plain; application/json")}, 415},
		{"no type", "POST", "/do", []head{without("Content-Type")}, 415},
		{"an import that is JSON", "POST", "/import", nil, 415},

		{"a way out", "GET", "/../server.go", nil, 404},
		{"a way out, written otherwise", "GET", "/%2e%2e/server.go", nil, 404},
		{"a way out, backwards", "GET", `/..%5cserver.go`, nil, 404},
		{"a way out of the assets", "GET", "/assets/../../server.go", nil, 404},
		{"a way to the index", "GET", "/assets/../index.html", nil, 404},
		{"the root of the system", "GET", "/%2fetc/passwd", nil, 404},
		{"a zero", "GET", "/index.html%00.js", nil, 404},
		{"a folder", "GET", "/assets/", nil, 404},
		{"a file's packed form", "GET", "/assets/app.1234.js.br", nil, 404},
		{"a file that is no name", "GET", "/file/../../identity.key", nil, 422},
		{"another server", "GET", "http://evil.example/", []head{toHost("evil.example")}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := serving(t).enter()
			body := ""
			if tt.method == "POST" || tt.method == "PUT" {
				body = `{"verb":"end"}`
			}
			status, header, text := b.send(b.request(tt.method, tt.path, body, tt.heads...))
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			if did := b.node.done(); did != "" {
				t.Errorf("the node did %q", did)
			}
			if strings.Contains(text, "secret") || strings.Contains(text, "stoa</title>") || tt.status < 405 && text != "" {
				t.Errorf("body %q", text)
			}
			hardened(t, header)
			if header.Get("Access-Control-Allow-Origin") != "" || header.Get("Set-Cookie") != "" {
				t.Errorf("headers %v", header)
			}
		})
	}
}

// What a browser had that was signed out is worth nothing any more: its key, its cookie,
// its signature, an address that was not used yet. What it was asking for is broken off.
func TestSignOut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		out   func(b *bench)
		stays bool // the browser that was used last
	}{
		{"by another browser", func(b *bench) {
			if status, _ := b.post("/signout", `{}`); status != 204 {
				b.Errorf("signing out: %d", status)
			}
		}, true},
		{"by the node", func(b *bench) {
			if err := b.server.SignOut(); err != nil {
				b.Error(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := serving(t).enter()
				lost := *b
				lost.cookie, lost.key = "", ""
				lost.enter()
				here, there := b.listen(), lost.listen()
				here.until("state")
				there.until("state")
				_, asked := lost.post("/return", `{}`)
				unused := b.token()
				body, rest := io.Pipe()
				upload := lost.request("POST", "/import", "x", with("Content-Type", "application/octet-stream"))
				upload.Body, upload.ContentLength = body, 2
				uploaded := make(chan int)
				go func() {
					status, _, _ := lost.send(upload)
					uploaded <- status
				}()
				if _, err := rest.Write([]byte("1")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the server waits for the rest

				tt.out(b)

				if name, _ := there.next(); name != "out" {
					t.Errorf("its page is told %q", name)
				}
				if name, _ := there.next(); name != "" {
					t.Errorf("and then %q", name)
				}
				if _, err := rest.Write([]byte("2")); err != nil {
					t.Fatal(err)
				}
				rest.Close()
				if status := <-uploaded; status != 401 {
					t.Errorf("what it was sending: %d", status)
				}
				for path, body := range map[string]string{
					"/do": `{"verb":"who"}`, "/visible": `{"visible":true}`, "/signout": `{}`, "/export": `{"passphrase":"p"}`,
					"/return": `{}`,
					"/enter":  `{"token":"` + unused + `","public":"` + publicOf(t, lost.signer) + `"}`,
				} {
					if status, _ := lost.post(path, body); status != 401 {
						t.Errorf("%s: %d", path, status)
					}
				}
				if status, _ := lost.post("/return", `{"nonce":"`+asked["nonce"]+`","signature":"`+sign(t, lost.signer, signed+asked["nonce"])+`"}`); status != 401 {
					t.Errorf("a nonce from before: %d", status)
				}
				for _, path := range []string{"/events", "/file/room.ics"} {
					if status, _, text := lost.send(lost.request("GET", path, "")); status != 401 || text != "" {
						t.Errorf("%s: %d %q", path, status, text)
					}
				}
				if did := b.node.done(); did != "" {
					t.Errorf("the node did %q", did)
				}

				if status, _ := b.post("/do", `{}`); (status == 200) != tt.stays {
					t.Errorf("the other browser: %d", status)
				}
				b.node.set("after", "it")
				if name, _ := here.next(); (name == "patch") != tt.stays || (name == "out") == tt.stays {
					t.Errorf("the other browser is told %q", name)
				}
				if lost.cookie, lost.key = "", ""; lost.enter().key == "" {
					t.Error("a new address lets it in no more")
				}
			})
		})
	}
}

// Who is signed out while they ask for an address that lets them in, or for a copy of the
// key, gets none.
func TestSignOutMeanwhile(t *testing.T) {
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/do", `{"verb":"page"}`}, {"POST", "/export", `{"passphrase":"theirs"}`}, {"GET", "/file/room.ics", ""},
	} {
		t.Run(tt.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := serving(t).enter()
				b.node.during = func() {
					if err := b.server.SignOut(); err != nil {
						t.Error(err)
					}
				}
				status, _, text := b.send(b.request(tt.method, tt.path, tt.body, with("Content-Type", "application/json")))
				if did := b.node.done(); status != 401 || text != "" || did == "" {
					t.Errorf("%d %q, having done %q", status, text, did)
				}
			})
		})
	}
}

// hardened checks the headers that every answer has.
func hardened(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		if !strings.HasPrefix(h.Get(name), want) {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
}

// By every name that this machine has for itself, and through ssh -L, the same
// requests are answered.
func TestFriendly(t *testing.T) {
	for _, host := range []string{"127.0.0.1:7862", "localhost:7862", "[::1]:7862", "127.0.0.1:9000", "localhost"} {
		t.Run(host, func(t *testing.T) {
			b := serving(t).enter()
			named := []head{toHost(host), func(r *http.Request) {
				r.Header.Set("Cookie", "stoa-"+portOf(host)+"="+b.cookie)
			}}
			status, header, text := b.send(b.request("POST", "/do", `{"verb":"who"}`, named...))
			if status != 200 || text != "{\"did\":\"{\\\"verb\\\":\\\"who\\\"}\"}\n" || b.node.done() != `do:{"verb":"who"}` {
				t.Errorf("status %d, body %q", status, text)
			}
			hardened(t, header)
			if status, _, text := b.send(b.request("GET", "/", "", append(named, without("Cookie"), without("Stoa-Key"), without("Origin"))...)); status != 200 || !strings.Contains(text, "stoa</title>") {
				t.Errorf("the page: %d", status)
			}
		})
	}
}

func TestOwnHost(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "localhost:1": true, "[::1]": true, "[::1]:65535": true,
		"": false, ":7862": false, "::1": false, "[::1": false, "[127.0.0.1]": false, "localhost:80:80": false,
		"LOCALHOST": false, "localhost ": false, "127.1": false, "0x7f.1": false, "[::ffff:127.0.0.1]": false, "[::1%lo]:80": false,
		"localhost:+80": false,
	} {
		if ownHost(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

// What passes for a name of this machine is one to a browser, too.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"127.0.0.1:7862", "[::1]", "localhost:80", "localhost:80@evil", "127.0.0.1:7862/x"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !ownHost(host) {
			return
		}
		at, err := url.Parse("http://" + host + "/")
		if err != nil || at.User != nil || at.Path != "/" {
			t.Fatalf("%q is no host: %v", host, err)
		}
		switch at.Hostname() {
		case "127.0.0.1", "localhost", "::1":
		default:
			t.Errorf("%q is %s", host, at.Hostname())
		}
	})
}

func TestBodies(t *testing.T) {
	b := serving(t).enter()
	for _, tt := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/do", `{"verb":"` + strings.Repeat("x", maxRequest) + `"}`, 413, "too_large"},
		{"/enter", `{"token":"` + strings.Repeat("x", maxSmall) + `"}`, 413, "too_large"},
		{"/enter", `{"token":`, 400, "bad_request"},
		{"/enter", `[]`, 400, "bad_request"},
		{"/enter", `{"token":"x","public":"AAAA"}`, 400, "bad_request"},
		{"/enter", `{"token":"x"}`, 401, "spent_token"},
		{"/enter", `{}`, 401, "spent_token"},
		{"/visible", `{"visible":"yes"}`, 400, "bad_request"},
		{"/export", `{"passphrase":""}`, 422, "passphrase_missing"},
	} {
		if status, got := b.post(tt.path, tt.body); status != tt.status || got["code"] != tt.code || got["text"] == "" {
			t.Errorf("%s %.30s: %d %v", tt.path, tt.body, status, got)
		}
	}
	if did := b.node.done(); did != "" {
		t.Errorf("the node did %q", did)
	}
}

func TestFilesOfAPerson(t *testing.T) {
	b := serving(t).enter()
	if status, header, text := b.send(b.request("POST", "/export", `{"passphrase":"p"}`)); status != 200 || text != "sealed" || header.Get("Content-Disposition") != "attachment" {
		t.Errorf("export: %d %q", status, text)
	}
	if status, _ := b.post("/import", "sealed", with("Content-Type", "application/octet-stream"), with("Stoa-Passphrase", "%C3%A9%20p")); status != 204 {
		t.Errorf("import: %d", status)
	}
	if status, header, text := b.send(b.request("GET", "/file/room.ics", "")); status != 200 || text != "BEGIN:VCALENDAR" || header.Get("Content-Type") != "text/calendar" {
		t.Errorf("file: %d %q", status, text)
	}
	if did := b.node.done(); did != "export import:sealed:é p file:room.ics" {
		t.Errorf("the node did %q", did)
	}
}

// A body that does not come holds up nobody, and nothing for long.
func TestSlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		for _, head := range []string{
			"POST /do HTTP/1.1\r\nHost: 127.0.0.1:7862\r\nOrigin: http://127.0.0.1:7862\r\nCookie: stoa-7862=" + b.cookie + "\r\nStoa-Key: " + b.key + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"POST /enter HTTP/1.1\r\nHost: 127.0.0.1:7862\r\nOrigin: http://127.0.0.1:7862\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"POST /do HTTP/1.1\r\nHost: 127.0.0.1:7862\r\nOrigin: http://127.0.0.1:7862\r\nContent-Length: 100\r\n\r\n{", // not let in
			"POST /do HTTP/1.1\r\nHost: 127.0.0.1:7862\r\nX: ",
			"",
		} {
			conn, err := b.pipe.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			go io.WriteString(conn, head)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d > bodyTime+headTime {
				t.Errorf("%.20q was waited for for %v", head, d)
			}
			conn.Close()
		}
		if did := b.node.done(); did != "" {
			t.Errorf("the node did %q", did)
		}
	})
}

// Of too many connections the one that waits longest for a request goes, and none
// that has one; when all have one, none comes.
func TestCrowd(t *testing.T) {
	c := newCrowd()
	var conns []*closed
	open := func(states ...http.ConnState) *closed {
		conn := &closed{}
		conns = append(conns, conn)
		for _, s := range states {
			if c.note(conn, s); conn.is {
				c.note(conn, http.StateClosed) // as the server finds
				break
			}
		}
		return conn
	}
	for range maxConns / 2 {
		open(http.StateNew, http.StateActive)
	}
	idle := open(http.StateNew, http.StateActive, http.StateIdle)
	for range maxConns/2 - 1 {
		open(http.StateNew)
	}
	gone := func() (n int) {
		for _, conn := range conns {
			if conn.is {
				n++
			}
		}
		return n
	}
	if n := gone(); n != 0 {
		t.Fatalf("%d are closed, of %d", n, maxConns)
	}
	if open(http.StateNew); !idle.is || gone() != 1 {
		t.Errorf("the one that waited longest is open, %d are closed", gone())
	}
	for range maxConns {
		open(http.StateNew, http.StateActive)
	}
	if len(c.busy)+len(c.idle) > maxConns {
		t.Errorf("%d connections", len(c.busy)+len(c.idle))
	}
	for _, conn := range conns[:maxConns/2] {
		if conn.is {
			t.Fatal("one with a request at work is closed")
		}
	}
	if last := open(http.StateNew); !last.is {
		t.Error("another one while all have a request at work")
	}
}

// A closed connection knows that it is.
type closed struct {
	net.Conn
	is bool
}

func (c *closed) Close() error {
	c.is = true
	return nil
}

// However many connections others open and keep, the page is served, and its
// stream stays.
func TestManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		events := b.listen()
		events.until("state")
		for range 1000 {
			conn, err := b.pipe.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		if status, _ := b.post("/do", `{"verb":"who"}`); status != 200 {
			t.Errorf("status %d", status)
		}
		b.node.set("after", "the crowd")
		events.until("patch")
		if events.at("after") != "the crowd" {
			t.Errorf("state %v", events.doc)
		}
	})
}
