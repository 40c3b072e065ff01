// Package process tests the program as people run it: real processes on
// loopback, real speech in, and somebody at the far end who recognises it.
package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// speech is where the clips are: a.wav to j.wav, each another text.
const speech = "../testdata/speech"

// patience bounds every wait for something that must happen. It is no measure
// of anything: the machine may be slow.
const patience = 40 * time.Second

// The programs under test: the one that people run, and the one whose client
// was edited to go on sending whatever the room decided.
var honest, edited string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stoa-process-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	honest, edited = filepath.Join(dir, "stoa"), filepath.Join(dir, "stoa-edited")
	code := 1
	if build(honest, "nolibopusfile") && build(edited, "nolibopusfile,edited") {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(out, tags string) bool { return buildPackage(out, tags, "stoa/cmd/stoa") }

func buildPackage(out, tags, path string) bool {
	b, err := exec.Command("go", "build", "-tags", tags, "-o", out, path).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, b)
	}
	return err == nil
}

// event is one line that a process printed with --json.
type event struct {
	Event   string      `json:"event"`
	Peer    string      `json:"peer"`
	Addrs   []string    `json:"addrs"`
	Room    string      `json:"room"`
	Title   string      `json:"title"`
	Role    string      `json:"role"`
	Link    string      `json:"link"`
	URL     string      `json:"url"`
	MS      int64       `json:"ms"`
	Who     string      `json:"who"`
	Name    string      `json:"name"`
	State   string      `json:"state"`
	Up      bool        `json:"up"`
	Place   int         `json:"place"`
	On      bool        `json:"on"`
	Muted   bool        `json:"muted"`
	By      string      `json:"by"`
	Why     string      `json:"why"`
	Text    string      `json:"text"`
	Hint    string      `json:"hint"`
	Device  string      `json:"device"`
	Audible *audibleNow `json:"audible"`

	Recording string `json:"recording"`
	Folder    string `json:"folder"`

	Stats *struct {
		People   int               `json:"people"`
		Links    int               `json:"links"`
		Lacked   float64           `json:"lacked_ms"`
		Refused  map[string]uint64 `json:"refused"`
		Speakers []struct {
			Who      string  `json:"who"`
			Received uint64  `json:"received"`
			Lost     uint64  `json:"lost"`
			Late     uint64  `json:"late"`
			Delay    float64 `json:"delay_ms"`
			Carrier  string  `json:"carrier"`

			Played    uint64 `json:"played"`
			Repaired  uint64 `json:"repaired"`
			Dropped   uint64 `json:"dropped"`
			Concealed uint64 `json:"concealed"`

			Silence float64 `json:"silence_ms"`
		} `json:"speakers"`
		Relays *struct {
			Primary string `json:"primary"`
			Shadow  string `json:"shadow"`
			Carrier string `json:"carrier"`
		} `json:"relays"`
		Sending *struct {
			Bitrate int `json:"bitrate"`
		} `json:"sending"`
	} `json:"stats"`

	at   time.Time // when it was read
	line string
}

// process is one running stoa.
type process struct {
	t    testing.TB
	name string
	home string
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	events []event
	more   chan struct{} // closed and replaced when there is another event
	stderr bytes.Buffer
}

// start runs stoa with a home, and --json. It is killed when the test ends.
func start(t testing.TB, program, name, home string, args ...string) *process {
	t.Helper()
	return startIn(t, nil, program, name, home, args...)
}

// startIn runs stoa in an environment; nil is that of the test.
func startIn(t testing.TB, env []string, program, name, home string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, home: home, done: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.Command(program, append(args, "--home", home, "--json")...)
	p.cmd.Env = env
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			e := event{at: time.Now(), line: lines.Text()}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = event{Event: "garbage", at: time.Now(), line: lines.Text()}
			}
			p.mu.Lock()
			p.events = append(p.events, e)
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", p.name, p.transcript(), p.stderr.String())
		}
	})
	return p
}

func (p *process) transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, e := range p.events {
		if e.Event != "stats" {
			fmt.Fprintf(&b, "%s %s\n", e.at.Format("15:04:05.000"), e.line)
		}
	}
	return b.String()
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// quit ends the process as Ctrl-C would, and returns its exit code.
func (p *process) quit() int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.exit()
}

// exit waits for the process to end and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// wait returns the first event that fits, of those printed so far and to come.
func (p *process) wait(what string, fits func(event) bool) event {
	p.t.Helper()
	return p.waitSince(0, what, fits)
}

// mark is a point in what the process has printed, for waitSince.
func (p *process) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

func (p *process) waitSince(mark int, what string, fits func(event) bool) event {
	p.t.Helper()
	limit := time.After(patience)
	for i := mark; ; {
		p.mu.Lock()
		for ; i < len(p.events); i++ {
			if fits(p.events[i]) {
				e := p.events[i]
				p.mu.Unlock()
				return e
			}
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.done:
			p.mu.Lock()
			over := i >= len(p.events)
			p.mu.Unlock()
			if over {
				p.t.Fatalf("%s ended while the test waited for %s\n%s", p.name, what, p.stderr.String())
			}
		case <-limit:
			p.t.Fatalf("%s: %s did not come", p.name, what)
		}
	}
}

// last returns the latest event that fits, of those printed so far.
func (p *process) last(fits func(event) bool) event {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range slices.Backward(p.events) {
		if fits(e) {
			return e
		}
	}
	p.t.Fatalf("%s printed nothing of the kind", p.name)
	return event{}
}

// about fits events of a kind about a person.
func about(k, who string) func(event) bool {
	return func(e event) bool { return e.Event == k && e.Who == who }
}

// present fits the news that somebody is here, and gone that they are not.
func present(who string) func(event) bool {
	return func(e event) bool { return e.Event == "member" && e.Who == who && e.State == "present" }
}

func gone(who string) func(event) bool {
	return func(e event) bool { return e.Event == "member" && e.Who == who && e.State == "gone" }
}

// kind fits events of a kind.
func kind(k string) func(event) bool { return func(e event) bool { return e.Event == k } }

// verb steers the process, as another process would, and returns what the verb
// printed.
func (p *process) verb(args ...string) string {
	p.t.Helper()
	out, errs, code := run(p.t, append(args, "--home", p.home)...)
	if code != 0 {
		p.t.Fatalf("stoa %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// link makes a link with the given terms.
func (p *process) link(args ...string) string {
	p.t.Helper()
	for _, line := range strings.Split(p.verb(append([]string{"invite"}, args...)...), "\n") {
		if strings.HasPrefix(line, "stoa:j/") {
			return strings.TrimSpace(line)
		}
	}
	p.t.Fatal("invite printed no link")
	return ""
}

// person is one of those whom who lists.
type person struct {
	Who   string `json:"who"`
	Name  string `json:"name"`
	Role  string `json:"role"`
	Stage bool   `json:"stage"`
	Mic   bool   `json:"mic"`
	Muted bool   `json:"muted"`
	Place int    `json:"place"`
	Me    bool   `json:"me"`
}

// who is what the process knows of a member who is in the room.
func (p *process) who(id string) person {
	p.t.Helper()
	var answer struct {
		People []person `json:"people"`
	}
	out := p.verb("who", "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		p.t.Fatalf("who: %v in %s", err, out)
	}
	for _, one := range answer.People {
		if one.Who == id {
			return one
		}
	}
	p.t.Fatalf("%s does not list %s: %s", p.name, id, out)
	return person{}
}

// operation is one line of log.
type operation struct {
	Author string `json:"author"`
	Kind   string `json:"kind"`
	Target string `json:"target"`
	Valid  bool   `json:"valid"`
}

// history is the signed history of the only room.
func (p *process) history() []operation {
	p.t.Helper()
	var answer struct {
		Entries []operation `json:"entries"`
	}
	out := p.verb("log", "--json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		p.t.Fatalf("log: %v in %s", err, out)
	}
	return answer.Entries
}

// id is the key of the person whose home it is.
func (p *process) id() string {
	p.t.Helper()
	return strings.Fields(p.verb("id"))[0]
}

// run runs stoa to its end.
func run(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, honest, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// world is a private network of its own: its first node is a bootstrap that is
// in no room.
type world struct {
	t         testing.TB
	dir       string
	bootstrap string
	env       []string // of everybody from now on; nil is that of the test
}

const loopback = "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	p := start(t, honest, "bootstrap", filepath.Join(w.dir, "bootstrap"), "--bootstrap", "none", "--listen", loopback, "--in", "silence", "--out", "null")
	ready := p.wait("ready", kind("ready"))
	w.bootstrap = strings.Join(ready.Addrs, ",")
	return w
}

// home is the folder of somebody's home.
func (w *world) home(name string) string { return filepath.Join(w.dir, name) }

// record is where somebody's loudspeaker is written to.
func (w *world) record(name string) string { return filepath.Join(w.dir, name+".wav") }

// run starts somebody's stoa on this network. Their microphone is silent and
// their loudspeaker a file, unless args say otherwise.
func (w *world) run(program, name string, args ...string) *process {
	w.t.Helper()
	return startIn(w.t, w.env, program, name, w.home(name), w.devices(name, args, "--listen", loopback)...)
}

// devices adds to args what everybody on this network has.
func (w *world) devices(name string, args []string, more ...string) []string {
	args = append(args, "--bootstrap", w.bootstrap, "--name", name)
	args = append(args, more...)
	if !contains(args, "--in") {
		args = append(args, "--in", "silence")
	}
	if !contains(args, "--out") {
		args = append(args, "--out", w.record(name))
	}
	return args
}

func contains(args []string, flag string) bool {
	for _, a := range args {
		if a == flag {
			return true
		}
	}
	return false
}

// clip is the path of a speech clip.
func clip(letter string) string { return filepath.Join(speech, letter+".wav") }
