// Floods from outside: by peers without a link, who open whatever stream there
// is and send anything but what belongs there, or nothing.

package process

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// floodable are the protocols that a node answers strangers on.
var floodable = []protocol.ID{"/stoa/ask/1", "/stoa/media/1", "/stoa/card/1", "/stoa/meshsub/1.2", "/stoa/kad/1.0.0", "/ipfs/id/1.0.0"}

// memory is how much of a process is in memory, in MiB.
func (p *process) memory() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip("no /proc to read the size of a process from")
	}
	var kib int
	_, line, _ := strings.Cut(string(b), "VmRSS:")
	if _, err := fmt.Sscan(line, &kib); err != nil {
		p.t.Fatal(err)
	}
	return kib >> 10
}

func stranger(t testing.TB, p *process) (host.Host, peer.ID) {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ResourceManager(nil), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	info, err := peer.AddrInfoFromString(p.at())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Connect(t.Context(), *info); err != nil {
		t.Fatal(err)
	}
	return h, info.ID
}

// flood opens streams of every protocol, as many as it can in a while: garbage
// of 64 KiB, a length of 4 GiB, a beginning without an end.
func flood(ctx context.Context, h host.Host, to peer.ID) (opened int) {
	garbage := make([]byte, 64<<10)
	rand.Read(garbage)
	huge := append(binary.BigEndian.AppendUint32(nil, 1<<32-1), garbage...)
	for i := 0; ctx.Err() == nil; i++ {
		one, cancel := context.WithTimeout(ctx, time.Second)
		s, err := h.NewStream(one, to, floodable[i%len(floodable)])
		cancel()
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		opened++
		s.SetWriteDeadline(time.Now().Add(time.Second))
		switch i / len(floodable) % 4 {
		case 0:
			s.Write(garbage)
			s.CloseWrite()
		case 1:
			s.Write(huge)
		default:
			s.Write([]byte{0, 0, 1}) // and no more
		}
	}
	return opened
}

func TestFloodsDoNotCloseTheRoom(t *testing.T) {
	w := newWorld(t)
	ann := w.run(honest, "ann", "open", "Stoa", "--out", "null")
	link := ann.wait("a link", kind("link")).Link
	bob := w.joins(link, "bob", "--out", "null")
	before := ann.memory()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var floods sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for range 8 {
		h, to := stranger(t, ann)
		floods.Go(func() {
			n := flood(ctx, h, to)
			mu.Lock()
			opened += n
			mu.Unlock()
		})
	}
	// And somebody with a link, who asks without an end.
	mallory := w.rogue(nil, link)
	for range 4 {
		floods.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = mallory.net.AskPeer(ctx, ann.at(), make([]byte, 60<<10))
			}
		})
	}
	time.Sleep(6 * time.Second) // the flood stands: longer than any stream may wait

	cid := w.run(honest, "cid", "join", link, "--out", "null")
	joined := cid.wait("the room", kind("joined"))
	visitor := w.rogue(nil, link)
	if code := visitor.knock(ann, visitor.cred); code != "" {
		t.Errorf("ann herself answers %q to somebody with her link", code)
	}
	ann.verb("title", "Still here")
	for _, p := range []*process{bob, cid} {
		p.wait("the title", func(e event) bool { return e.Event == "room" && e.Title == "Still here" })
	}
	during := ann.memory()
	stop()
	floods.Wait()
	t.Logf("%d streams opened; cid joined after %d ms; ann had %d MiB before and %d in the flood", opened, joined.MS, before, during)
	if during > before+150 {
		t.Errorf("ann grew from %d to %d MiB", before, during)
	}
}
