package intake_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/connector"
	"todosync/connector/intake"
	"todosync/internal/natstest"
)

// A clusterRun is a reader on a cluster of three servers, and a CRM that emits numbered events all the time.
type clusterRun struct {
	t       *testing.T
	cluster *natstest.Cluster
	inbox   *inbox
	reader  *intake.Reader
	js      jetstream.JetStream

	acked atomic.Int64 // the last number that JetStream has confirmed
	end   func()       // of the CRM
}

func newClusterRun(t *testing.T) *clusterRun {
	t.Helper()
	r := &clusterRun{t: t, cluster: natstest.Start(t, natstest.Config{}), inbox: newInbox()}
	dial := func() *nats.Conn {
		nc, err := intake.Dial(intake.DialConfig{URLs: r.cluster.URLs(), Log: discard()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	r.reader, _ = (&rig{t: t}).read(intake.ReaderConfig{Conn: dial(), Inbox: r.inbox, Replicas: natstest.Nodes})
	eventually(t, "reading", func() bool { return r.reader.Health(t.Context()).Reading })
	nc := dial()
	var err error
	if r.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	p, err := intake.NewPublisher(intake.PublisherConfig{Conn: nc})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.emit(ctx, p)
	}()
	r.end = func() { cancel(); <-done }
	t.Cleanup(r.end)
	return r
}

// emit publishes each event until it is confirmed, as a CRM must.
func (r *clusterRun) emit(ctx context.Context, p *intake.Publisher) {
	for i := int64(1); ctx.Err() == nil; {
		try, cancel := context.WithTimeout(ctx, time.Second)
		_, _, err := p.Publish(try, connector.Incoming{
			Subject: "crm.t1.todo.create", Data: fmt.Appendf(nil, "%d", i), Header: map[string][]string{"Nats-Msg-Id": {fmt.Sprintf("t1/%d", i)}},
		})
		cancel()
		if err == nil {
			r.acked.Store(i)
			i++
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// more waits until events that were confirmed from now on are accepted.
func (r *clusterRun) more(what string) {
	r.t.Helper()
	from := r.acked.Load()
	eventually(r.t, "events after: "+what, func() bool { return r.acked.Load() >= from+20 && int64(r.inbox.count()) >= from+20 })
}

// check compares what was accepted with the stream: all of it, in its order, each once.
func (r *clusterRun) check() {
	r.t.Helper()
	r.end()
	stream, err := r.js.Stream(r.t.Context(), "CRM")
	if err != nil {
		r.t.Fatal(err)
	}
	last := stream.CachedInfo().State.LastSeq
	eventually(r.t, "the end of the stream", func() bool {
		h := r.reader.Health(r.t.Context())
		return h.Reading && h.Position >= last
	})
	r.inbox.mu.Lock()
	defer r.inbox.mu.Unlock()
	got := r.inbox.got[r.inbox.stream]
	if len(r.inbox.positions) != 1 || len(r.inbox.broken) > 0 {
		r.t.Fatalf("want one stream without fault, got %v %v", r.inbox.positions, r.inbox.broken)
	}
	number := int64(0)
	for i, m := range got {
		if m.Sequence != uint64(i)+1 {
			r.t.Fatalf("want sequence %d at its place, got %d", i+1, m.Sequence)
		}
		var n int64
		if _, err := fmt.Sscan(string(m.Data), &n); err != nil || n < number || n > number+1 {
			r.t.Fatalf("event %q follows event %d", m.Data, number)
		}
		number = n
	}
	if number < r.acked.Load() || uint64(len(got)) < last {
		r.t.Fatalf("want %d events of %d messages, got %d of %d", r.acked.Load(), last, number, len(got))
	}
	r.t.Logf("%d events in %d sessions", number, r.inbox.opened)
}

// TestCluster has a cluster lose what it can lose, one after another, while events come: the reader goes on by itself.
func TestCluster(t *testing.T) {
	t.Parallel()
	r := newClusterRun(t)
	c := r.cluster
	r.more("the start")

	info, err := r.js.Stream(t.Context(), "CRM")
	if err != nil || info.CachedInfo().Config.Replicas != natstest.Nodes {
		t.Fatalf("want a stream of three replicas, got %v", err)
	}

	leader := c.StreamLeader(t, "CRM")
	c.Stop(leader)
	r.more("the stream's leader was killed")
	c.Restart(t, leader)
	c.AwaitWhole(t)
	r.more("the server came back")

	c.MoveStreamLeader(t, "CRM")
	r.more("the stream's leader was moved")
	c.MoveConsumerLeader(t, "CRM", "todosync")
	r.more("the consumer's leader was moved")

	if err := r.js.DeleteConsumer(t.Context(), "CRM", "todosync"); err != nil {
		t.Fatal(err)
	}
	r.more("the consumer was deleted")

	for i := range natstest.Nodes { // an update of NATS, server by server
		c.Stop(i)
		r.more("one server was away")
		c.Restart(t, i)
		c.AwaitWhole(t)
	}

	c.Stop((leader + 1) % natstest.Nodes)
	c.Stop((leader + 2) % natstest.Nodes)
	eventually(t, "the loss of the majority to be told", func() bool { return !r.reader.Health(t.Context()).Reading })
	c.RestartAll(t)
	r.more("the majority came back")

	c.StopAll()
	eventually(t, "the loss of all servers to be told", func() bool {
		h := r.reader.Health(t.Context())
		return !h.Connected && !h.Reading && h.Why != ""
	})
	c.RestartAll(t)
	r.more("all servers came back")
	r.check()
}

// A stream that an operator made in a cluster is never changed, whatever the flags say.
func TestClusterOperatorsStream(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, natstest.Config{})
	js, err := jetstream.New(c.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	made, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CRM", Subjects: []string{"crm.>"}, Replicas: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := intake.Dial(intake.DialConfig{URLs: c.URLs(), Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b := newInbox()
	reader, _ := (&rig{t: t}).read(intake.ReaderConfig{Conn: nc, Inbox: b, Replicas: 3, MaxBytes: 2 << 20})
	eventually(t, "reading", func() bool { return reader.Health(t.Context()).Reading })
	info, err := made.Info(t.Context())
	if err != nil || info.Config.Replicas != 1 || info.Config.MaxBytes != 1<<20 {
		t.Errorf("want the stream unchanged, got %+v %v", info.Config, err)
	}
}

// Replicas that the cluster does not have are said in words, and reading begins when they are there or fewer are asked for.
func TestTooManyReplicas(t *testing.T) {
	t.Parallel()
	r, b := newRig(t), newInbox()
	reader, _ := r.read(intake.ReaderConfig{Inbox: b, Replicas: 3})
	eventually(t, "a refusal in words", func() bool {
		why := reader.Health(t.Context()).Why
		return strings.Contains(why, "--stream-replicas")
	})
}
