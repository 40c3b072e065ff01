// A sound system without hardware: PipeWire with loudspeakers that play to nobody and microphones
// that hear what a test says into them. It is what a person's desktop runs, but for the cards.

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoa/cmd/stoa/process/hear"
)

// A pipewire is a sound system of its own, apart from whatever this machine has. Cards are made and
// unplugged by name; a name is what PulseAudio calls a sink or source, and stays within letters,
// digits and dots.
type pipewire struct {
	t     testing.TB
	dir   string            // its sockets and its state
	cards map[string]string // the module that each card is
}

// servers starts what a desktop session has, and ends it when its standard input does: with the test,
// however that ends. Without a session bus wireplumber does not start.
const servers = `
pipewire & p=$!
until [ -S "$XDG_RUNTIME_DIR/pipewire-0" ]; do sleep 0.02; done
wireplumber & w=$!
pipewire-pulse & q=$!
read -r _
kill $q $w $p
wait
`

// newPipewire starts a sound system without any card. It takes about 0.2 s.
func newPipewire(t testing.TB) *pipewire {
	t.Helper()
	// The recorder waits for what it writes, and loses sound meanwhile: no disk is as sure as memory.
	dir, err := os.MkdirTemp("/dev/shm", "pw-") // and the path of a socket must be short
	if err != nil {
		dir, err = os.MkdirTemp("", "pw-")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &pipewire{t: t, dir: dir, cards: map[string]string{}}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("dbus-run-session", "--", "sh", "-c", servers)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env(), log, log
	alive, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; .ci/need sound installs what is missing", err)
	}
	t.Cleanup(func() {
		alive.Close()
		_ = cmd.Wait() // it was ended, and says so
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the sound system said:\n%s", text)
		}
	})
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := s.try("pactl", "info"); err == nil {
			return s
		} else if time.Now().After(limit) {
			t.Fatalf("the sound system does not start: %v", err)
		}
	}
}

// env is what a program needs in its environment to use this sound system and no other.
func (s *pipewire) env() []string {
	env := []string{"XDG_RUNTIME_DIR=" + s.dir, "XDG_STATE_HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir, "HOME=" + s.dir}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "PULSE_"), strings.HasPrefix(name, "PIPEWIRE_"),
			name == "HOME", name == "DBUS_SESSION_BUS_ADDRESS":
		default:
			env = append(env, v)
		}
	}
	return env
}

// try runs a tool of the sound system to its end and returns what it printed.
func (s *pipewire) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = s.env()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *pipewire) must(name string, args ...string) string {
	s.t.Helper()
	out, err := s.try(name, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// until runs a tool again and again until it does not fail: what was just plugged in takes its moment
// to appear everywhere.
func (s *pipewire) until(name string, args ...string) {
	s.t.Helper()
	limit := time.Now().Add(patience)
	for {
		_, err := s.try(name, args...)
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// speaker plugs in a loudspeaker that nobody hears, but whose monitor can be recorded. Its port is
// monitor. more are arguments of module-null-sink, such as rate=44100 or channels=8.
func (s *pipewire) speaker(name string, more ...string) {
	s.t.Helper()
	s.plug(name, "Audio/Sink", more...)
}

// mic plugs in a microphone into whose port input can be said what it shall hear.
func (s *pipewire) mic(name string, more ...string) {
	s.t.Helper()
	s.plug(name, "Audio/Source/Virtual", more...)
}

// plug makes a card. Where more says nothing else it has one channel, at 48 kHz. People call it by
// its name in capitals.
func (s *pipewire) plug(name, class string, more ...string) {
	s.t.Helper()
	args := []string{"load-module", "module-null-sink", "sink_name=" + name, "media.class=" + class,
		"sink_properties=device.description=" + strings.ToUpper(name)}
	if !strings.Contains(strings.Join(more, " "), "channels=") {
		args = append(args, "channels=1", "channel_map=mono")
	}
	s.cards[name] = s.must("pactl", append(args, more...)...)
}

// unplug takes a card away, whoever uses it.
func (s *pipewire) unplug(name string) {
	s.t.Helper()
	s.must("pactl", "unload-module", s.cards[name])
}

// prefer makes a card the system's default, as in its settings: kind is sink or source.
func (s *pipewire) prefer(kind, name string) {
	s.t.Helper()
	s.until("pactl", "set-default-"+kind, name)
}

// link lets sound flow from the port of one to the port of another: from the monitor of a loudspeaker
// to the input of a microphone, for example. A port is NODE:PORT, as pw-link lists them; that of a
// loudspeaker is monitor_MONO, of a microphone input_MONO to say something and capture_MONO to hear
// what it hears, unless it has several channels.
func (s *pipewire) link(from, to string) {
	s.t.Helper()
	s.until("pw-link", from, to)
}

// port is where to record a card: the monitor of a loudspeaker, or what a microphone captures; of
// several channels the first.
func (s *pipewire) port(name, kind string) string {
	s.t.Helper()
	return s.ports("-o", name+":"+kind+"_")[0]
}

// ports returns all ports that sound comes out of, -o, or goes into, -i, whose names begin so. There is
// one at least.
func (s *pipewire) ports(way, begin string) (found []string) {
	s.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		for _, port := range strings.Fields(s.must("pw-link", way)) {
			if strings.HasPrefix(port, begin) {
				found = append(found, port)
			}
		}
		if len(found) > 0 {
			return found
		}
		if time.Now().After(limit) {
			s.t.Fatalf("there is no port %s", begin)
		}
	}
}

// A tool is a program of the sound system that runs beside the test.
type tool struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{}
}

// run starts a tool. It ends with the test.
func (s *pipewire) run(name string, args ...string) *tool {
	s.t.Helper()
	p := &tool{t: s.t, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = s.env()
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // pw-record exits with 1 when it is asked to end
		close(p.done)
	}()
	s.t.Cleanup(p.end)
	return p
}

// end asks the tool to end, as Ctrl-C does, and waits for it.
func (p *tool) end() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	p.wait()
}

// wait waits for the tool to end.
func (p *tool) wait() {
	<-p.done
}

// say lets a microphone hear a WAV file of one channel, from the first sample to the last, in all of its
// own. Of several who speak at
// once each needs a name of their own.
func (s *pipewire) say(person, path, mic string) *tool {
	s.t.Helper()
	p := s.run("pw-cat", "-p", "--target", "0", "-P", "{ node.name = "+person+" }", path)
	for _, port := range s.ports("-i", mic+":input_") {
		s.link(person+":output_MONO", port)
	}
	return p
}

// record records up to four ports side by side, to the sample, into a WAV file, a channel each. It
// records while any of them is there. Its own ports are NAME:input_FL, _FR, _RL and _RR, where NAME is
// that of the file without .wav: the port of a card that comes back has to be linked anew.
func (s *pipewire) record(path string, ports ...string) *tool {
	s.t.Helper()
	name := strings.TrimSuffix(filepath.Base(path), ".wav")
	places := []string{"FL", "FR", "RL", "RR"}[:len(ports)]
	p := s.run("pw-record", "--target", "0", "--rate", fmt.Sprint(hear.Rate), "--format", "s16",
		"--channels", fmt.Sprint(len(ports)), "--channel-map", strings.Join(places, ","), "-P", "{ node.name = "+name+" }", path)
	for i, port := range ports {
		s.link(port, name+":input_"+places[i])
	}
	return p
}
