// The flags of everything that runs a node, and the Config they make.

package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"stoa/cmd/stoa/app"
)

// netFlags say which node: its home and its network.
type netFlags struct {
	home      string
	network   string
	bootstrap string
	listen    string
	log       string
	json      bool
}

func (f *netFlags) add(fs *flag.FlagSet) {
	addHome(fs, &f.home, &f.json)
	fs.StringVar(&f.network, "network", "public", "`public` (the default), lan: only this local network, or links: only addresses in links")
	fs.StringVar(&f.bootstrap, "bootstrap", "", "`ADDR,…` of a private network to join instead; none starts one")
	fs.StringVar(&f.listen, "listen", "", "`ADDR,…` to listen on (default: every transport, any port)")
	fs.StringVar(&f.log, "log", "", "`FILE` for the technical log, - for standard error (default: no log)")
}

// addHome adds the two flags that every command with a home has.
func addHome(fs *flag.FlagSet, home *string, asJSON *bool) {
	fs.StringVar(home, "home", "", "`DIR` of key, rooms and history (default: $STOA_HOME, or the system's folder for it)")
	fs.BoolVar(asJSON, "json", false, "print one JSON object a line")
}

func homeOr(home string) string {
	if home != "" {
		return home
	}
	return app.DefaultHome()
}

// config makes a Config without devices. The caller closes the log.
func (f *netFlags) config(started time.Time, stderr io.Writer) (app.Config, io.Closer, error) {
	cfg := app.Config{
		Home:      homeOr(f.home),
		Network:   f.network,
		Bootstrap: list(f.bootstrap),
		Listen:    list(f.listen),
		Started:   started,
	}
	switch {
	case f.network != "public" && f.network != "lan" && f.network != "links":
		return cfg, nil, &usageError{text: "--network is public, lan or links, not " + f.network, hint: "a private network is named by --bootstrap"}
	case len(cfg.Bootstrap) > 0 && f.network != "public":
		return cfg, nil, &usageError{text: "--network " + f.network + " and --bootstrap exclude each other", hint: "--bootstrap already keeps the node off the public network"}
	case len(cfg.Bootstrap) > 0:
		cfg.Network = "private"
	}
	log, closer, err := openLog(f.log, stderr)
	cfg.Log = log
	return cfg, closer, err
}

// list splits a comma list, ignoring empty entries and spaces.
func list(s string) []string {
	var out []string
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}

// openLog opens the technical log. A nil logger means none was asked for.
func openLog(path string, stderr io.Writer) (*slog.Logger, io.Closer, error) {
	var w io.Writer
	closer := io.NopCloser(nil)
	switch path {
	case "":
		return nil, closer, nil
	case "-":
		w = stderr
	default:
		// Readable by its owner alone: the log holds addresses of other people.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, closer, &app.UserError{
				Text: "cannot write the log " + path + ": " + reason(err),
				Hint: "give --log a file in a folder you may write, or - for standard error",
				Err:  err,
			}
		}
		w, closer = f, f
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})), closer, nil
}

// reason is the part of a file error behind the path, which the sentence
// around it already names.
func reason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// nodeFlags are those of a node that stays: netFlags, sound, and how long.
type nodeFlags struct {
	netFlags
	in, out string
	loop    bool
	treat   bool
	talk    string
	muted   bool
	name    string
	limit   time.Duration
	qr      bool
	lend    bool
	noHelp  bool
	page    string
}

func (f *nodeFlags) add(fs *flag.FlagSet) {
	f.netFlags.add(fs)
	fs.StringVar(&f.in, "in", "mic", "`SOURCE` of your voice: mic (the default), mic:NAME, silence, or a WAV or Ogg/Opus file")
	fs.StringVar(&f.out, "out", "speaker", "`SINK` for what you hear: speaker (the default), speaker:NAME, null, or a WAV or Ogg/Opus file")
	fs.BoolVar(&f.loop, "loop", false, "start the --in file again when it ends")
	fs.BoolVar(&f.treat, "treat", false, "treat the --in file as a microphone: take out echo and noise, and so on")
	fs.StringVar(&f.talk, "talk", "", "when a microphone that is not muted is heard: `MODE` open, push or push-to-mute, see stoa push (default: as stoa sound has it)")
	fs.StringVar(&f.name, "name", "", "`NAME` that others see; kept for the next time")
	fs.DurationVar(&f.limit, "for", 0, "end by itself after `DURATION`, such as 30s or 2h")
	fs.BoolVar(&f.qr, "qr", false, "print links as QR codes even when the output is no terminal")
	fs.BoolVar(&f.lend, "lend", false, "lend this machine's connection: carry voices on in rooms that let you")
	fs.StringVar(&f.page, "page", "", "`PORT` of 127.0.0.1 to serve the page on, or none (default: the one before, if it is free)")
	fs.BoolVar(&f.noHelp, "no-help", false, "carry nobody's voice, not even between two on stage who cannot connect")
}

// addMuted is apart from add because a node that only takes its rooms up again
// always does so muted.
func (f *nodeFlags) addMuted(fs *flag.FlagSet) {
	fs.BoolVar(&f.muted, "muted", false, "start with the microphone muted")
}

func (f *nodeFlags) config(started time.Time, stderr io.Writer) (app.Config, io.Closer, error) {
	switch {
	case f.limit < 0:
		return app.Config{}, nil, &usageError{text: "--for must be longer than nothing"}
	case f.in == "":
		return app.Config{}, nil, &usageError{text: "--in is empty", hint: "--in silence joins without a microphone"}
	case f.out == "":
		return app.Config{}, nil, &usageError{text: "--out is empty", hint: "--out null joins without a loudspeaker"}
	case f.talk != "" && f.talk != "open" && f.talk != "push" && f.talk != "push-to-mute":
		return app.Config{}, nil, &usageError{text: "--talk is open, push or push-to-mute, not " + f.talk, hint: "`stoa help push` says what they are"}
	case f.lend && f.noHelp:
		return app.Config{}, nil, &usageError{text: "--lend and --no-help exclude each other", hint: "with --lend this machine helps everybody"}
	case f.loop && (f.in == "mic" || strings.HasPrefix(f.in, "mic:") || f.in == "silence"):
		return app.Config{}, nil, &usageError{text: "--loop repeats a file, but --in is " + f.in, hint: "name a WAV or Ogg/Opus file with --in"}
	}
	cfg, closer, err := f.netFlags.config(started, stderr)
	cfg.In, cfg.Out, cfg.Loop, cfg.Name, cfg.Lend, cfg.NoHelp = f.in, f.out, f.loop, f.name, f.lend, f.noHelp
	cfg.Treat, cfg.Talk = f.treat, f.talk
	return cfg, closer, err
}
