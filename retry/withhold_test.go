package retry

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
)

// TestMayWithholds lets a worker that has lost a connection find out at the last moment: what has not left stays.
func TestMayWithholds(t *testing.T) {
	t.Parallel()
	lost := errors.New("the lease has run out")
	tests := map[string]struct {
		asked      int64 // how often May says yes
		body       int
		unanswered bool
	}{
		"before the first byte":   {0, 10, false},
		"in the midst of a body":  {1, 1 << 20, true},
		"an answer that is whole": {1 << 30, 10, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var whole atomic.Int64
			s, opened := serveCounting(t, func(w http.ResponseWriter, r *http.Request) {
				if b, err := io.ReadAll(r.Body); err == nil && len(b) == tt.body {
					whole.Add(1)
				}
				w.WriteHeader(http.StatusOK)
			})
			d := dispatcher(t, Config{})
			var asked atomic.Int64
			r := Request{Address: s.URL, Body: make([]byte, tt.body), Headers: []Header{{"Idempotency-Key", "d1"}}, May: func() error {
				if asked.Add(1) > tt.asked {
					return lost
				}
				return nil
			}}
			_, err := d.Post(t.Context(), r)
			if tt.asked > 10 {
				if err != nil || whole.Load() != 1 {
					t.Errorf("Post = %v with %d arrivals, want success and 1", err, whole.Load())
				}
				return
			}
			e := asError(t, err)
			if !errors.Is(err, ErrWithheld) || !errors.Is(err, lost) || e.Class != Network || e.Unanswered != tt.unanswered {
				t.Errorf("Post = %+v, want it withheld, unanswered %t", e, tt.unanswered)
			}
			if whole.Load() != 0 || opened.Load() > 1 {
				t.Errorf("%d whole requests over %d connections, want none over one", whole.Load(), opened.Load())
			}
		})
	}
}
