package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// The end waits for a request at work, and for the handler of one that it cuts off.
func TestUntil(t *testing.T) {
	for name, polite := range map[string]bool{"answers in time": true, "is cut off": false} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			working, finish, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(finished)
				close(working)
				if polite {
					<-finish
				} else {
					<-r.Context().Done()
				}
				io.WriteString(w, "done")
			})}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- Until(ctx, srv, l) }()
			answer := make(chan string, 1)
			go func() {
				resp, err := http.Get("http://" + l.Addr().String())
				if err != nil {
					answer <- ""
					return
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				answer <- string(body)
			}()
			<-working
			cancel()
			close(finish)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			select {
			case <-finished:
			default:
				t.Error("a handler is still at work")
			}
			if got := <-answer; (got == "done") != polite {
				t.Errorf("answer %q", got)
			}
		})
	}
}

// A server that fails by itself tells why.
func TestUntilItFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Until(t.Context(), &http.Server{Handler: http.NotFoundHandler()}, l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
