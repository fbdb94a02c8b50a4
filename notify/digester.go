package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"todosync/connector"
)

// A DigesterConfig is what a Digester needs.
type DigesterConfig struct {
	Desk Desk
	// Open makes a channel of a tenant as its settings are now, with its secrets filled in.
	Open      func(ctx context.Context, t *connector.Tenant, c *connector.NotifyChannel) (Channel, error)
	Fence     func() int64 // of connector.SeatDigests, asked when Run begins
	Log       *slog.Logger
	PublicURL string
	Now       func() time.Time // time.Now by default
	// Tried is told what came of each parcel; optional.
	Tried func(kind connector.ChannelType, state ParcelState)
}

// A Digester closes windows that are over, has their failures summed up, and sends digests. One at a time may run on a store; whoever
// takes over goes on where the one before was: all that counts is stored with each step.
type Digester struct {
	cfg    DigesterConfig
	signal chan struct{}
}

// How often a Digester looks.
const (
	lookLeast = time.Second     // between two looks while nothing is over
	lookNet   = 5 * time.Second // however quiet it is: another worker may have noted a failure
	lookError = 2 * time.Second // after the store did not answer
	// sumMost bounds a round: what has been summed up is sent before more is.
	sumMost = 100
)

// NewDigester makes a Digester.
func NewDigester(cfg DigesterConfig) (*Digester, error) {
	if cfg.Desk == nil || cfg.Open == nil || cfg.Log == nil {
		return nil, &connector.Error{
			Kind: connector.Invalid, Op: "new digester", Msg: "incomplete", Err: errors.New("Desk, Open and Log are needed"),
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Fence == nil {
		cfg.Fence = func() int64 { return 0 }
	}
	if cfg.Tried == nil {
		cfg.Tried = func(connector.ChannelType, ParcelState) {}
	}
	return &Digester{cfg: cfg, signal: make(chan struct{}, 1)}, nil
}

// Poke says that a failure was noted, or that something is to be sent again. It never blocks.
func (d *Digester) Poke() {
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

// Run works until ctx is done. Trouble with the store is waited out.
func (d *Digester) Run(ctx context.Context) error {
	p := newPost(d.cfg, d.cfg.Fence())
	defer p.wait()
	for ctx.Err() == nil {
		looked := d.cfg.Now()
		next, err := d.round(ctx, p)
		pause := max(min(next.Sub(d.cfg.Now()), lookNet), 0)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			d.cfg.Log.ErrorContext(ctx, "digests wait", "wait", lookError, "error", err)
			pause = lookError
		}
		d.sleep(ctx, p, pause, looked)
	}
	return nil
}

// round does what there is to do and says when there may be more.
func (d *Digester) round(ctx context.Context, p *post) (next time.Time, err error) {
	next, err = d.close(ctx, p.fence)
	if err != nil {
		return next, err
	}
	more, err := d.sum(ctx, p.fence)
	if err != nil {
		return next, err
	}
	due, err := p.send(ctx)
	if err != nil {
		return next, err
	}
	if more {
		next = d.cfg.Now()
	}
	if due.Before(next) {
		next = due
	}
	return next, nil
}

// close claims the failures of windows that are over, and says when the next one is.
func (d *Digester) close(ctx context.Context, fence int64) (next time.Time, err error) {
	now := d.cfg.Now()
	next = now.Add(lookNet)
	failing, err := d.cfg.Desk.Failing(ctx, now)
	if err != nil {
		return next, err
	}
	for _, f := range failing {
		if f.Over.After(now) {
			if f.Over.Before(next) {
				next = f.Over
			}
			continue
		}
		if _, err := d.cfg.Desk.Close(ctx, fence, f.Tenant, now); err != nil {
			return next, err
		}
	}
	return next, nil
}

// sum sums up what was claimed, and says whether there is more.
func (d *Digester) sum(ctx context.Context, fence int64) (more bool, err error) {
	closed, err := d.cfg.Desk.Closed(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range closed[:min(len(closed), sumMost)] {
		if err := d.sumOne(ctx, fence, c); err != nil {
			return false, err
		}
	}
	return len(closed) > sumMost, nil
}

func (d *Digester) sumOne(ctx context.Context, fence int64, c Closed) error {
	began := d.cfg.Now()
	t, _, err := d.cfg.Desk.Tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	s, err := d.summary(ctx, &t, []Closed{c})
	if err != nil {
		return err
	}
	says := Summarize(s)
	names := t.Notify.ChannelNames()
	to := make([]Addressed, len(names))
	for i, name := range names {
		to[i] = Addressed{Channel: name, Mild: !says.Severity.AtLeast(t.Notify.Channels[i].Severity)}
	}
	if err := d.cfg.Desk.Keep(ctx, fence, c, says, to); err != nil {
		return err
	}
	d.cfg.Log.InfoContext(ctx, "digest made", "digest", c.ID, "tenant", c.Tenant, "failures", total(says.Counts), "channels", len(to),
		"took", d.cfg.Now().Sub(began))
	return nil
}

// summary has failures counted and says for whom.
func (d *Digester) summary(ctx context.Context, t *connector.Tenant, digests []Closed) (Summary, error) {
	s, err := d.cfg.Desk.Gather(ctx, digests)
	if err != nil {
		return s, err
	}
	s.Title, s.Zone, s.Language, s.PublicURL = t.Title, t.TimeZone, t.Notify.Language, d.cfg.PublicURL
	s.To = []string{}
	seen := map[string]bool{}
	for i := range t.Notify.Channels {
		for _, to := range t.Notify.Channels[i].To {
			if !seen[string(to)] {
				seen[string(to)] = true
				s.To = append(s.To, string(to))
			}
		}
	}
	return s, nil
}

func total(c Counts) int {
	n := 0
	for _, x := range c {
		n += x
	}
	return n
}

// sleep waits until something may have to be done. A poke is answered at once, but not more often than once in lookLeast.
func (d *Digester) sleep(ctx context.Context, p *post, pause time.Duration, looked time.Time) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return
	case <-t.C:
		return
	case <-p.idle:
		return
	case <-d.signal:
	}
	rest := lookLeast - d.cfg.Now().Sub(looked)
	if rest <= 0 || rest > lookLeast {
		return
	}
	t.Reset(min(rest, pause))
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
