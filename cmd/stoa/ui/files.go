// The page's own files, as Vite builds them from the folder page. Beside each lies
// the same one packed by brotli, NAME.br, where that is smaller.

package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Built returns the page that this program was built with.
func Built() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return sub
}

// A file is one of the page's, ready to be sent.
type file struct {
	forms     []form // smallest first, the plain one last
	kind, tag string // Content-Type and ETag
	forever   bool   // its name changes with what is in it
}

// A form is a file in one content coding.
type form struct {
	coding string // as Accept-Encoding names it; identity is plain
	body   []byte
}

const identityCoding = "identity"

// readFiles reads all files, by the path they are asked for by. No other path is
// ever looked up, so none leads anywhere else.
func readFiles(from fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".br" {
			return err
		}
		plain, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		brotli, err := fs.ReadFile(from, name+".br")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		gzipped, err := pack(plain)
		if err != nil {
			return err
		}
		f := &file{kind: kindOf(name), forever: strings.HasPrefix(name, "assets/")}
		for _, packed := range []form{{"br", brotli}, {"gzip", gzipped}} {
			if packed.body != nil && len(packed.body) < len(plain) {
				f.forms = append(f.forms, packed)
			}
		}
		f.forms = append(f.forms, form{identityCoding, plain})
		sum := sha256.Sum256(plain)
		f.tag = `W/"` + hex.EncodeToString(sum[:12]) + `"` // of all forms
		files["/"+name] = f
		return nil
	})
	if index, ok := files["/index.html"]; ok {
		files["/"] = index
	}
	return files, err
}

// kindOf is a file's Content-Type. The system's own table is not asked for those
// that the page cannot do without: on some it is wrong.
func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
		return "application/octet-stream"
	}
}

// pack packs a file by gzip, for those who cannot unpack brotli.
func pack(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// serve answers a GET.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", f.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	sent := f.accepted(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	if sent.coding != identityCoding {
		h.Set("Content-Encoding", sent.coding)
	}
	_, _ = w.Write(sent.body) // the browser is gone: nobody to tell
}

// accepted is the form that an Accept-Encoding header wants most, and of several the
// smallest. Whoever wants none gets the file plain, as RFC 9110, section 12.5.3, allows.
func (f *file) accepted(header string) form {
	best, most := f.forms[len(f.forms)-1], 0.0
	for _, have := range f.forms {
		if q := quality(header, have.coding); q > most {
			best, most = have, q
		}
	}
	return best
}

// quality is how much an Accept-Encoding header wants a coding, from 0, not at all, to
// 1. What is no number from 0 to 1 counts as 0.
func quality(header, coding string) float64 {
	unnamed := 0.0
	if coding == identityCoding {
		unnamed = 0.0005 // acceptable unless it is refused, and less than anything asked for
	}
	for item := range strings.SplitSeq(header, ",") {
		name, weight, weighed := strings.Cut(item, ";")
		name = strings.TrimSpace(name)
		q := 1.0
		if weighed {
			q = weightOf(weight)
		}
		switch {
		case strings.EqualFold(name, coding):
			return q
		case name == "*":
			unnamed = q
		}
	}
	return unnamed
}

// weightOf reads a weight such as "q=0.5".
func weightOf(text string) float64 {
	name, value, _ := strings.Cut(text, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
