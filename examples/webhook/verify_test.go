package webhook

import (
	"strings"
	"testing"
	"time"

	"todosync/notify"
)

// TestVerify checks what todosync itself signs, and each way in which a signature is not good.
func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_795_000_000, 0)
	body, key := []byte(`{"id":"01JD","title":"一条"}`), "a key of a tenant"
	good := notify.Sign(body, key, now)
	for name, tt := range map[string]struct {
		body, signature, key string
		now                  time.Time
		want                 bool
	}{
		"genuine":            {string(body), good, key, now, true},
		"four minutes old":   {string(body), good, key, now.Add(4 * time.Minute), true},
		"six minutes old":    {string(body), good, key, now.Add(6 * time.Minute), false},
		"from the future":    {string(body), good, key, now.Add(-6 * time.Minute), false},
		"another body":       {string(body) + " ", good, key, now, false},
		"another key":        {string(body), good, key + "x", now, false},
		"another time":       {string(body), strings.Replace(good, "t=1795", "t=1796", 1), key, now.Add(1_000_000 * time.Second), false},
		"no hex":             {string(body), "t=1795000000,v1=xyz", key, now, false},
		"nothing":            {string(body), "", key, now, false},
		"a later version v2": {string(body), good + ",v2=00", key, now, true},
	} {
		if err := Verify([]byte(tt.body), tt.signature, tt.key, tt.now, 5*time.Minute); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
