package console

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"sync"
	"time"
)

// How much is kept of files that people have shown and not yet had carried out, and for how long.
const (
	uploadsMost      = 16
	uploadsBytesMost = 64 << 20
	uploadKept       = 20 * time.Minute
)

// uploads are files between the look at what they would change and the word that they shall. They are kept in memory: after a restart
// the file is chosen again.
type uploads struct {
	mu  sync.Mutex // guards all
	all []upload   // oldest first
}

// An upload is one file of one person.
type upload struct {
	token, who, name string
	at               time.Time
	data             []byte
}

// keep remembers a file and gives the token that it is found by.
func (u *uploads) keep(who, name string, data []byte, now time.Time) string {
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, upload{token: token, who: who, name: name, at: now, data: data})
	size := 0
	for _, f := range u.all {
		size += len(f.data)
	}
	for len(u.all) > 1 && (len(u.all) > uploadsMost || size > uploadsBytesMost || now.Sub(u.all[0].at) > uploadKept) {
		size -= len(u.all[0].data)
		u.all = slices.Delete(u.all, 0, 1)
	}
	return token
}

// take gives a file to who has brought it, once.
func (u *uploads) take(who, token string, now time.Time) (upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.all, func(f upload) bool { return f.token == token && f.who == who })
	if i < 0 {
		return upload{}, false
	}
	f := u.all[i]
	u.all = slices.Delete(u.all, i, i+1)
	return f, now.Sub(f.at) <= uploadKept
}
