package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestRedeemTicket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		body, token string
		status      int
		part        string
	}{
		"good":           {`{"ticket":"good"}`, "", http.StatusOK, `"userId":"1002","target":"/todo/QuoteObj/66f"`},
		"its tenant's":   {`{"ticket":"good"}`, "all-of-t1", http.StatusOK, `"tenant":"t1"`},
		"another":        {`{"ticket":"bad"}`, "", http.StatusNotFound, "run out"},
		"none":           {`{"ticket":""}`, "", http.StatusUnprocessableEntity, "ticket"},
		"without right":  {`{"ticket":"good"}`, viewerToken, http.StatusForbidden, "right"},
		"another scope":  {`{"ticket":"good"}`, writerToken, http.StatusForbidden, "right"},
		"without token":  {`{"ticket":"good"}`, "-", http.StatusUnauthorized, "token"},
		"unknown member": {`{"ticket":"good","user":"1"}`, "", http.StatusUnprocessableEntity, "user"},
	} {
		if got := s.do(ask{method: "POST", path: "/tickets/redeem", body: c.body, token: c.token}); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	if got := s.do(ask{path: "/sign-ons?number=7KQ2M9XD"}); got.status != http.StatusOK || !strings.Contains(got.body, `"outcome":"no_binding"`) || !strings.Contains(got.body, `"skewMs":1500`) {
		t.Errorf("the log: %d %s", got.status, got.body)
	}
	if got := s.do(ask{path: "/sign-ons?tenant=t2", token: "all-of-t1"}); strings.Contains(got.body, "7KQ2M9XD") {
		t.Errorf("another tenant's log: %s", got.body)
	}
	if got := s.do(ask{path: "/sign-ons", token: viewerToken}); got.status != http.StatusForbidden {
		t.Errorf("a viewer reads the log: %d", got.status)
	}
}
