package api

import (
	"context"
	"net/http"
	"time"

	"todosync/connector"
	"todosync/notify"
)

// Digests tells what failed, and sees to it that people are told.
type Digests interface {
	Digests(ctx context.Context, f DigestFilter, p connector.PageOf) (connector.Page[notify.Kept], error)
	Digest(ctx context.Context, id string) (notify.Kept, error)
	// ResendDigest has a digest sent again to a channel, or to all of the tenant's where channel is empty.
	ResendDigest(ctx context.Context, id, channel string, by By) error
	// TestChannel sends a sample to one channel of a tenant and says what came of it.
	TestChannel(ctx context.Context, tenant, channel string, by By) (ChannelTest, error)
	// WebhookKey is the tenant's generated key, made where it has none.
	WebhookKey(ctx context.Context, tenant string) (string, error)
}

// A DigestFilter chooses digests; empty members choose all.
type DigestFilter struct {
	Tenants  []string
	From, To time.Time // windows that lie in between, or partly
}

// A ChannelTest says what came of a sample.
type ChannelTest struct {
	Tenant  string                `json:"tenant"`
	Channel string                `json:"channel"`
	Type    connector.ChannelType `json:"type"`
	Digest  string                `json:"digest" doc:"id of the sample"`
	Sent    bool                  `json:"sent"`
	Error   string                `json:"error" doc:"why the channel did not take it"`
	TookMs  int64                 `json:"tookMs"`
}

type digestView struct {
	notify.Kept
	ClosedAt Time          `json:"closedAt"`
	Channels []outcomeView `json:"channels"`
}

type outcomeView struct {
	notify.Outcome
	NextTry Time `json:"nextTryAt"`
	Sent    Time `json:"sentAt"`
}

func viewDigest(k notify.Kept) digestView {
	v := digestView{Kept: k, ClosedAt: Time(k.ClosedAt), Channels: make([]outcomeView, len(k.Channels))}
	for i, o := range k.Channels {
		v.Channels[i] = outcomeView{Outcome: o, NextTry: timeOf(o.NextTry), Sent: timeOf(o.Sent)}
	}
	return v
}

type digestQuery struct {
	Paging
	Tenant string `query:"tenant" doc:"several with commas"`
	From   string `query:"from" doc:"windows that end after this time"`
	To     string `query:"to" doc:"windows that begin before this time"`
}

type resendInput struct {
	RecordPath
	Body *struct {
		Channel string `json:"channel,omitempty" doc:"one of the tenant's channels; empty: all of them"`
	}
}

type testInput struct {
	Body struct {
		Tenant  string `json:"tenant"`
		Channel string `json:"channel,omitempty" doc:"one of the tenant's channels; may be empty where it has only one"`
	}
}

type webhookKeyView struct {
	Tenant string `json:"tenant"`
	Key    string `json:"key"`
}

func (a *API) digestRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/digests", id: "listDigests", summary: "What people were told of failures, newest first", need: View,
	}, func(ctx context.Context, in *digestQuery) (*list[digestView], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[notify.Kept]{}, viewDigest), nil
		}
		f := DigestFilter{Tenants: tenants}
		var err error
		if f.From, err = instant("from", in.From); err != nil {
			return nil, err
		}
		if f.To, err = instant("to", in.To); err != nil {
			return nil, err
		}
		page, err := a.Digests.Digests(ctx, f, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, viewDigest), nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/digests/{id}", id: "getDigest", summary: "One digest, with what came of it at each channel", need: View,
	}, func(ctx context.Context, in *RecordPath) (*one[digestView], error) {
		k, err := a.digest(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[digestView]{Body: viewDigest(k)}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/digests/{id}/resend", id: "resendDigest", summary: "Send a digest again, to one channel or to all", need: Operate,
	}, func(ctx context.Context, in *resendInput) (*one[digestView], error) {
		if _, err := a.digest(ctx, in.ID); err != nil {
			return nil, err
		}
		channel := ""
		if in.Body != nil {
			channel = in.Body.Channel
		}
		if err := a.Digests.ResendDigest(ctx, in.ID, channel, by(ctx, "api")); err != nil {
			return nil, err
		}
		k, err := a.digest(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[digestView]{Body: viewDigest(k)}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/digests/test", id: "testChannel", summary: "Send a sample to one channel and see what comes of it", need: Operate,
	}, func(ctx context.Context, in *testInput) (*one[ChannelTest], error) {
		if err := mayKeep(ctx, SecretName{Tenant: in.Body.Tenant}); err != nil {
			return nil, err
		}
		out, err := a.Digests.TestChannel(ctx, in.Body.Tenant, in.Body.Channel, by(ctx, "api"))
		if err != nil {
			return nil, err
		}
		a.note(ctx, AuditEntry{What: "channel tried", Tenant: in.Body.Tenant, Target: out.Channel})
		return &one[ChannelTest]{Body: out}, nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/tenants/{tenant}/webhook-key", id: "getWebhookKey", need: Admin,
		summary: "The key that signs digests for webhooks without a secret of their own",
	}, func(ctx context.Context, in *TenantPath) (*one[webhookKeyView], error) {
		key, err := a.Digests.WebhookKey(ctx, in.Tenant)
		if err != nil {
			return nil, err
		}
		a.note(ctx, AuditEntry{What: "webhook key shown", Tenant: in.Tenant})
		return &one[webhookKeyView]{Body: webhookKeyView{in.Tenant, key}}, nil
	})
}

// digest is a digest that the caller may see.
func (a *API) digest(ctx context.Context, id string) (notify.Kept, error) {
	k, err := a.Digests.Digest(ctx, id)
	if err == nil && !principal(ctx).Sees(k.Tenant) {
		err = notFound("digest " + id)
	}
	return k, err
}
