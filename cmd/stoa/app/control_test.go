package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stoa/room"
)

// serving has a home served by do until the returned function is called, which
// returns what serveControl did.
func serving(t *testing.T, home string, do func(context.Context, Request) (Reply, error)) (stop func() error) {
	t.Helper()
	l, err := listenControl(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveControl(ctx, l, home, do) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { stop() })
	return stop
}

// echo answers with the verb and its words.
func echo(_ context.Context, req Request) (Reply, error) {
	return Reply{Lines: append([]string{req.Verb}, req.Args...)}, nil
}

// deepHome is a home whose own folder is too deep for a socket.
func deepHome(t *testing.T) string {
	t.Setenv("TMPDIR", shortDir(t))
	home := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// shortDir is a folder whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestControl(t *testing.T) {
	for name, home := range map[string]func(*testing.T) string{"short": shortDir, "deep": deepHome} {
		t.Run(name, func(t *testing.T) {
			home := home(t)
			if _, err := askControl(t.Context(), home, Request{Verb: "who"}); !errors.Is(err, errNotRunning) {
				t.Fatalf("before: %v", err)
			}
			stop := serving(t, home, echo)
			path, shared := socketPath(home)
			if shared != (name == "deep") || len(path) > maxSocketPath {
				t.Errorf("%s, shared %v", path, shared)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket is %v, %v", info.Mode(), err)
			}
			if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("its folder is %v, %v", info.Mode(), err)
			}
			reply, err := askControl(t.Context(), home, Request{Verb: "title", Args: []string{"Στοά", "<b>"}})
			if err != nil || fmt.Sprint(reply.Lines) != "[title Στοά <b>]" {
				t.Errorf("got %q, %v", reply.Lines, err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is left: %v", err)
			}
			if _, err := askControl(t.Context(), home, Request{Verb: "who"}); !errors.Is(err, errNotRunning) {
				t.Errorf("after: %v", err)
			}
		})
	}
}

func TestControlAfterACrash(t *testing.T) {
	home := shortDir(t)
	l, err := listenControl(home)
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // as the system does for who is killed: the socket stays
	path, _ := socketPath(home)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if _, err := askControl(t.Context(), home, Request{Verb: "who"}); !errors.Is(err, errNotRunning) {
		t.Errorf("of a dead node: %v", err)
	}
	serving(t, home, echo)
	if _, err := askControl(t.Context(), home, Request{Verb: "who"}); err != nil {
		t.Error(err)
	}
}

// A folder that others could change is not used, by neither side: who made it
// would hear every passphrase.
func TestControlInAFolderOfOthers(t *testing.T) {
	home := deepHome(t)
	path, _ := socketPath(home)
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	if l, err := listenControl(home); err == nil {
		l.Close()
		t.Error("a node listens there")
	}
	trap, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	if _, err := askControl(t.Context(), home, Request{Verb: "id", Secret: "correct horse"}); errors.Is(err, errNotRunning) || err == nil {
		t.Errorf("a passphrase went there: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if l, err := listenControl(home); err == nil {
		l.Close()
		t.Error("a node listens behind a symbolic link")
	}
}

func TestControlErrors(t *testing.T) {
	home := shortDir(t)
	serving(t, home, func(_ context.Context, req Request) (Reply, error) {
		switch req.Verb {
		case "user":
			return Reply{}, &UserError{Text: "no", Hint: "yes"}
		case "sentinel":
			return Reply{}, fmt.Errorf("title: %w", room.ErrNoRight)
		}
		return Reply{Lines: []string{strings.Repeat("x", maxReply)}}, nil
	})
	_, err := askControl(t.Context(), home, Request{Verb: "user"})
	wantWords(t, err, "no")
	_, err = askControl(t.Context(), home, Request{Verb: "sentinel"})
	wantWords(t, err, "your role here does not include that")
	_, err = askControl(t.Context(), home, Request{Verb: "too much"})
	wantWords(t, err, "the running stoa's answer was cut off")
}

// What is no request is refused, and the node goes on.
func TestControlGarbage(t *testing.T) {
	home := shortDir(t)
	serving(t, home, echo)
	path, _ := socketPath(home)
	post := func(body string) string {
		return fmt.Sprintf("POST /do HTTP/1.1\r\nHost: stoa\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, c := range map[string]struct{ say, want string }{
		"no HTTP":       {"\x00\xff garbage\r\n\r\n", "400"},
		"no JSON":       {post("{"), "400"},
		"unknown field": {post(`{"verb":"who","since":"2027"}`), "400"},
		"wrong type":    {post(`{"verb":7}`), "400"},
		"oversize":      {post(`{"verb":"` + strings.Repeat("x", maxRequest) + `"}`), "400"},
		"a GET":         {"GET /do HTTP/1.1\r\nHost: stoa\r\nConnection: close\r\n\r\n", "405"},
		"another path":  {"POST / HTTP/1.1\r\nHost: stoa\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "404"},
		"a request":     {post(`{"verb":"who"}`), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.WriteString(conn, c.say)
			answer, _ := io.ReadAll(conn) // a reset may follow the answer to what was not read
			if !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.want) {
				t.Errorf("answer %.60q, want %s", answer, c.want)
			}
		})
	}
	if _, err := askControl(t.Context(), home, Request{Verb: "who"}); err != nil {
		t.Error(err)
	}
}

// Verbs do not wait for one another, and the end waits for the answers.
func TestControlAtOnce(t *testing.T) {
	home := shortDir(t)
	const n = 20
	var together sync.WaitGroup
	together.Add(n)
	stop := serving(t, home, func(_ context.Context, req Request) (Reply, error) {
		together.Done()
		together.Wait() // only if all are at work at once
		return Reply{Lines: req.Args}, nil
	})
	var asks sync.WaitGroup
	for i := range n {
		asks.Go(func() {
			reply, err := askControl(t.Context(), home, Request{Verb: "who", Args: []string{fmt.Sprint(i)}})
			if err != nil || len(reply.Lines) != 1 || reply.Lines[0] != fmt.Sprint(i) {
				t.Errorf("%d: %q, %v", i, reply.Lines, err)
			}
		})
	}
	asks.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestControlEnd(t *testing.T) {
	home := shortDir(t)
	working, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	stop := serving(t, home, func(context.Context, Request) (Reply, error) {
		close(working)
		<-end
		return Reply{Lines: []string{"done"}}, nil
	})
	var asks sync.WaitGroup
	asks.Go(func() {
		if reply, err := askControl(t.Context(), home, Request{Verb: "leave"}); err != nil || len(reply.Lines) != 1 {
			t.Errorf("the last answer is lost: %v", err)
		}
	})
	<-working
	go func() { stop(); close(ended) }()
	select {
	case <-ended:
		t.Error("a verb at work is not waited for")
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	<-ended
	asks.Wait()
}

func TestControlOfAWorkingNodeWhenTheCallerGoes(t *testing.T) {
	home := shortDir(t)
	working, gone := make(chan struct{}), make(chan struct{})
	serving(t, home, func(ctx context.Context, _ Request) (Reply, error) {
		close(working)
		<-ctx.Done()
		close(gone)
		return Reply{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-working; cancel() }()
	if _, err := askControl(ctx, home, Request{Verb: "who"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-gone
}
