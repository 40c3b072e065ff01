// The libraries' own logs: libp2p and its DHT keep one logger for the whole process
// and print errors that mean nothing to a person, such as a listener that was closed.

package node

import (
	"context"
	"log/slog"
	"sync"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
)

var quietLibraries sync.Once

// takeLibraryLogs sends what libp2p logs to the log of the first node that is
// opened, at level debug, and silences the DHT.
func takeLibraryLogs(log *slog.Logger) {
	quietLibraries.Do(func() {
		gologshim.SetDefaultHandler(demoted{log.Handler()})
		golog.SetAllLoggers(golog.LevelFatal)
	})
}

// demoted makes every record one for debugging.
type demoted struct{ slog.Handler }

func (d demoted) Enabled(ctx context.Context, _ slog.Level) bool {
	return d.Handler.Enabled(ctx, slog.LevelDebug)
}

func (d demoted) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return d.Handler.Handle(ctx, r)
}

func (d demoted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return demoted{d.Handler.WithAttrs(attrs)}
}
func (d demoted) WithGroup(name string) slog.Handler { return demoted{d.Handler.WithGroup(name)} }
