package notify

import (
	"context"
	"encoding/json"
)

// A crm publishes digests for the CRM, whose own account tells the people that the channel names.
type crm struct {
	outlets *Outlets
	target  Target
}

// Send implements Channel.
func (c *crm) Send(ctx context.Context, d Digest) error {
	if c.outlets.Notices == nil {
		return &Error{Lasting: true, Msg: "this server publishes no notices"}
	}
	body, err := c.target.body(d)
	if err != nil {
		return err
	}
	if err := c.outlets.Notices.PublishNotice(ctx, c.target.Tenant, d.ID+d.Copy, body); err != nil {
		return &Error{Msg: "NATS did not take the notice", Hint: "see /readyz and todosync doctor", Err: err}
	}
	return nil
}

// body is the digest as it goes over the wire, with the channel's recipients.
func (t *Target) body(d Digest) ([]byte, error) {
	d.To = make([]string, len(t.Channel.To))
	for i, to := range t.Channel.To {
		d.To[i] = string(to)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, &Error{Lasting: true, Msg: "the digest cannot be written as JSON", Err: err}
	}
	return body, nil
}
