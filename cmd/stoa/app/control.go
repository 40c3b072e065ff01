// How a running node is steered from another process: HTTP over a unix socket
// in its home, one POST a verb. Who may open the socket (mode 0600) may steer.

package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"stoa/cmd/stoa/serve"
)

const (
	// maxSocketPath is the longest path that every system takes for a unix
	// socket: 104 bytes with the closing zero on macOS, 108 on Linux.
	maxSocketPath = 103

	maxRequest = 512 << 10 // bytes: a blocklist as JSON
	maxReply   = 16 << 20  // bytes: the history of a full log as text

	// verbTime bounds one verb. The slowest ones wait for another member.
	verbTime = 15 * time.Second
)

// socketPath is where the node of a home listens. A home too deep for a
// socket's path gets one in the system's folder for temporary files, in a
// folder of its own that only its owner may enter. Anybody may have made that
// folder before: both sides look at whose it is, because passphrases go
// through the socket.
func socketPath(home string) (path string, shared bool) {
	abs, err := filepath.Abs(home)
	if err != nil {
		abs = home
	}
	if p := filepath.Join(abs, "stoa.sock"); len(p) <= maxSocketPath {
		return p, false
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(os.TempDir(), fmt.Sprintf("stoa-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])), "sock"), true
}

// checkOwn refuses a folder that others could change.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case info.Mode().Perm()&0o077 != 0 || !ownedByMe(info):
		return fmt.Errorf("%s is not yours alone", dir)
	}
	return nil
}

// listenControl opens the socket of a home. The caller holds the lock of the
// home's store, so a socket that is there already is left over from a crash.
func listenControl(home string) (net.Listener, error) {
	path, shared := socketPath(home)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if shared {
		if err := checkOwn(dir); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // serveControl removes it by its own name
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Handler answers POSTs of a Request with the Reply of do, or 422 and a Problem.
// The socket's verbs and the page's both come through it.
func Handler(do func(context.Context, Request) (Reply, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Request
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&req); err != nil {
			writeJSON(w, http.StatusBadRequest, Problem{Code: "other_version", Text: "this stoa does not understand the request", Hint: "run the same version of stoa on both sides"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), verbTime)
		defer cancel()
		reply, err := do(ctx, req)
		if err != nil {
			writeJSON(w, http.StatusUnprocessableEntity, Explain(err))
			return
		}
		writeJSON(w, http.StatusOK, reply)
	})
}

// Steer answers the verbs of other processes with do until stop is called, which
// returns when the last has been answered, in place of a session that does not run
// yet. The caller holds the lock of the home's store.
func Steer(home string, do func(context.Context, Request) (Reply, error)) (stop func() error, err error) {
	l, err := listenControl(home)
	if err != nil {
		return nil, noSocket(home, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serveControl(ctx, l, home, do) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

// noSocket tells that the socket of a home cannot be made.
func noSocket(home string, err error) error {
	return &UserError{Code: "socket_failed", Text: "the home's socket cannot be made", Hint: "look whether you may write to " + home, Err: err}
}

// serveControl answers verbs with do until ctx ends, and removes the socket.
// It returns when the last answer has been written or, serve.Farewell after ctx, cut
// off, and no verb is at work any more.
func serveControl(ctx context.Context, l net.Listener, home string, do func(context.Context, Request) (Reply, error)) error {
	mux := http.NewServeMux()
	mux.Handle("POST /do", Handler(do))
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       10 * time.Second,
	}
	err := serve.Until(ctx, srv, l)
	path, _ := socketPath(home)
	_ = os.Remove(path) // the next node removes what is left
	return err
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the other side is gone: nobody to tell
}

// errNotRunning says that no node serves the home.
var errNotRunning = errors.New("no node runs with this home")

// askControl has the node of a home perform a verb. Without a node it returns
// errNotRunning.
func askControl(ctx context.Context, home string, req Request) (Reply, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return Reply{}, err
	}
	path, shared := socketPath(home)
	if shared {
		err := checkOwn(filepath.Dir(path))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return Reply{}, errNotRunning
		case err != nil:
			return Reply{}, &UserError{Code: "not_answering", Text: "the running stoa cannot be asked: " + err.Error(), Hint: "remove that folder, then start stoa again", Err: err}
		}
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}
	client := http.Client{Transport: transport, Timeout: verbTime + 5*time.Second}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://stoa/do", bytes.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	resp, err := client.Do(r)
	if err != nil {
		var op *net.OpError
		if ctx.Err() != nil {
			return Reply{}, ctx.Err()
		}
		if errors.As(err, &op) && op.Op == "dial" {
			return Reply{}, errNotRunning
		}
		return Reply{}, &UserError{Code: "not_answering", Text: "the running stoa did not answer", Hint: "look whether it still runs, then try again", Err: err}
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(io.LimitReader(resp.Body, maxReply))
	if resp.StatusCode != http.StatusOK {
		var we Problem
		if err := dec.Decode(&we); err != nil || we.Text == "" {
			return Reply{}, &UserError{Code: "other_version", Text: "the running stoa did not understand the request", Hint: "run the same version of stoa on both sides", Err: err}
		}
		return Reply{}, &UserError{Code: we.Code, Text: we.Text, Hint: we.Hint}
	}
	var reply Reply
	if err := dec.Decode(&reply); err != nil {
		return Reply{}, &UserError{Code: "not_answering", Text: "the running stoa's answer was cut off", Hint: "try again", Err: err}
	}
	return reply, nil
}
