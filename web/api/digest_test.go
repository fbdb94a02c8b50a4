package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/web/api"
)

// digests are digests in memory, of tenants t1 and t2.
type digests struct{ resent []string }

func kept(id, tenant string) notify.Kept {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	sent := at.Add(11 * time.Minute)
	d := notify.Summarize(notify.Summary{
		ID: id, Tenant: tenant, Zone: "Asia/Shanghai", Language: connector.English, Window: notify.Window{From: at, To: at.Add(10 * time.Minute)},
		Groups: []notify.Group{{Kind: notify.Failed, Connection: "oa", Class: "business", Count: 3}},
	})
	return notify.Kept{Digest: d, ClosedAt: at.Add(10 * time.Minute), Channels: []notify.Outcome{
		{Channel: "crm", Type: connector.ChannelCRM, State: notify.ParcelSent, Tries: 1, Sent: &sent},
	}}
}

func (d *digests) Digests(_ context.Context, f api.DigestFilter, _ connector.PageOf) (connector.Page[notify.Kept], error) {
	var out connector.Page[notify.Kept]
	for _, k := range []notify.Kept{kept("D2", "t2"), kept("D1", "t1")} {
		if len(f.Tenants) == 0 || slices.Contains(f.Tenants, k.Tenant) {
			out.Items = append(out.Items, k)
		}
	}
	return out, nil
}

func (d *digests) Digest(_ context.Context, id string) (notify.Kept, error) {
	switch id {
	case "D1":
		return kept(id, "t1"), nil
	case "D2":
		return kept(id, "t2"), nil
	}
	return notify.Kept{}, &connector.Error{Kind: connector.NotFound, Msg: "digest " + id + " is not there"}
}

func (d *digests) ResendDigest(_ context.Context, id, channel string, by api.By) error {
	d.resent = append(d.resent, id+" "+channel+" "+by.Who)
	return nil
}

func (d *digests) TestChannel(_ context.Context, tenant, channel string, _ api.By) (api.ChannelTest, error) {
	return api.ChannelTest{Tenant: tenant, Channel: channel, Error: "no answer"}, nil
}

func (d *digests) WebhookKey(_ context.Context, tenant string) (string, error) {
	return "key of " + tenant, nil
}

// TestDigests keeps the digests of tenants apart, and says what came of them.
func TestDigests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tests := map[string]struct {
		method, path, token, body string
		status                    int
		want, not                 string
	}{
		"list":                {"GET", "/digests", adminToken, "", 200, `"sentAt":"2026-03-01T08:11:00.000Z"`, ""},
		"times of a window":   {"GET", "/digests", adminToken, "", 200, `"window":{"from":"2026-03-01T08:00:00.000Z","to":"2026-03-01T08:10:00.000Z"}`, ""},
		"own alone":           {"GET", "/digests", viewerToken, "", 200, `"D1"`, `"D2"`},
		"another's list":      {"GET", "/digests?tenant=t2", viewerToken, "", 200, `"items":[]`, "D2"},
		"a time that is none": {"GET", "/digests?from=yesterday", adminToken, "", 422, "from", ""},
		"one":                 {"GET", "/digests/D1", viewerToken, "", 200, `"counts":{"business":3}`, ""},
		"another's":           {"GET", "/digests/D2", viewerToken, "", 404, "no digest D2", ""},
		"resend, a viewer":    {"POST", "/digests/D1/resend", viewerToken, "", 403, "", ""},
		"resend, another's":   {"POST", "/digests/D2/resend", "all-of-t1", "", 404, "", ""},
		"resend":              {"POST", "/digests/D1/resend", "all-of-t1", `{"channel":"crm"}`, 200, `"D1"`, ""},
		"test":                {"POST", "/digests/test", "all-of-t1", `{"tenant":"t1","channel":"webhook"}`, 200, `"sent":false,"error":"no answer"`, ""},
		"test, another's":     {"POST", "/digests/test", "all-of-t1", `{"tenant":"t2"}`, 404, "", ""},
		"key":                 {"GET", "/tenants/t1/webhook-key", "all-of-t1", "", 200, `"key":"key of t1"`, ""},
		"key, a viewer":       {"GET", "/tenants/t1/webhook-key", viewerToken, "", 403, "", "key of"},
		"key, another's":      {"GET", "/tenants/t2/webhook-key", "all-of-t1", "", 404, "", "key of"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.on(t).do(ask{method: tt.method, path: tt.path, token: tt.token, body: tt.body})
			if got.status != tt.status || !strings.Contains(got.body, tt.want) || tt.not != "" && strings.Contains(got.body, tt.not) {
				t.Errorf("%d %s, want %d with %s", got.status, got.body, tt.status, tt.want)
			}
		})
	}
	if got := strings.Join(s.b.digests.resent, ","); got != "D1 crm tom" {
		t.Errorf("sent again: %s", got)
	}
}
