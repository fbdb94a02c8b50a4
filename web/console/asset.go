package console

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// An asset is a file that browsers load, with its compressed form.
type asset struct {
	plain, zipped []byte
	hash, kind    string
}

// assets are all of them, by name.
type assets struct{ byName map[string]*asset }

func loadAssets() (*assets, error) {
	a := &assets{byName: map[string]*asset{}}
	err := fs.WalkDir(static, "static", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		kind := mime.TypeByExtension(path.Ext(name))
		if strings.HasSuffix(name, ".js") {
			kind = "text/javascript; charset=utf-8" // some machines' tables say otherwise
		}
		a.byName[path.Base(name)] = &asset{plain: b, zipped: zipped(b, gzip.BestCompression), hash: hex.EncodeToString(sum[:6]), kind: kind}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the console's assets: %w", err)
	}
	return a, nil
}

// url is the address of an asset; it changes with the content, so that browsers may keep it for ever.
func (a *assets) url(name string) string {
	f := a.byName[name]
	if f == nil {
		return "/assets/" + name
	}
	return "/assets/" + name + "?v=" + f.hash
}

// ServeHTTP gives an asset out.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.byName[r.PathValue("name")]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	b := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		b = f.zipped
	}
	_, _ = w.Write(b) // to a browser that went away nothing can be said
}
