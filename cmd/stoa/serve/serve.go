// Package serve runs an HTTP server for as long as a context lasts.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Farewell is how long the requests at work may take when the server ends.
const Farewell = 2 * time.Second

// Until serves until ctx ends, which is no error. Then, or when it fails by
// itself, no request is heard any more, those at work are waited for and, after
// Farewell, cut off; it returns when all their handlers have, too. It closes l.
func Until(ctx context.Context, srv *http.Server, l net.Listener) error {
	g := &gate{to: srv.Handler}
	srv.Handler = g
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), Farewell)
		defer cancel()
		if srv.Shutdown(end) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if stop() {
		srv.Close()
	} else {
		<-stopped
	}
	g.close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// A gate counts requests, since net/http does not wait for those that it cuts off.
type gate struct {
	to     http.Handler
	mu     sync.RWMutex // held for reading by each request
	closed bool
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.closed {
		g.to.ServeHTTP(w, r)
	}
}

// close waits for the requests at work and lets in no other.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
