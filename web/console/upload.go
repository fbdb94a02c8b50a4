package console

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// How much is kept of files that people have shown and not yet had carried out, and for how long.
const (
	uploadsMost      = 16
	uploadsBytesMost = 64 << 20
	uploadKept       = 20 * time.Minute
	fateBytes        = 150 // about what a row of a report takes
)

// uploads are files between the look at what they would change and the word that they shall, and a while after it. They are kept in memory:
// after a restart the file is chosen again.
type uploads struct {
	mu  sync.Mutex // guards all, and who carries one out
	all []*upload  // oldest first
}

// An upload is one file of one person, with what was found in it.
type upload struct {
	token, who, name string
	key              connector.ConnectionKey // Name is empty where each row names its own
	at               time.Time
	data             []byte
	report           *api.ImportReport // of the look at it, then of the import
	begun, done      bool
}

func (f *upload) size() int { return len(f.data) + fateBytes*len(f.report.Rows) }

// keep remembers a file and gives it the token that it is found by.
func (u *uploads) keep(f *upload) string {
	raw := make([]byte, 18)
	_, _ = rand.Read(raw) // never fails
	f.token = base64.RawURLEncoding.EncodeToString(raw)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, f)
	size := 0
	for _, f := range u.all {
		size += f.size()
	}
	for len(u.all) > 1 && (len(u.all) > uploadsMost || size > uploadsBytesMost || f.at.Sub(u.all[0].at) > uploadKept) {
		size -= u.all[0].size()
		u.all = slices.Delete(u.all, 0, 1)
	}
	return f.token
}

// look gives a file as it is known to who has brought it; nil: it is not here any more.
func (u *uploads) look(who, token string, now time.Time) *upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := u.find(who, token, now)
	if i < 0 {
		return nil
	}
	f := *u.all[i]
	return &f
}

// begin gives a file to who carries it out; begun is true where that has begun already, so that no click does it twice.
func (u *uploads) begin(who, token string, now time.Time) (f *upload, begun bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := u.find(who, token, now)
	if i < 0 {
		return nil, false
	}
	begun, u.all[i].begun = u.all[i].begun, true
	copied := *u.all[i]
	return &copied, begun
}

// end keeps what an import has done; without a report it was refused and may be begun again.
func (u *uploads) end(who, token string, now time.Time, report *api.ImportReport) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := u.find(who, token, now)
	if i < 0 {
		return
	}
	if report == nil {
		u.all[i].begun = false
		return
	}
	rows := u.all[i].report.Rows
	u.all[i].report, u.all[i].done, u.all[i].data, u.all[i].at = report, true, nil, now
	report.Rows = rows // they became what was said of them
}

func (u *uploads) find(who, token string, now time.Time) int {
	return slices.IndexFunc(u.all, func(f *upload) bool { return f.token == token && f.who == who && now.Sub(f.at) <= uploadKept })
}
