// The command version.

package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

func versionCommand() *command {
	return &command{
		name: "version", summary: "which stoa this is", example: "stoa version",
		setup: func(fs *flag.FlagSet) action {
			asJSON := fs.Bool("json", false, "print one JSON object")
			return func(_ context.Context, c *cli, words []string) error {
				if err := tooMany(words, 0); err != nil {
					return err
				}
				info, _ := debug.ReadBuildInfo()
				v := readVersion(info)
				if *asJSON {
					return writeJSON(c.stdout, v)
				}
				_, err := fmt.Fprintln(c.stdout, v)
				return err
			}
		},
	}
}

// A version is what the Go tool wrote into the program.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // commit; "+" behind it: changed since
	Go       string `json:"go"`
	System   string `json:"system"`
}

// readVersion takes what info holds; nil is a program built without modules.
func readVersion(info *debug.BuildInfo) version {
	v := version{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if v.Revision != "" && changed {
		v.Revision += "+"
	}
	return v
}

func (v version) String() string {
	if v.Revision == "" {
		return fmt.Sprintf("stoa %s (%s %s)", v.Version, v.Go, v.System)
	}
	return fmt.Sprintf("stoa %s (%s, %s %s)", v.Version, v.Revision, v.Go, v.System)
}
