package retry

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestProbe looks at an OA directly, through a proxy that connects, and through one that does not.
func TestProbe(t *testing.T) {
	t.Parallel()
	oa := httptest.NewUnstartedServer(http.NotFoundHandler())
	oa.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	oa.StartTLS()
	t.Cleanup(oa.Close)
	u, err := url.Parse(oa.URL)
	if err != nil {
		t.Fatal(err)
	}
	through, against := proxy(t, 0), proxy(t, http.StatusForbidden)
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	taken := TLSConfig{InsecureSkipVerify: true}
	for name, test := range map[string]struct {
		config  ProbeConfig
		peer    string
		expires bool
		reached bool
		wrong   string
	}{
		"direct":                {config: ProbeConfig{TLS: true, Config: taken}, peer: u.Host, expires: true, reached: true},
		"an unknown authority":  {config: ProbeConfig{TLS: true}, peer: u.Host, reached: true, wrong: "certificate"},
		"by proxy":              {config: ProbeConfig{TLS: true, Config: taken, Proxy: through.String()}, peer: through.Host, expires: true, reached: true},
		"by proxy, without TLS": {config: ProbeConfig{Proxy: through.String()}, peer: through.Host},
		"the proxy refuses":     {config: ProbeConfig{TLS: true, Config: taken, Proxy: against.String()}, peer: against.Host, wrong: "403"},
		"the proxy is away":     {config: ProbeConfig{TLS: true, Config: taken, Proxy: nobody.URL}, wrong: "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Host, test.config.Limit = u.Host, 10*time.Second
			got, err := Probe(t.Context(), test.config)
			if got.Peer != test.peer || got.Expires.IsZero() == test.expires || got.Reached != test.reached {
				t.Errorf("%+v", got)
			}
			if (err == nil) != (test.wrong == "") || err != nil && (!strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), secretProxy)) {
				t.Errorf("%v, want %q", err, test.wrong)
			}
		})
	}
}
