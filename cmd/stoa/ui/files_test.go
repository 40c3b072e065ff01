package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"path"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	b := serving(t)
	tests := []struct {
		path, kind, cache string
		coding            string // of what somebody gets who can unpack everything
		data              string
	}{
		{"/", "text/html; charset=utf-8", "no-store", "gzip", "index.html"},
		{"/index.html", "text/html; charset=utf-8", "no-store", "gzip", "index.html"},
		{"/assets/app.1234.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "br", "assets/app.1234.js"},
		{"/tiny.svg", "image/svg+xml", "no-store", "", "tiny.svg"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			status, header, text := b.send(b.request("GET", tt.path, ""))
			plain := string(page[tt.data].Data)
			if status != 200 || text != plain || header.Get("Content-Type") != tt.kind || header.Get("Cache-Control") != tt.cache {
				t.Errorf("status %d, headers %v", status, header)
			}
			_, packed, text := b.send(b.request("GET", tt.path, "", with("Accept-Encoding", "gzip, deflate, br, zstd")))
			if packed.Get("Content-Encoding") != tt.coding || packed.Get("Vary") != "Accept-Encoding" {
				t.Errorf("headers %v", packed)
			}
			switch tt.coding {
			case "br":
				if text != string(page[tt.data+".br"].Data) {
					t.Errorf("packed %.20q", text)
				}
			case "gzip":
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

// Of the forms there are, the one comes that the request wants most.
func TestAccepted(t *testing.T) {
	f := &file{forms: []form{{"br", nil}, {"gzip", nil}, {"identity", nil}}}
	for header, want := range map[string]string{
		"":                                "identity",
		"gzip, deflate, br, zstd":         "br",
		"gzip":                            "gzip",
		"GZIP , Br":                       "br",
		"br;q=0, gzip":                    "gzip",
		"br;q=0.000,gzip;q=0":             "identity",
		"br;q=0.2, gzip;q=0.8":            "gzip",
		"br;q=0.001":                      "br",
		"br ; Q = 0.5 , gzip ; q = 0.4":   "br",
		"*":                               "br",
		"br;q=0, *":                       "gzip",
		"*;q=0":                           "identity",
		"*;q=0, gzip":                     "gzip",
		"identity":                        "identity",
		"identity, gzip;q=0.5":            "identity",
		"identity;q=0":                    "identity",
		"zstd, deflate":                   "identity",
		"brotli, x-gzip, abr":             "identity",
		"br;q=2, gzip;q=-1":               "identity",
		"br;q=NaN, gzip;q=high, zstd;q=1": "identity",
		"br;q, gzip;level=9":              "identity",
		",;,=;q=,":                        "identity",
	} {
		if got := f.accepted(header).coding; got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// maxPage is what all of the page may weigh, with every language, in bytes as a
// browser gets it.
const maxPage = 100_000

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
	if bytes.Contains(index.forms[len(index.forms)-1].body, []byte("//")) {
		t.Error("the index names another server")
	}
	size, languages := 0, 0
	for name, f := range files {
		if name == "/" {
			continue
		}
		if is, _ := path.Match("/assets/??-*.json", name); is {
			languages++
		}
		sent := f.accepted("gzip, deflate, br, zstd")
		if sent.coding != "br" {
			t.Errorf("%s is sent as %s: npm run build packs it", name, sent.coding)
		}
		size += len(sent.body)
	}
	if languages < 3 {
		t.Errorf("%d languages", languages)
	}
	t.Logf("%d bytes", size)
	if size > maxPage {
		t.Errorf("the page is %d bytes packed, at most %d", size, maxPage)
	}
}
