// The figures of the real program, on loopback. Each benchmark is one run of a
// scene in real time, whose figures go-test prints as metrics; `make bench` puts
// them into a table.
//
// Every figure has %other beside it: how much of a core everything that does not
// belong to the benchmark used meanwhile. On a busy machine times are longer, and
// nothing here can tell whose fault that is.

package process

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

const (
	joins     = 30               // for each figure of joining
	settling  = 5 * time.Second  // from the last join to a steady state
	measuring = 15 * time.Second // of a steady state
	listeners = 3                // for each figure of loss: more frames in the same time
	losing    = 22 * time.Second // how long each of them listens
)

// BenchmarkLinkToFirstSound starts the program with a link to a room in which
// somebody speaks without a pause, over and over with a new home, and tells how
// long it takes until their first sound is played.
func BenchmarkLinkToFirstSound(b *testing.B) {
	for _, way := range []string{"hints", "dht"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				m, w := watchMachine(b), newWorld(b)
				ann := w.run(honest, "ann", "open", "Stoa", "--in", voice(b), "--loop", "--out", "null")
				ann.wait("the room", kind("joined"))
				link := ann.link("--hints=" + strconv.FormatBool(way == "hints"))
				var sound, after []float64
				for i := range joins {
					p := w.run(honest, fmt.Sprint("joiner", i), "join", link, "--out", "null")
					joined, heard := p.wait("the room", kind("joined")).MS, p.wait("sound", kind("sound")).MS
					sound, after = append(sound, float64(heard)), append(after, float64(heard-joined))
					p.quit()
				}
				m.report(b, ann)
				reportQuantiles(b, sound, "ms")
				reportQuantiles(b, after, "ms-from-joined")
				ann.kill()
			}
		})
	}
}

// BenchmarkMouthToEar has two people hear a third one, all with files as devices,
// and finds in the recordings when each of many marks in the speech was heard.
func BenchmarkMouthToEar(b *testing.B) {
	for b.Loop() {
		m, w := watchMachine(b), newWorld(b)
		log := func(name string) string { return filepath.Join(w.dir, name+".log") }
		ann := w.run(honest, "ann", "open", "Stoa", "--in", voice(b), "--loop", "--out", "null", "--log", log("ann"))
		link := ann.wait("a link", kind("link")).Link
		var ears []*process
		for _, name := range []string{"bob", "cid"} {
			p := w.run(honest, name, "join", link, "--log", log(name))
			p.wait("sound", kind("sound"))
			ears = append(ears, p)
		}
		time.Sleep(measuring)
		m.report(b, append(ears, ann)...)
		var delays []float64
		for _, p := range ears {
			p.quit()
			delays = append(delays, markDelays(b, w.record(p.name), log("ann"), log(p.name))...)
		}
		ann.kill()
		reportQuantiles(b, delays, "ms")
		b.ReportMetric(float64(len(delays)), "marks")
	}
}

// BenchmarkPlayedInTime puts networks of different badness between a speaker and
// listeners, and tells which share of the frames spoken was played when it was its
// turn: as it was sent, or repaired from the packet after it.
func BenchmarkPlayedInTime(b *testing.B) {
	for _, rtt := range []time.Duration{40 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprint("rtt=", rtt), func(b *testing.B) {
			for b.Loop() {
				m := watchMachine(b)
				var networks []*badNetwork
				var all []*process
				for _, percent := range []int{0, 1, 5, 10} {
					n := newBadNetwork(b, rtt/2, percent)
					networks, all = append(networks, n), append(append(all, n.ann), n.ears...)
				}
				time.Sleep(settling)
				for _, n := range networks {
					n.mark()
				}
				time.Sleep(losing)
				for _, n := range networks {
					n.report(b)
				}
				m.report(b, all...)
				for _, p := range all {
					p.kill()
				}
			}
		})
	}
}

// badNetwork is a room with one speaker, whom every listener hears through a hop of
// their own.
type badNetwork struct {
	percent int
	ann     *process
	ears    []*process
	hops    []*lossyHop
	before  []tally
}

// tally is what was counted of the only speaker, and by the hop.
type tally struct {
	played, due, concealed, passed, lost uint64
	delay                                float64
}

func newBadNetwork(b *testing.B, delay time.Duration, percent int) *badNetwork {
	dir := b.TempDir()
	run := func(name string, args ...string) *process {
		args = append(args, "--bootstrap", "none", "--listen", loopback, "--out", "null", "--name", name)
		return start(b, honest, name, filepath.Join(dir, name), args...)
	}
	n := &badNetwork{percent: percent}
	n.ann = run("ann", "open", "Stoa", "--in", voice(b), "--loop")
	link := n.ann.wait("a link", kind("link")).Link
	for i := range listeners {
		link, h := through(b, link, func(port uint16) *lossyHop {
			return newLossyHop(b, port, delay, float64(percent)/100, uint64(100*percent+i))
		})
		n.ears, n.hops = append(n.ears, run(fmt.Sprint("ear", i), "join", link, "--in", "silence")), append(n.hops, h)
	}
	for _, p := range n.ears {
		p.wait("sound", kind("sound"))
	}
	return n
}

// tally is what listener i has counted until now.
func (n *badNetwork) tally(i int) tally {
	p := n.ears[i]
	e := p.waitSince(p.mark(), "stats", func(e event) bool { return e.Event == "stats" && len(e.Stats.Speakers) == 1 })
	s := e.Stats.Speakers[0]
	played := s.Played + s.Repaired
	passed, lost, _ := n.hops[i].counts()
	return tally{played, played + s.Lost + s.Dropped, s.Concealed, passed, lost, s.Delay}
}

func (n *badNetwork) mark() {
	for i := range n.ears {
		n.before = append(n.before, n.tally(i))
	}
}

// report tells what all listeners together have counted since mark.
func (n *badNetwork) report(b *testing.B) {
	var sum tally
	for i := range n.ears {
		now, then := n.tally(i), n.before[i]
		if now.passed-then.passed < now.due-then.due {
			b.Fatalf("at %d %% loss, %d packets did not come through the hop", n.percent, now.due-then.due)
		}
		sum.played += now.played - then.played
		sum.due += now.due - then.due
		sum.concealed += now.concealed - then.concealed
		sum.passed += now.passed - then.passed
		sum.lost += now.lost - then.lost
		sum.delay += now.delay / listeners
	}
	percent := func(part, whole uint64) float64 { return 100 * float64(part) / float64(max(whole, 1)) }
	at := fmt.Sprintf("/loss=%d", n.percent)
	b.ReportMetric(percent(sum.played, sum.due), "%intime"+at)
	b.ReportMetric(percent(sum.concealed, sum.due), "%concealed"+at)
	b.ReportMetric(percent(sum.lost, sum.lost+sum.passed), "%dropped"+at)
	b.ReportMetric(sum.delay, "ms-delay"+at)
}

// BenchmarkListeningNode is what a node costs that hears one speaker who makes no
// pause.
func BenchmarkListeningNode(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		ann := w.run(honest, "ann", "open", "Stoa", "--in", voice(b), "--loop", "--out", "null")
		p := w.run(honest, "bob", "join", ann.wait("a link", kind("link")).Link, "--out", "null")
		p.wait("sound", kind("sound"))
		reportLoad(b, []*process{p}, []*process{ann})
	}
}

// BenchmarkSpeakingNode is what the other end of that costs.
func BenchmarkSpeakingNode(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		ann := w.run(honest, "ann", "open", "Stoa", "--in", voice(b), "--loop", "--out", "null")
		p := w.run(honest, "bob", "join", ann.wait("a link", kind("link")).Link, "--out", "null")
		p.wait("sound", kind("sound"))
		reportLoad(b, []*process{ann}, []*process{p})
	}
}

// BenchmarkTenSpeakers is what each of ten nodes costs whose people all speak at
// once, without a pause.
func BenchmarkTenSpeakers(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		all := []*process{w.run(honest, "0", "open", "Stoa", "--in", voice(b), "--loop", "--out", "null")}
		all[0].wait("the room", kind("joined"))
		link := all[0].link("--role", "speaker")
		for i := 1; i < 10; i++ {
			all = append(all, w.run(honest, fmt.Sprint(i), "join", link, "--in", voice(b), "--loop", "--out", "null"))
		}
		for _, p := range all {
			p.wait("nine voices", func(e event) bool { return e.Event == "stats" && len(e.Stats.Speakers) == 9 })
		}
		reportLoad(b, all, nil)
	}
}

// reportLoad lets the processes settle and tells what each of them costs, on average.
// rest are others of the benchmark. Two things tell how dear the machine is meanwhile: what
// a bare program costs, and how often a loop spins in percent of how often it does alone.
func reportLoad(b *testing.B, measured, rest []*process) {
	bare := startBare(b)
	time.Sleep(settling)
	live := append(slices.Concat(measured, rest), bare)
	cpu := func() (sum time.Duration) {
		for _, p := range measured {
			sum += p.cpu()
		}
		return sum
	}
	m, begin := watchMachine(b, live...), time.Now()
	before, bareBefore := cpu(), bare.cpu()
	time.Sleep(measuring)
	took, n := time.Since(begin), float64(len(measured))
	b.ReportMetric(100*float64(cpu()-before)/float64(took)/n, "%core")
	b.ReportMetric(100*float64(bare.cpu()-bareBefore)/float64(took), "%core-bare")
	m.report(b, live...)
	memory := 0.0
	for _, p := range measured {
		memory += p.resident()
	}
	b.ReportMetric(memory/n, "MB")
	during := spin()
	for _, p := range live {
		p.kill()
	}
	b.ReportMetric(100*during/spin(), "%spin")
}

// bareEnv makes this test program the bare one: see bare.
const bareEnv = "STOA_BENCH_BARE"

func init() {
	if os.Getenv(bareEnv) != "" {
		bare()
	}
}

// bare does what no program for voices on this machine can do without: it wakes up every
// 10 ms for a loudspeaker, wakes another goroutine that would mix, and receives 50
// datagrams a second. So what it costs is the price of that here, in Go.
func bare() {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"event\":\"ready\",\"addrs\":[%q]}\n", conn.LocalAddr())
	mix := make(chan struct{}, 1)
	go func() {
		for range mix {
		}
	}()
	go func() {
		var b [hopDatagram]byte
		for {
			_, _, _ = conn.ReadFromUDPAddrPort(b[:])
		}
	}()
	begin := time.Now()
	for n := time.Duration(1); ; n++ {
		time.Sleep(time.Until(begin.Add(10 * time.Millisecond * n)))
		mix <- struct{}{}
	}
}

// startBare starts the bare program and sends to it until the benchmark ends.
func startBare(b *testing.B) *process {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv(bareEnv, "1")
	p := start(b, self, "bare", b.TempDir())
	b.Setenv(bareEnv, "")
	conn, err := net.Dial("udp4", p.wait("its address", kind("ready")).Addrs[0])
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		defer conn.Close()
		every := time.NewTicker(20 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				_, _ = conn.Write(make([]byte, 150))
			case <-p.done:
				return
			}
		}
	}()
	return p
}

// spin returns how often a second this thread can hash a kilobyte now.
func spin() float64 {
	var block [1024]byte
	n, begin := 0, time.Now()
	for time.Since(begin) < 500*time.Millisecond {
		for range 100 {
			sum := sha256.Sum256(block[:])
			copy(block[:], sum[:])
		}
		n += 100
	}
	return float64(n) / time.Since(begin).Seconds()
}

// tick is the unit of processor times under /proc (proc(5): USER_HZ).
const tick = time.Second / 100

// procFields returns the fields of a file under /proc, from the one after the first
// closing parenthesis on. Where there is no /proc the benchmark is skipped.
func procFields(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("this system does not tell what a process costs: %v", err)
	}
	_, after, found := strings.Cut(string(text), ") ")
	if !found {
		after = string(text)
	}
	return strings.Fields(after)
}

func number(t testing.TB, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cpu is the processor time that the process has used: utime and stime of proc(5).
func (p *process) cpu() time.Duration {
	f := procFields(p.t, fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	return time.Duration(number(p.t, f[11])+number(p.t, f[12])) * tick
}

// resident is how much of the process is in memory now, in MB of 10^6 bytes.
func (p *process) resident() float64 {
	f := procFields(p.t, fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	return float64(number(p.t, f[1])) * float64(os.Getpagesize()) / 1e6
}

// machine is what the machine and the benchmark's part of it had done at some time.
type machine struct {
	at        time.Time
	busy, own time.Duration
}

// watchMachine begins to watch. live are the processes of the benchmark that run.
func watchMachine(t testing.TB, live ...*process) machine {
	t.Helper()
	m := machine{at: time.Now()}
	for i, f := range procFields(t, "/proc/stat")[1:9] {
		if i != 3 && i != 4 { // idle, and idle because of a disk
			m.busy += time.Duration(number(t, f)) * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			t.Fatal(err)
		}
		m.own += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	for _, p := range live {
		m.own += p.cpu()
	}
	return m
}

// report tells what others than the benchmark have used since, in percent of a core.
func (m machine) report(b *testing.B, live ...*process) {
	b.Helper()
	now := watchMachine(b, live...)
	others := (now.busy - m.busy) - (now.own - m.own)
	b.ReportMetric(100*max(0, float64(others)/float64(now.at.Sub(m.at))), "%other")
}

// reportQuantiles reports the median and the 95th percentile: the least value that
// so many do not exceed.
func reportQuantiles(b *testing.B, values []float64, unit string) {
	slices.Sort(values)
	for _, q := range []int{50, 95} {
		b.ReportMetric(values[(len(values)*q+99)/100-1], fmt.Sprintf("%s-p%d", unit, q))
	}
}

// voice makes a WAV file of somebody who speaks without taking breath, with marks.
func voice(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "voice.wav")
	if err := hear.WriteMarked(path, clip("a")); err != nil {
		b.Fatal(err)
	}
	return path
}

// markDelays tells how long after it was spoken each mark was heard, in ms, but for the
// first ones, in which the listener's buffer still finds its measure. logs are of the
// speaker and the listener.
func markDelays(b *testing.B, recording, speaker, listener string) []float64 {
	b.Helper()
	delays, missed, err := hear.MarkDelays(recording, speaker, listener)
	if err != nil {
		b.Fatal(err)
	}
	if len(delays) < markSkip+10 || missed > len(delays)/10 {
		b.Fatalf("%d marks were heard, and then %d were not", len(delays), missed)
	}
	return delays[markSkip:]
}

const markSkip = 4
