// Pack makes packages of stoa, a .deb and an .rpm, of what is committed or stands in the
// working tree:
//
//	go run -C .ci/pack . [-source FOLDER] [-out FOLDER]
//
//	program     go build, with paths and whatever else differs between machines left out
//	staged      what `stoa install --prefix` and `stoa relay --unit` write
//	licences    of each module that is in the program, see licences.go
//	needs       the libraries that the program names, see needs.go
//	packages    nfpm
//
// The same commit gives the same bytes, in whatever folder and at whatever time, where
// compiler and libraries are the same. Every time in a package is the commit's, or
// SOURCE_DATE_EPOCH, as reproducible-builds.org has it.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

func main() {
	source := flag.String("source", "../..", "the `FOLDER` with the repository")
	out := flag.String("out", "../../bin/packages", "the `FOLDER` for the packages")
	flag.Parse()
	made, err := pack(*source, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
	for _, path := range made {
		fmt.Println(path)
	}
}

// pack makes the packages of a source folder, and returns where they are.
func pack(source, out string) (made []string, err error) {
	rev, err := revisionOf(source)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "stoa-pack")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	b := build{source: source, root: filepath.Join(work, "root"), date: rev.date}
	for _, step := range []func() error{b.program, b.staged, b.unit, b.licences} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	needs, err := needsOf(b.path("usr/bin/stoa"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	for _, format := range []string{"deb", "rpm"} {
		path, err := b.write(format, rev, needs, out)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", format, err)
		}
		made = append(made, path)
	}
	return made, nil
}

// revision is what is packed.
type revision struct {
	version string // grows with time
	date    time.Time
}

func revisionOf(source string) (revision, error) {
	said, err := output(source, "git", "log", "-1", "--format=%ct %h", "--abbrev=10")
	if err != nil {
		return revision{}, err
	}
	seconds, hash, _ := strings.Cut(strings.TrimSpace(said), " ")
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds = epoch
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return revision{}, fmt.Errorf("the time of the commit: %w", err)
	}
	date := time.Unix(n, 0).UTC()
	version := "0.0~" + date.Format("20060102150405") + "." + hash
	changed, err := output(source, "git", "status", "--porcelain")
	if changed != "" {
		version += ".changed"
	}
	return revision{version, date}, err
}

// build is a package before it is one.
type build struct {
	source string
	root   string // stands for / of whoever installs it
	date   time.Time
}

func (b *build) path(name string) string { return filepath.Join(b.root, name) }

// put writes a file below the root.
func (b *build) put(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(b.path(name), data, 0o644)
}

// program builds stoa as make build does, without what a debugger wants.
func (b *build) program() error {
	program, err := filepath.Abs(b.path("usr/bin/stoa"))
	if err != nil {
		return err
	}
	_, err = output(b.source, "go", "build", "-trimpath", "-buildvcs=true", "-tags", "nolibopusfile", "-ldflags", "-s -w -buildid=", "-o", program, "./cmd/stoa")
	return err
}

// staged has the program write what a desktop reads of it.
func (b *build) staged() error {
	if _, err := output(b.source, b.path("usr/bin/stoa"), "install", "--prefix", b.path("usr")); err != nil {
		return err
	}
	page := b.path("usr/share/man/man1/stoa.1")
	plain, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression) // holds no name and no time
	if err != nil {
		return err
	}
	_, err = w.Write(plain)
	err = errors.Join(err, w.Close(), os.Remove(page))
	if err != nil {
		return err
	}
	return b.put("usr/share/man/man1/stoa.1.gz", packed.Bytes())
}

const unitHead = `# A relay host for stoa. It does not run unless it is told to:
#
#   stoa invite --role relay           # in the room; put the link into /etc/stoa-relay.links
#   systemctl enable --now stoa-relay
#
# Its flags are in /etc/default/stoa-relay. A room that was entered is returned to without
# its link. "systemctl stop" moves the listeners to other relays first.

`

// unit writes the relay's, for the program where a package puts it.
func (b *build) unit() error {
	said, err := output(b.source, b.path("usr/bin/stoa"), "relay", "--unit")
	if err != nil {
		return err
	}
	_, body, is := strings.Cut(said, "[Unit]\n")
	moved := strings.Replace(body, "/usr/local/bin/stoa ", "/usr/bin/stoa ", 1)
	if !is || moved == body {
		return errors.New("the relay's unit is not as it was")
	}
	return errors.Join(
		b.put("usr/lib/systemd/system/stoa-relay.service", []byte(unitHead+"[Unit]\n"+moved)),
		b.put("etc/stoa-relay.links", []byte("# Links of `stoa invite --role relay`, one a line, for stoa-relay.service.\n")),
		b.put("etc/default/stoa-relay", []byte("# Flags of `stoa relay` for stoa-relay.service, such as:\n#STOA_RELAY=--slots 500 --up 20mbit\n")),
	)
}

func (b *build) licences() error {
	text, err := licencesOf(b.source, b.path("usr/bin/stoa"))
	if err != nil {
		return err
	}
	return b.put("usr/share/doc/stoa/copyright", text)
}

// write makes one package of what is below the root.
func (b *build) write(format string, rev revision, needs needs, out string) (path string, err error) {
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	contents, err := b.contents()
	if err != nil {
		return "", err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "stoa", Arch: runtime.GOARCH, Platform: "linux",
		Version: rev.version, VersionSchema: "none", MTime: rev.date, DisableGlobbing: true,
		Section: "net", Priority: "optional",
		Maintainer: "The stoa authors <stoa@stoa.invalid>", // nobody reads mail for it
		Description: "Live audio rooms that belong to nobody\n" +
			"Open a room, send somebody a link and talk. There is no company behind it, no\n" +
			"account and no server: a room lives on the machines of the people in it.",
		Overridables: nfpm.Overridables{
			Contents: contents,
			Scripts: nfpm.Scripts{
				PostInstall: "postinstall.sh", PreRemove: "preremove.sh", PostRemove: "postremove.sh",
			},
			Depends: needs.depends[format], Recommends: needs.recommends[format],
			Deb: nfpm.Deb{Compression: "gzip"}, // Debian's archive takes no zstd
			RPM: nfpm.RPM{Compression: "zstd", BuildHost: "localhost"},
		},
	})
	if format == "rpm" { // Debian has it in the file copyright
		info.License = "Apache-2.0"
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return "", err
	}
	path = filepath.Join(out, packager.ConventionalFileName(info))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return path, packager.Package(info, f)
}

// contents lists every file below the root, with modes that depend on no umask.
func (b *build) contents() (files.Contents, error) {
	var list files.Contents
	err := filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(b.root, path)
		if err != nil {
			return err
		}
		c := &files.Content{Source: path, Destination: "/" + filepath.ToSlash(name), FileInfo: &files.ContentFileInfo{Mode: 0o644, MTime: b.date}}
		switch {
		case name == "etc/stoa-relay.links": // whoever has a link may come in
			c.Type, c.FileInfo.Mode = files.TypeConfigNoReplace, 0o600
		case strings.HasPrefix(name, "etc/"):
			c.Type = files.TypeConfigNoReplace
		case strings.HasPrefix(name, "usr/bin/"):
			c.FileInfo.Mode = 0o755
		}
		list = append(list, c)
		return nil
	})
	return list, err
}

// output runs a program in a folder and returns what it says.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	said, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, errOut.String())
	}
	return string(said), nil
}
