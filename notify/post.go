package notify

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"todosync/connector"
)

// How parcels are sent.
const (
	sendTime   = 30 * time.Second // for one try
	retryFirst = 10 * time.Second // after the first failed try; the wait doubles with each
	retryMost  = 30 * time.Minute
	giveUpTime = 24 * time.Hour
	// Lanes in which the last try failed have places of their own, so that ever so many dead channels delay no other.
	placesGood = 32
	placesBad  = 8
	markEvery  = 5 * time.Second // how often the settings of lanes that wait for another try are looked at
	lanesEvery = 30 * time.Second
)

// A post sends what waits in the lanes, each lane in its order and none waiting for another. The loop of its Digester and the
// goroutines of lanes share it.
type post struct {
	cfg   DigesterConfig
	fence int64
	idle  chan struct{} // holds a token after a lane has ended its turn
	group sync.WaitGroup

	mu      sync.Mutex // guards what follows
	lanes   map[Lane]*lane
	good    int // places that are taken
	bad     int
	marked  time.Time // when settings were looked at
	trouble error     // with the store
}

// A lane is what the post remembers of a Lane.
type lane struct {
	due     time.Time
	running bool
	failing bool
	mark    string // of the settings with which it failed
	seen    bool
}

func newPost(cfg DigesterConfig, fence int64) *post {
	return &post{cfg: cfg, fence: fence, idle: make(chan struct{}, 1), lanes: map[Lane]*lane{}}
}

func (p *post) wait() { p.group.Wait() }

// send starts the lanes that are due, as far as there are places, and says when to look again.
func (p *post) send(ctx context.Context) (next time.Time, err error) {
	now := p.cfg.Now()
	known, err := p.cfg.Desk.Lanes(ctx)
	if err != nil {
		return now, err
	}
	if err := p.mended(ctx, now); err != nil {
		return now, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lanes {
		l.seen = false
	}
	for _, k := range known {
		l := p.lanes[k]
		if l == nil {
			l = &lane{due: now}
			p.lanes[k] = l
		}
		l.seen = true
	}
	next = now.Add(lanesEvery)
	for k, l := range p.lanes {
		switch {
		case l.running:
		case !l.seen:
			delete(p.lanes, k)
		case l.due.Sub(now) > retryMost+time.Minute && l.failing:
			l.due = now // the clock was put back
		case l.due.After(now):
			if l.due.Before(next) {
				next = l.due
			}
		case l.failing && p.bad < placesBad, !l.failing && p.good < placesGood:
			p.start(ctx, k, l)
		}
	}
	err, p.trouble = p.trouble, nil
	return next, err
}

// mended lets lanes try at once whose settings have changed since they failed.
func (p *post) mended(ctx context.Context, now time.Time) error {
	p.mu.Lock()
	var tenants []string
	if since := now.Sub(p.marked); since >= markEvery || since < 0 {
		p.marked = now
		seen := map[string]bool{}
		for k, l := range p.lanes {
			if l.failing && !l.running && l.due.After(now) && !seen[k.Tenant] {
				seen[k.Tenant] = true
				tenants = append(tenants, k.Tenant)
			}
		}
	}
	p.mu.Unlock()
	for _, tenant := range tenants {
		_, mark, err := p.cfg.Desk.Tenant(ctx, tenant)
		if err != nil {
			return err
		}
		p.mu.Lock()
		for k, l := range p.lanes {
			if k.Tenant == tenant && l.failing && l.mark != mark {
				l.due = now
			}
		}
		p.mu.Unlock()
	}
	return nil
}

// start has a lane sent. The caller has the lock.
func (p *post) start(ctx context.Context, k Lane, l *lane) {
	places := &p.good
	if l.failing {
		places = &p.bad
	}
	*places++
	l.running = true
	p.group.Go(func() {
		r := p.run(ctx, k)
		p.mu.Lock()
		*places--
		l.running, l.due, l.failing, l.mark = false, r.due, r.failing, r.mark
		if r.err != nil && ctx.Err() == nil {
			p.trouble = r.err
			l.due = p.cfg.Now().Add(lookError)
		}
		p.mu.Unlock()
		select {
		case p.idle <- struct{}{}:
		default:
		}
	})
}

// A ran says how a lane stands after its turn.
type ran struct {
	due     time.Time // of the next turn, where something waits
	failing bool
	mark    string
	err     error // of the store
}

// run sends what waits in a lane, one after the other, until nothing is left, one fails, or quiet hours hold it.
func (p *post) run(ctx context.Context, k Lane) (r ran) {
	for ctx.Err() == nil {
		waiting, err := p.cfg.Desk.Waiting(ctx, k)
		if err != nil {
			return ran{err: err}
		}
		if len(waiting) == 0 {
			return r
		}
		t, mark, err := p.cfg.Desk.Tenant(ctx, k.Tenant)
		if err != nil {
			return ran{err: err}
		}
		r.mark = mark
		c := channelOf(&t, k.Channel)
		if c == nil {
			if r.err = p.removed(ctx, k, waiting); r.err != nil {
				return r
			}
			continue
		}
		if until := p.quiet(&t, c, p.cfg.Now()); !until.IsZero() {
			return ran{due: until}
		}
		if joined := p.quietRun(&t, c, waiting); len(joined) > 1 {
			if r.err = p.join(ctx, k, &t, joined); r.err != nil {
				return r
			}
			continue
		}
		if r.failing, r.due, r.err = p.try(ctx, k, &t, c, waiting[0]); r.err != nil || r.failing {
			return r
		}
	}
	return r
}

// channelOf is a channel of a tenant as it is now; nil: it has none of that name.
func channelOf(t *connector.Tenant, name string) *connector.NotifyChannel {
	for i, n := range t.Notify.ChannelNames() {
		if n == name {
			return &t.Notify.Channels[i]
		}
	}
	return nil
}

// removed ends what waits for a channel that is gone.
func (p *post) removed(ctx context.Context, k Lane, waiting []Parcel) error {
	for _, w := range waiting {
		w.State, w.Error = ParcelRemoved, "the tenant has no such channel any more"
		if err := p.cfg.Desk.Tell(ctx, p.fence, k, w); err != nil {
			return err
		}
	}
	p.cfg.Log.WarnContext(ctx, "digests not sent: the channel is gone", "tenant", k.Tenant, "channel", k.Channel, "digests", len(waiting))
	return nil
}

// quiet is when the quiet hours end that a channel has at a time; zero: it has none then.
func (p *post) quiet(t *connector.Tenant, c *connector.NotifyChannel, at time.Time) time.Time {
	if c.Quiet == nil {
		return time.Time{}
	}
	zone, err := time.LoadLocation(t.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return quietUntil(at, c.Quiet.From, c.Quiet.To, zone)
}

// quietRun gives the parcels that go as one: those at the head that came in quiet hours and were never tried, with the first one after them.
func (p *post) quietRun(t *connector.Tenant, c *connector.NotifyChannel, waiting []Parcel) []Parcel {
	for i, w := range waiting {
		if w.Tries > 0 || w.Whole || p.quiet(t, c, w.First).IsZero() {
			if i > 0 && w.Tries == 0 && !w.Whole {
				i++
			}
			return waiting[:i]
		}
	}
	return waiting
}

// join makes one digest of several.
func (p *post) join(ctx context.Context, k Lane, t *connector.Tenant, parcels []Parcel) error {
	d := &Digester{cfg: p.cfg}
	digests := make([]Closed, len(parcels))
	for i := range parcels {
		digests[i] = parcels[i].Closed
	}
	s, err := d.summary(ctx, t, digests)
	if err != nil {
		return err
	}
	return p.cfg.Desk.Join(ctx, p.fence, k, parcels, Summarize(s))
}

// try sends one parcel and stores what came of it.
func (p *post) try(ctx context.Context, k Lane, t *connector.Tenant, c *connector.NotifyChannel, w Parcel) (failing bool, due time.Time, err error) {
	says := *w.Says
	says.To = make([]string, len(c.To))
	for i, to := range c.To {
		says.To[i] = string(to)
	}
	says.Copy = copyOf(t, k.Channel, &w)
	sent := p.deliver(ctx, t, c, says)
	if sent != nil && ctx.Err() != nil {
		return true, due, nil // the worker stops: it was no try
	}
	now := p.cfg.Now()
	w.Tries++
	log := p.cfg.Log.With("digest", w.ID, "tenant", k.Tenant, "channel", k.Channel, "tries", w.Tries)
	since := w.First
	if until := p.quiet(t, c, since); !until.IsZero() {
		since = until
	}
	switch {
	case sent == nil:
		w.State, w.Sent, w.Error = ParcelSent, now, ""
		log.InfoContext(ctx, "digest sent")
	case Taken(sent):
		w.State, w.Sent, w.Error = ParcelSent, now, Said(sent) // another try would reach those who have it once more
		log.WarnContext(ctx, "digest sent, but not to all", "error", w.Error)
	case now.Sub(since) >= giveUpTime:
		w.State, w.Error = ParcelFailed, Said(sent)
		log.ErrorContext(ctx, "digest given up", "error", w.Error)
	default:
		w.Due, w.Error = now.Add(retryWait(w.Tries, sent)), Said(sent)
		log.WarnContext(ctx, "digest not taken", "error", w.Error, "next_try", w.Due)
	}
	// Whatever happens to the worker, what was sent is noted where that is still possible.
	told, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	if err := p.cfg.Desk.Tell(told, p.fence, k, w); err != nil {
		return w.State != ParcelSent, due, err
	}
	p.cfg.Tried(c.Type, w.State)
	if w.State == ParcelFailed {
		return true, now.Add(retryFirst), nil
	}
	return w.State != ParcelSent, w.Due, nil
}

// copyOf keeps JetStream from taking a digest for one that it has already: the first one of a type goes under the digest's id alone, as it was
// closed; others do not.
func copyOf(t *connector.Tenant, channel string, w *Parcel) string {
	out := ""
	names := t.Notify.ChannelNames()
	at := slices.Index(names, channel)
	for i := range max(at, 0) {
		if t.Notify.Channels[i].Type == t.Notify.Channels[at].Type {
			out = "/" + channel
		}
	}
	if !w.First.Equal(w.At) {
		out += "/" + strconv.FormatInt(w.First.UnixMilli(), 36) // it is sent again because somebody wants it
	}
	return out
}

// deliver makes the channel and has it send, for so long at most.
func (p *post) deliver(ctx context.Context, t *connector.Tenant, c *connector.NotifyChannel, says Digest) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	ch, err := p.cfg.Open(ctx, t, c)
	if err != nil {
		return err
	}
	err = ch.Send(ctx, says)
	if err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if e, ok := errors.AsType[*Error](err); !ok || e.Msg == "" {
			return &Error{Msg: "no answer within " + sendTime.String(), Err: err}
		}
	}
	return err
}

// retryWait is how long to wait after a number of tries.
func retryWait(tries int, err error) time.Duration {
	wait := retryFirst
	for ; tries > 1 && wait < retryMost; tries-- {
		wait *= 2
	}
	if e, ok := errors.AsType[*Error](err); ok && e.After > wait {
		wait = e.After
	}
	return min(wait, retryMost)
}

// Said is what an error of a channel says to people.
func Said(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*connector.Error](err); ok {
		if e.Hint != "" {
			return e.Msg + " (" + e.Hint + ")"
		}
		return e.Msg
	}
	return "the channel could not be used" // what the error says may hold an address with a key
}
