package api

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stream without news says every 15 seconds that it lives; proxies close what is silent for a minute.
func TestStreamSaysThatItLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := stream{watch: silence{}}
		news, err := s.next(t.Context())
		if err != nil || !strings.HasPrefix(string(news), ":") || !strings.HasSuffix(string(news), "\n\n") {
			t.Fatalf("want a comment, got %q %v", news, err)
		}
		if got := time.Since(began); got != keepAlive {
			t.Errorf("want it after %s, got %s", keepAlive, got)
		}
	})
}
