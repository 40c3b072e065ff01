// What Prometheus reads of a relay: every figure, under the name that dashboards rely on.

package app

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stoa/node"
	"stoa/room/seal"
)

// one is a collector of one room's figures.
type one struct{ figures roomFigures }

func (o one) Describe(to chan<- *prometheus.Desc) { carried{}.Describe(to) }
func (o one) Collect(to chan<- prometheus.Metric) { o.figures.collect(to) }

func TestFigures(t *testing.T) {
	m, err := listenMetrics("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.registry.MustRegister(one{roomFigures{
		room: "r", slots: 10, people: 4,
		children: []node.ChildInfo{{Carrier: node.Raw, Media: true}, {Carrier: node.Raw, Media: true}, {Carrier: node.Stream}},
		stats:    node.RelayStats{Waiting: 1, Admitted: 2, Refused: 3, Full: 4, Cut: 5, Lost: 6, Fed: 7, Published: 8, Unwelcome: 9, Letters: 10, Returned: 11},
		sent: node.ForwardStats{
			Bundles: 30, Raw: 20, Bytes: 3000, Digests: 5, Full: 1, Quiet: 2, Late: 3, Crowded: 4, Stale: 5, Capped: 6, Failed: 7,
			Delays: [10]uint64{1, 0, 2, 0, 0, 0, 0, 0, 0, 1}, DelaySum: 100 * time.Millisecond,
		},
		checks: seal.Checks{Passed: 1, Malformed: 2, Unsigned: 3, UnknownKey: 4, Replayed: 5, Forged: 6},
		links:  []node.LinkInfo{{Carrier: node.Datagram}},
	}})
	text := scrape(t, m, "/metrics", http.StatusOK)
	var got []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "stoa_relay_"); ok {
			got = append(got, strings.TrimSpace(rest))
		}
	}
	want := strings.Split(strings.TrimSpace(`
added_delay_seconds_bucket{room="r",le="0.001"} 1
added_delay_seconds_bucket{room="r",le="0.002"} 1
added_delay_seconds_bucket{room="r",le="0.005"} 3
added_delay_seconds_bucket{room="r",le="0.01"} 3
added_delay_seconds_bucket{room="r",le="0.015"} 3
added_delay_seconds_bucket{room="r",le="0.02"} 3
added_delay_seconds_bucket{room="r",le="0.025"} 3
added_delay_seconds_bucket{room="r",le="0.04"} 3
added_delay_seconds_bucket{room="r",le="0.06"} 3
added_delay_seconds_bucket{room="r",le="+Inf"} 4
added_delay_seconds_sum{room="r"} 0.1
added_delay_seconds_count{room="r"} 4
admissions_total{result="admitted",room="r"} 2
admissions_total{result="cut",room="r"} 5
admissions_total{result="full",room="r"} 4
admissions_total{result="lost",room="r"} 6
admissions_total{result="refused",room="r"} 3
bundles_out_total{carrier="quic_or_stream",room="r"} 10
bundles_out_total{carrier="raw",room="r"} 20
bytes_out_total{room="r"} 3000
children{carrier="raw",room="r",state="media"} 2
children{carrier="stream",room="r",state="standby"} 1
children_waiting{room="r"} 1
control_total{result="fed",room="r"} 7
control_total{result="letter",room="r"} 10
control_total{result="letter_returned",room="r"} 11
control_total{result="published",room="r"} 8
control_total{result="unwelcome",room="r"} 9
digests_out_total{room="r"} 5
dropped_total{reason="crowded",room="r"} 4
dropped_total{reason="full",room="r"} 1
dropped_total{reason="late",room="r"} 3
dropped_total{reason="quiet",room="r"} 2
dropped_total{reason="silent_listener",room="r"} 5
dropped_total{reason="system",room="r"} 7
dropped_total{reason="upload_cap",room="r"} 6
links{carrier="datagram",room="r"} 1
packets_in_total{room="r"} 1
packets_refused_total{reason="forged",room="r"} 6
packets_refused_total{reason="malformed",room="r"} 2
packets_refused_total{reason="may_not_speak",room="r"} 4
packets_refused_total{reason="replayed",room="r"} 5
packets_refused_total{reason="unsigned",room="r"} 3
people{room="r"} 4
slots{room="r"} 10
`), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	for _, more := range []string{"go_goroutines ", "process_cpu_seconds_total ", "go_build_info{"} {
		if !strings.Contains(text, "\n"+more) {
			t.Errorf("%s is missing", more)
		}
	}
}

func TestHealth(t *testing.T) {
	m, err := listenMetrics("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if got := scrape(t, m, "/healthz", http.StatusOK); got != "ok\n" {
		t.Errorf("got %q", got)
	}
	if m, err = listenMetrics("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	m.draining.Store(true)
	if got := scrape(t, m, "/healthz", http.StatusServiceUnavailable); got != "draining\n" {
		t.Errorf("while draining: %q", got)
	}
}

// scrape serves the figures for one request.
func scrape(t *testing.T, m *metrics, path string, status int) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := m.serve(ctx); err != nil {
			t.Error(err)
		}
	})
	defer serving.Wait()
	defer cancel()
	reply, err := http.Get("http://" + m.addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != status {
		t.Fatalf("%s: %s, %v", path, reply.Status, err)
	}
	return string(body)
}
