package notify

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// A Poster posts one request; retry.Dispatcher is one.
type Poster interface {
	Post(ctx context.Context, r retry.Request) (retry.Receipt, error)
}

// NewPoster makes the dispatcher for webhooks and robots of all tenants: the server's egress rules, no redirects, and times that keep a
// channel that hangs from being in the way for long.
func NewPoster(egress *retry.Egress) (*retry.Dispatcher, error) {
	return retry.New(retry.Config{
		Connect: 10 * time.Second, Total: 25 * time.Second,
		Concurrency: 64, // tenants share the hosts of robots: one's requests that hang must not be in the way of others'
		Egress:      egress,
	})
}

// Outlets are the ways out of this server that channels use. One that is nil is not set up: channels that need it say so.
type Outlets struct {
	Notices Publisher
	Mail    *MailServer
	HTTP    Poster
	Now     func() time.Time                 // for signatures and dates; nil: time.Now
	Env     func(name string) (string, bool) // values of the environment variables that settings may use
	// Secret is the value of a tenant's secret, as it is now; connector.Registry has it.
	Secret func(ctx context.Context, tenant, name string) (string, error)
}

// A Target is one channel of one tenant, as its settings are now.
type Target struct {
	Tenant  string
	Channel connector.NotifyChannel
	Key     string // the tenant's generated key, which signs what goes to webhooks without a secret of their own
}

// Channel makes the channel of a target. Its secrets are read when it sends.
func (o *Outlets) Channel(t Target) Channel {
	switch t.Channel.Type {
	case connector.ChannelCRM:
		return &crm{outlets: o, target: t}
	case connector.ChannelEmail:
		return &email{outlets: o, target: t}
	case connector.ChannelWebhook:
		return &webhook{outlets: o, target: t}
	case connector.ChannelWeCom:
		return &robot{outlets: o, target: t, kind: wecom{}}
	case connector.ChannelDingTalk:
		return &robot{outlets: o, target: t, kind: dingtalk{}}
	case connector.ChannelFeishu:
		return &robot{outlets: o, target: t, kind: feishu{}}
	}
	return unknown{t.Channel.Type}
}

// unknown is a channel of a type that this version does not know.
type unknown struct{ kind connector.ChannelType }

// Send implements Channel.
func (u unknown) Send(context.Context, Digest) error {
	return &Error{Lasting: true, Msg: fmt.Sprintf("this version knows no channel %q", string(u.kind))}
}

func (o *Outlets) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// A filled is an address and a key with their secrets filled in, and all that must be kept out of messages.
type filled struct {
	address, key string
	secrets      []string
}

// fill fills in the secrets of a target's address and key.
func (o *Outlets) fill(ctx context.Context, t Target) (filled, *Error) {
	var f filled
	var failure *Error
	if f.address, failure = o.value(ctx, &f, t.Tenant, t.Channel.Address, mapping.Address); failure != nil {
		return f, failure
	}
	if f.key, failure = o.value(ctx, &f, t.Tenant, t.Channel.Secret, mapping.HeaderValue); failure != nil {
		return f, failure
	}
	f.secrets = append(f.secrets, keysIn(f.address)...)
	if f.key != "" {
		f.secrets = append(f.secrets, f.key)
	}
	return f, nil
}

// value fills ${secret:NAME} and ${env:NAME} in one setting.
func (o *Outlets) value(ctx context.Context, f *filled, tenant, text string, place mapping.Place) (string, *Error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	t, err := mapping.Compile(text, mapping.Options{Place: place, Env: o.Env})
	var missing error
	if err == nil {
		var b []byte
		b, err = t.Append(nil, &mapping.Scope{
			Secret: func(name string) (string, error) {
				v, err := o.secret(ctx, tenant, name)
				if err != nil {
					missing = err
				}
				return v, err
			},
			Told: func(v string) { f.secrets = append(f.secrets, v) },
			UUID: func() string { return "" },
		}, mapping.Wire)
		if err == nil {
			return string(b), nil
		}
	}
	if missing != nil && connector.KindOf(missing) != connector.NotFound {
		return "", &Error{Msg: "the channel's secret cannot be read now", Err: missing}
	}
	return "", &Error{
		Lasting: true, Msg: "the channel's address or secret cannot be filled in: " + connector.Mask(err.Error(), f.secrets...),
		Hint: "set what is missing with todosync secret set NAME --tenant " + tenant, Err: err,
	}
}

func (o *Outlets) secret(ctx context.Context, tenant, name string) (string, error) {
	if o.Secret == nil {
		return "", &connector.Error{Kind: connector.NotFound, Msg: "no secret " + name + " is set"}
	}
	return o.Secret(ctx, tenant, name)
}

// keysIn are the parts of an address that may be keys: those of robots are in the query or the path, and a literal one is no less secret.
func keysIn(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return []string{address}
	}
	var out []string
	if password, ok := u.User.Password(); ok {
		out = append(out, password)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) >= connector.MinSecret {
				out = append(out, v)
			}
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= 2*connector.MinSecret {
			out = append(out, part)
		}
	}
	return out
}

// post sends one request, and turns what came of it into an Error that holds nothing secret.
func (o *Outlets) post(ctx context.Context, f filled, r retry.Request) (retry.Receipt, *Error) {
	if o.HTTP == nil {
		return retry.Receipt{}, &Error{Lasting: true, Msg: "this server posts nothing"}
	}
	receipt, err := o.HTTP.Post(ctx, r)
	if err == nil {
		return receipt, nil
	}
	return receipt, refused(f, err)
}

// refused is the Error for a request that got no 2xx answer.
func refused(f filled, err error) *Error {
	failure, ok := asRetryError(err)
	if !ok {
		return &Error{Msg: "the request failed", Err: err}
	}
	e := &Error{Msg: connector.Mask(failure.Msg, f.secrets...), After: failure.RetryAfter, Err: err}
	switch failure.Class {
	case retry.HTTP3xx:
		// Where a redirect leads to may be the address again, with its key.
		e.Msg, e.Hint, e.Lasting = "the address answers with a redirect, which is not followed", "write the address that it leads to", true
	case retry.HTTP4xx:
		e.Lasting = failure.Status != 408 && failure.Status != 425
	case retry.TLS, retry.Mapping:
		e.Lasting = true
	}
	return e
}
