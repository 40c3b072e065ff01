package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	b := serving(t)
	tests := []struct {
		path, kind, cache string
		packed            bool
		data              string
	}{
		{"/", "text/html; charset=utf-8", "no-store", true, "index.html"},
		{"/index.html", "text/html; charset=utf-8", "no-store", true, "index.html"},
		{"/assets/app.1234.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", true, "assets/app.1234.js"},
		{"/tiny.svg", "image/svg+xml", "no-store", false, "tiny.svg"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			status, header, text := b.send(b.request("GET", tt.path, ""))
			plain := string(page[tt.data].Data)
			if status != 200 || text != plain || header.Get("Content-Type") != tt.kind || header.Get("Cache-Control") != tt.cache {
				t.Errorf("status %d, headers %v", status, header)
			}
			_, packed, text := b.send(b.request("GET", tt.path, "", with("Accept-Encoding", "br, gzip")))
			if tt.packed != (packed.Get("Content-Encoding") == "gzip") || packed.Get("Vary") != "Accept-Encoding" {
				t.Errorf("headers %v", packed)
			}
			if tt.packed {
				z, err := gzip.NewReader(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(z); err != nil || string(got) != plain {
					t.Errorf("unpacked %.20q, %v", got, err)
				}
			}
			if status, _, text := b.send(b.request("GET", tt.path, "", with("If-None-Match", header.Get("ETag")))); status != 304 || text != "" {
				t.Errorf("again: %d", status)
			}
		})
	}
}

// maxPage is what a browser loads at most, in bytes, compressed.
const maxPage = 100 << 10

// language is the name of a file that holds the words of one language.
var language = regexp.MustCompile(`^/assets/[a-z]{2}-[^/]*\.js$`)

// The page that is built in loads nothing but its own files, and little of them.
func TestBuilt(t *testing.T) {
	files, err := readFiles(Built())
	if err != nil {
		t.Fatal(err)
	}
	index := files["/"]
	if index == nil {
		t.Fatal("there is no index.html")
	}
	size, languages, largest := 0, 0, 0
	for name, f := range files {
		if name == "/" {
			continue
		}
		sent := f.packed
		if sent == nil {
			sent = f.plain
		}
		if language.MatchString(name) { // a browser loads its own
			languages++
			largest = max(largest, len(sent))
			continue
		}
		size += len(sent)
		if name == "/index.html" && bytes.Contains(f.plain, []byte("//")) {
			t.Errorf("%s names another server", name)
		}
	}
	if languages < 3 {
		t.Errorf("%d languages", languages)
	}
	if size += largest; size > maxPage {
		t.Errorf("the page is %d bytes compressed, at most %d", size, maxPage)
	}
}
