package ui

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokens(t *testing.T) {
	now := time.Unix(1e9, 0)
	k := newKeyring(nil)
	first := k.newToken(now)
	for _, tt := range []struct {
		name  string
		token string
		after time.Duration
		ok    bool
	}{
		{"none", "", 0, false},
		{"made up", newSecret(), 0, false},
		{"fresh", first, tokenTime - 1, true},
		{"spent", first, 0, false},
		{"too old", k.newToken(now), tokenTime, false},
	} {
		if cookie, key, ok := k.enter(tt.token, "", nil, now.Add(tt.after)); ok != tt.ok || (cookie != "") != ok || (key != "") != ok {
			t.Errorf("%s: %v", tt.name, ok)
		}
	}
	old := k.newToken(now)
	for range maxTokens {
		k.newToken(now)
	}
	if _, _, ok := k.enter(old, "", nil, now); ok {
		t.Error("tokens without bound")
	}
}

// Of many who have the same token at the same time, one gets in.
func TestTokenOnce(t *testing.T) {
	k := newKeyring(nil)
	token := k.newToken(time.Now())
	var in atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, _, ok := k.enter(token, "", nil, time.Now()); ok {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in", in.Load())
	}
}

func TestVisits(t *testing.T) {
	now := time.Now()
	k := newKeyring(nil)
	c1, k1, _ := k.enter(k.newToken(now), "", nil, now)
	c2, k2, _ := k.enter(k.newToken(now), "", nil, now)
	for _, tt := range []struct {
		cookie, key string
		ok          bool
	}{{c1, k1, true}, {c2, k2, true}, {c1, k2, false}, {c2, k1, false}, {c1, "", false}, {"", k1, false}, {k1, c1, false}} {
		if _, ok := k.find(tt.cookie, tt.key); ok != tt.ok {
			t.Errorf("%v", tt)
		}
	}
	first, _ := k.find(c1, k1)
	c3, k3, _ := k.enter(k.newToken(now), c1, nil, now)
	if c3 != c1 {
		t.Error("a browser that was let in before has another cookie")
	}
	if _, ok := k.find(c1, k1); !ok {
		t.Error("its first page is out")
	}
	for range maxKeys {
		k.enter(k.newToken(now), c2, nil, now)
	}
	if _, ok := k.find(c3, k3); ok || len(k.visits) != maxKeys {
		t.Error("visits without bound")
	}
	if first.life.Err() == nil {
		t.Error("what is asked for with a forgotten key goes on")
	}
}

// A browser comes back with a signature, and with nothing else.
func TestReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		first := b.key
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		nonce := func() string {
			_, got := b.post("/return", `{}`)
			if got["nonce"] == "" {
				t.Fatal("no nonce")
			}
			return got["nonce"]
		}
		back := func(nonce, signature string) (status int) {
			status, _ = b.post("/return", `{"nonce":"`+nonce+`","signature":"`+signature+`"}`)
			return status
		}
		n := nonce()
		for name, s := range map[string]struct{ nonce, signature string }{
			"none":               {n, ""},
			"of another key":     {n, sign(t, other, signed+n)},
			"of something else":  {n, sign(t, b.signer, n)},
			"of another nonce":   {n, sign(t, b.signer, signed+n+"x")},
			"of a made-up nonce": {newSecret(), sign(t, b.signer, signed+newSecret())},
			"cut off":            {n, sign(t, b.signer, signed+n)[:40]},
			"of another run":     {newKeyring(nil).nonceAt(b.cookie, time.Now().Unix()), ""},
		} {
			if s.signature == "" {
				s.signature = sign(t, b.signer, signed+s.nonce)
			}
			if name == "none" {
				s.signature = ""
			}
			if status := back(s.nonce, s.signature); status != 401 {
				t.Errorf("a signature %s: %d", name, status)
			}
		}
		if b.key != first {
			t.Error("a key was given")
		}
		cookie := b.cookie
		b.cookie = newSecret()
		if status := back(n, sign(t, b.signer, signed+n)); status != 401 {
			t.Errorf("another cookie: %d", status)
		}
		b.cookie = cookie
		if status := back(n, sign(t, b.signer, signed+n)); status != 200 || b.key == first {
			t.Errorf("the right one: %d", status)
		}
		if status, _ := b.post("/do", `{}`); status != 200 {
			t.Errorf("its key: %d", status)
		}
		n = nonce()
		time.Sleep(nonceTime + time.Second)
		if status := back(n, sign(t, b.signer, signed+n)); status != 401 {
			t.Errorf("too late: %d", status)
		}
	})
}

// keeping opens a server that keeps who may come back in a file. It does not run, and is
// closed when the test ends.
func keeping(t *testing.T, file string) *Server {
	t.Helper()
	s, err := Open(Config{Node: newNode(), Do: newNode(), Files: page, Keep: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The page survives the death of its node: the port, the cookie and the public
// key are on the disk before the browser has its first key.
func TestKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.json")
	free, err := listen(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	if err := saveKept(file, free.Addr().(*net.TCPAddr).Port, nil); err != nil {
		t.Fatal(err)
	}
	s := keeping(t, file)
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := parsePublic(publicOf(t, signer))
	if err != nil {
		t.Fatal(err)
	}
	cookie, key, _ := s.keys.enter(s.keys.newToken(time.Now()), "", public, time.Now())
	s.keys.enter(s.keys.newToken(time.Now()), "", nil, time.Now()) // cannot come back
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	s.Close()

	again := keeping(t, file)
	if again.Port() != s.Port() {
		t.Errorf("port %d, before %d", again.Port(), s.Port())
	}
	if _, ok := again.keys.find(cookie, key); ok {
		t.Error("the key of the last run opens this one")
	}
	n := again.keys.nonce(cookie, time.Now())
	if _, ok := again.keys.back(cookie, n, sign(t, signer, signed+n), time.Now()); !ok {
		t.Error("the browser cannot come back")
	}
	if got := len(again.keys.kept()); got != 1 {
		t.Errorf("%d browsers are kept", got)
	}

	// Somebody else has the port now: cookies have gone there.
	third := keeping(t, file)
	if third.Port() == again.Port() || third.keys.nonce(cookie, time.Now()) != "" {
		t.Errorf("port %d; a browser of port %d may come back", third.Port(), again.Port())
	}
}

// Who was signed out is so for the next run, too.
func TestKeptSignedOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.json")
	enter := func(s *Server) (cookie string) {
		t.Helper()
		cookie, _, _ = s.keys.enter(s.keys.newToken(time.Now()), "", []byte{4}, time.Now())
		if err := s.save(); err != nil || cookie == "" {
			t.Fatal(err)
		}
		return cookie
	}
	for name, out := range map[string]func(*Server) error{
		"of a server":              (*Server).SignOut,
		"of one that does not run": func(*Server) error { return SignOut(file) },
	} {
		s := keeping(t, file)
		cookie := enter(s)
		if err := out(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
		again := keeping(t, file)
		if again.Port() != s.Port() || again.keys.nonce(cookie, time.Now()) != "" {
			t.Errorf("%s: port %d, before %d; the browser may come back", name, again.Port(), s.Port())
		}
		again.Close()
	}
	for name, data := range map[string]string{"none": "", "one of another version": `{"version":2}`} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		if data != "" {
			if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := SignOut(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}

	s := keeping(t, file)
	cookie := enter(s)
	if err := os.RemoveAll(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	if err := s.SignOut(); err == nil || s.keys.nonce(cookie, time.Now()) != "" {
		t.Errorf("where nothing can be kept: %v", err)
	}
}

func TestKeptBound(t *testing.T) {
	var many []browser
	for i := range 3 * maxBrowsers {
		many = append(many, browser{Cookie: hash{byte(i)}, Public: []byte{4}})
	}
	file := filepath.Join(t.TempDir(), "page.json")
	if err := saveKept(file, 7862, many); err != nil {
		t.Fatal(err)
	}
	_, got, err := loadKept(file)
	if err != nil || len(got) != maxBrowsers || got[maxBrowsers-1].Cookie != many[len(many)-1].Cookie {
		t.Errorf("%d browsers, %v", len(got), err)
	}
	k := newKeyring(many)
	for range maxBrowsers {
		k.enter(k.newToken(time.Now()), "", []byte{4}, time.Now())
	}
	if kept := k.kept(); len(kept) != maxBrowsers || kept[0].Last == 0 {
		t.Errorf("%d browsers", len(kept))
	}
}

// A file that is damaged lets nobody in, and keeps nobody from being let in anew.
func FuzzKept(f *testing.F) {
	f.Add([]byte(`{"version":1,"port":7862,"browsers":[{"cookie":"00","public":"BA==","last":1}]}`))
	f.Add([]byte(`{"version":2,"port":7862}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		port, browsers, err := parseKept(data)
		if err != nil && (port != 0 || browsers != nil) {
			t.Errorf("port %d, %d browsers with %v", port, len(browsers), err)
		}
		if err == nil && (port < 1 || port > 65535 || len(browsers) > maxBrowsers) {
			t.Errorf("port %d, %d browsers", port, len(browsers))
		}
		k := newKeyring(browsers)
		if _, ok := k.back("cookie", k.nonceAt("cookie", 1), "AAAA", time.Unix(1, 0)); ok {
			t.Error("let in")
		}
	})
}
