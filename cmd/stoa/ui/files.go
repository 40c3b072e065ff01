// The page's own files, as Vite builds them from the folder page.

package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
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
	plain, packed []byte // packed is gzip, nil where that saves nothing
	kind, tag     string // Content-Type and ETag
	forever       bool   // its name changes with what is in it
}

// readFiles reads all files, by the path they are asked for by. No other path is
// ever looked up, so none leads anywhere else.
func readFiles(from fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		packed, err := pack(plain)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		files["/"+name] = &file{
			plain:   plain,
			packed:  packed,
			kind:    kindOf(name),
			tag:     `"` + hex.EncodeToString(sum[:12]) + `"`,
			forever: strings.HasPrefix(name, "assets/"),
		}
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

// pack compresses a file, or returns nil when it would not get smaller.
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
	if b.Len() >= len(plain) {
		return nil, nil
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
	body := f.plain
	if f.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	_, _ = w.Write(body) // the browser is gone: nobody to tell
}
