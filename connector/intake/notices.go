package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
)

const (
	// OutStream is the stream of what todosync tells the CRM.
	OutStream = "CRM-OUT"
	outKeep   = 7 * 24 * time.Hour
	// outSame is for how long JetStream knows what was published: a digest is tried again half an hour after an answer that got lost at most.
	outSame = time.Hour
)

// outSubjects are those of the notices for the CRM's own people, and of what comes in from social networks.
func outSubjects() []string { return []string{"crm-notice.>", "crm-inbound.>"} }

// NoticeSubject is the subject of the notices for one tenant.
func NoticeSubject(tenant string) string { return "crm-notice." + tenant }

// A NoticesConfig says where notices are put.
type NoticesConfig struct {
	Conn     *nats.Conn   // required
	Log      *slog.Logger // required
	Replicas int          // of the stream where it is made; 1 by default
}

// Notices puts what is to be told to the CRM into the stream OutStream. Its methods may be called from many goroutines.
type Notices struct {
	js  jetstream.JetStream
	nc  *nats.Conn
	cfg NoticesConfig
}

// NewNotices makes a Notices.
func NewNotices(cfg NoticesConfig) (*Notices, error) {
	if cfg.Conn == nil || cfg.Log == nil {
		return nil, errors.New("make the publisher of notices: Conn and Log are needed")
	}
	cfg.Replicas = max(1, cfg.Replicas)
	js, err := jetstream.New(cfg.Conn)
	return &Notices{js: js, nc: cfg.Conn, cfg: cfg}, err
}

// PublishNotice publishes a notice for a tenant and returns when JetStream has stored it. What is published again under the same id within an
// hour is one message.
func (n *Notices) PublishNotice(ctx context.Context, tenant, id string, body []byte) error {
	if !connector.ValidTenant(tenant) {
		return &connector.Error{Kind: connector.Invalid, Op: "publish a notice", Msg: "the tenant's name is none"}
	}
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	ctx, done := whileConnected(ctx, n.nc)
	defer done()
	err := n.publish(ctx, tenant, id, body)
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err = n.make(ctx); err == nil {
			err = n.publish(ctx, tenant, id, body)
		}
	}
	if err == nil {
		return nil
	}
	e := &connector.Error{Kind: connector.Unavailable, Op: "publish a notice", Err: err}
	api, _ := errors.AsType[*jetstream.APIError](err)
	switch {
	case api != nil && (api.ErrorCode == codeStreamFull || api.ErrorCode == codeNoResources):
		e.Msg, e.Hint = "the stream "+OutStream+" is full", "let it forget sooner, or give it more room"
	case api != nil && (api.ErrorCode == codeNotClustered || api.ErrorCode == codeNoPeers):
		e.Msg = fmt.Sprintf("NATS cannot keep %d replicas of the stream %s", n.cfg.Replicas, OutStream)
		e.Hint = "wait until enough servers with JetStream run, or lower --stream-replicas"
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		e.Msg, e.Hint = "no stream takes "+NoticeSubject(tenant), "give the stream "+OutStream+" the subjects crm-notice.> and crm-inbound.>"
	case errors.Is(err, nats.ErrMaxPayload):
		e.Kind, e.Msg, e.Hint = connector.TooLarge, "the notice is larger than NATS takes", "raise max_payload there"
	default:
		e.Msg, e.Hint = "NATS does not take the notice", "check that NATS runs, and that its user may publish on crm-notice.>"
	}
	return e
}

func (n *Notices) publish(ctx context.Context, tenant, id string, body []byte) error {
	msg := &nats.Msg{Subject: NoticeSubject(tenant), Header: nats.Header{}, Data: body}
	msg.Header.Set(jetstream.MsgIDHeader, id)
	msg.Header.Set("Content-Type", "application/json")
	_, err := n.js.PublishMsg(ctx, msg)
	return err
}

// make makes the stream. One that an operator made is never changed.
func (n *Notices) make(ctx context.Context) error {
	_, err := n.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: OutStream, Description: "what todosync tells the CRM", Subjects: outSubjects(), Retention: jetstream.LimitsPolicy,
		Storage: jetstream.FileStorage, Replicas: n.cfg.Replicas, MaxAge: outKeep, Duplicates: outSame, AllowDirect: true,
		Metadata: map[string]string{ownedKey: ownedValue},
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return jetstream.ErrNoStreamResponse // it is there, and has other subjects
	}
	if err == nil {
		n.cfg.Log.InfoContext(ctx, "made the stream", "stream", OutStream, "replicas", n.cfg.Replicas, "max_age", outKeep)
	}
	return err
}
