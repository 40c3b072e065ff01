// The figures of a relay host, for Prometheus: what it carries, what it
// refused, and how libp2p and the Go runtime fare beside that.

package app

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stoa/cmd/stoa/serve"
)

// metrics is a registry and the server that shows it.
type metrics struct {
	registry *prometheus.Registry
	listener net.Listener
	draining atomic.Bool // told by /healthz, so that nobody is sent here any more
}

// listenMetrics opens the address that the figures are served on. Errors are
// for the person.
func listenMetrics(addr string) (*metrics, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &UserError{Code: "figures_failed", Text: "the figures cannot be served on " + addr + ": " + err.Error(), Hint: "name another --metrics", Err: err}
	}
	m := &metrics{registry: prometheus.NewRegistry(), listener: l}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m, nil
}

// addr is where the figures are served.
func (m *metrics) addr() string { return m.listener.Addr().String() }

// serve answers /metrics and /healthz until ctx ends, and returns when the last
// answer has been written or, farewell after ctx, cut off.
func (m *metrics) serve(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, // each walks over everything
		Timeout:             5 * time.Second,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if m.draining.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("draining\n"))
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return serve.Until(ctx, srv, m.listener)
}
