package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/retry"
	"todosync/web/api"
)

// stats is what the API counts.
type stats struct {
	States   map[connector.State]int64 `json:"states"`
	Waiting  int64                     `json:"waiting"`
	Oldest   time.Time                 `json:"oldestWaiting"`
	Events   int64                     `json:"events"`
	Rejected int64                     `json:"rejected"`
	Series   seriesOf                  `json:"series"`

	Connections []api.ConnectionStats `json:"connections"`
}

// seriesOf is numbers over time, as the API tells them.
type seriesOf struct {
	From        time.Time               `json:"from"`
	To          time.Time               `json:"to"`
	Step        string                  `json:"step"`
	Totals      api.Numbers             `json:"totals"`
	Rate        *float64                `json:"successRate"`
	Buckets     []bucketOf              `json:"buckets"`
	Connections []api.ConnectionNumbers `json:"connections"`
	Causes      []api.FailureCause      `json:"causes"`
}

type bucketOf struct {
	At time.Time `json:"at"`
	api.Numbers
	Waiting *int64 `json:"waiting"`
}

// A span is how far back the overview looks.
type span struct {
	Key, En, Zh string
	Long        time.Duration
}

func spans() []span {
	return []span{
		{"15m", "15 minutes", "15 分钟", 15 * time.Minute}, {"1h", "1 hour", "1 小时", time.Hour}, {"24h", "24 hours", "24 小时", 24 * time.Hour}, {"7d", "7 days", "7 天", 7 * 24 * time.Hour}, {"30d", "30 days", "30 天", 30 * 24 * time.Hour},
	}
}

// An overview is the first page: how it goes.
type overview struct {
	Tenant, Connection string // what it is narrowed to
	Span               span   // its Key is empty where the reader chose the times himself
	From, To           time.Time
	Mistake            string // what is wrong with the times that the reader chose
	Paused             bool   // it is not to renew itself
	Stats              stats
	Connections        []overviewLine // what needs somebody first
	Silent             []overviewLine // the worst of what sends nothing, but for what is switched off
	Others             int            // connections that are not told
	Health             map[string]int // connections by why they send nothing; up: they send
	Digests            []notify.Kept
	Parts              []api.Part // that are not well
	Tenants            []string
	Names              []string
	Fresh              bool // there is no connection yet
}

// An overviewLine is a connection with what happened at it.
type overviewLine struct {
	api.ConnectionState
	Numbers api.ConnectionNumbers
}

// overviewLines is how many connections the overview tells.
const overviewLines = 12

func (c *Console) overviewRoutes() {
	c.page("GET /{$}", api.View, c.overview)
}

func (c *Console) overview(v *visit) error {
	v.Active, v.Title = "overview", v.T("Overview", "概览")
	v.Scripts = append(v.Scripts, "plot.js")
	q := v.r.URL.Query()
	o := overview{Tenant: q.Get("tenant"), Connection: q.Get("connection"), Paused: q.Get("live") == "off"}
	o.choose(v)
	narrowed := url.Values{}
	if o.Tenant != "" {
		narrowed.Set("tenant", o.Tenant)
	}
	if o.Connection != "" {
		narrowed.Set("connection", o.Connection)
	}
	ask := url.Values{"most": {strconv.Itoa(overviewLines)}, "from": {o.From.UTC().Format(time.RFC3339)}, "to": {o.To.UTC().Format(time.RFC3339)}}
	for name := range narrowed {
		ask.Set(name, narrowed.Get(name))
	}
	if err := v.api.get(v.ctx(), "/stats", ask, &o.Stats); err != nil {
		return err
	}
	// Who has just begun sees a line, and not a spike at the right edge.
	for _, shorter := range []span{spans()[1], spans()[0]} {
		if q.Get("span") != "" || o.Span.Key == "" || o.Stats.Series.before(v.Now.Add(-shorter.Long)) {
			break
		}
		o.Span, o.Stats, o.From = shorter, stats{}, v.Now.Add(-shorter.Long)
		ask.Set("from", o.From.UTC().Format(time.RFC3339))
		if err := v.api.get(v.ctx(), "/stats", ask, &o.Stats); err != nil {
			return err
		}
	}
	if err := o.tell(v, narrowed); err != nil {
		return err
	}
	var digests list[notify.Kept]
	about := url.Values{"limit": {"5"}}
	if o.Tenant != "" {
		about.Set("tenant", o.Tenant)
	}
	if err := v.api.get(v.ctx(), "/digests", about, &digests); err != nil {
		return err
	}
	o.Digests = digests.Items
	parts, err := v.api.ready(v.ctx())
	if err != nil {
		return err
	}
	o.Parts = slices.DeleteFunc(parts, func(p api.Part) bool { return p.State == api.PartOK })
	if v.partial() {
		return v.fragment(overviewRenewed(v, &o))
	}
	return v.show(overviewPage(v, &o))
}

// choose reads which time is looked at: a span that ends now, or times that the reader chose himself.
func (o *overview) choose(v *visit) {
	q := v.r.URL.Query()
	o.Span = spans()[2]
	for _, s := range spans() {
		if s.Key == q.Get("span") {
			o.Span = s
		}
	}
	o.From, o.To = v.Now.Add(-o.Span.Long), v.Now
	if q.Get("from") == "" && q.Get("to") == "" {
		return
	}
	from, err := time.Parse(time.RFC3339, v.instant(q.Get("from")))
	to := v.Now
	if err == nil && q.Get("to") != "" {
		to, err = time.Parse(time.RFC3339, v.instant(q.Get("to")))
	}
	switch {
	case err != nil:
		o.Mistake = v.T("These times cannot be read. What is shown is "+o.spanText(v)+".", "无法识别所选时间，显示的是最近 "+o.Span.Zh+"。")
	case !from.Before(to) || from.After(v.Now) || from.Year() < 1970:
		o.Mistake = v.T("Choose a beginning that lies before the end and in the past. What is shown is "+o.spanText(v)+".", "起始时间应早于截止时间，且不晚于现在。显示的是最近 "+o.Span.Zh+"。")
	default:
		o.Span, o.From, o.To = span{Long: to.Sub(from)}, from, to
	}
}

// live reports whether the page renews itself: what has ended does not change any more.
func (o *overview) live(v *visit) bool { return !o.Paused && !o.To.Before(v.Now) }

// spanText is the time that is looked at, to be put behind "in".
func (o *overview) spanText(v *visit) string {
	if o.Span.Key == "" {
		return v.T("this time", "所选时间内")
	}
	return v.T("the last "+strings.TrimPrefix(o.Span.En, "1 "), "最近 "+o.Span.Zh)
}

// before reports whether anything happened before a time.
func (s *seriesOf) before(t time.Time) bool {
	for i := range s.Buckets {
		b := &s.Buckets[i]
		if b.At.Before(t.Add(-s.slack())) && (b.Events > 0 || b.Rejected > 0 || len(b.States) > 0) {
			return true
		}
	}
	return false
}

// slack is how long before a time something may have happened that is told for a step which reaches beyond it.
func (s *seriesOf) slack() time.Duration {
	if len(s.Buckets) < 2 {
		return 0
	}
	return s.Buckets[1].At.Sub(s.Buckets[0].At)
}

// Rate is the share of deliveries that succeeded.
func (o *overview) Rate() string {
	if o.Stats.Series.Rate == nil {
		return "–"
	}
	return percent(*o.Stats.Series.Rate)
}

// percent never says 100 % of what is a little less.
func percent(share float64) string {
	hundredths := int(share * 10000)
	if hundredths%100 == 0 {
		return strconv.Itoa(hundredths/100) + "%"
	}
	return strconv.FormatFloat(float64(hundredths)/100, 'f', -1, 64) + "%"
}

// rateColour warns where much failed.
func (o *overview) rateColour() string {
	switch r := o.Stats.Series.Rate; {
	case r == nil:
		return ""
	case *r < .9:
		return "bad"
	case *r < .99:
		return "warn"
	}
	return "good"
}

// failedWithin is how long before it failed for good a delivery may have come: a list of failures reaches back so far at least.
const failedWithin = 24 * time.Hour

// recordsOf is the list of records of what the overview is narrowed to, in its span.
func (o *overview) recordsOf(pairs ...string) string {
	q := url.Values{}
	if o.Tenant != "" {
		q.Set("tenant", o.Tenant)
	}
	if o.Connection != "" {
		q.Set("connection", o.Connection)
	}
	from := o.Stats.Series.From
	if slices.Contains(pairs, string(connector.Failed)) && o.Span.Long < failedWithin {
		from = o.To.Add(-failedWithin)
	}
	q.Set("from", from.UTC().Format(time.RFC3339))
	if o.Span.Key == "" {
		q.Set("to", o.To.UTC().Format(time.RFC3339))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "/records?" + q.Encode()
}

// waitingNow is the list of what waits, whenever it came.
func (o *overview) waitingNow() string {
	return o.recordsOf("state", waitingStates, "from", "", "to", "")
}

// Number is a count with its thousands apart.
func (v *visit) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Delay is milliseconds as people say them; what took none is a dash.
func (v *visit) Delay(ms int64) string {
	switch {
	case ms == 0:
		return "–"
	case ms >= 1000 && ms < 60_000:
		return strconv.FormatFloat(float64(ms/100)/10, 'f', -1, 64) + v.T(" s", " 秒")
	}
	return v.Span(time.Duration(ms) * time.Millisecond)
}

// PartName is a part of the program for people.
func (v *visit) PartName(name string) string {
	switch name {
	case "store":
		return v.T("Store", "存储")
	case "nats":
		return "NATS"
	case "intake":
		return v.T("Intake of events", "事件接收")
	case "stream":
		return v.T("Stream of events", "事件流")
	case "disk":
		return v.T("Disk", "磁盘")
	case "connections":
		return v.T("Connections", "连接")
	}
	return name
}

// triesOf are the classes of tries that were in vain, the most frequent first.
func triesOf(n *api.Numbers) []retry.Class {
	var out []retry.Class
	for c := range n.Tries {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b retry.Class) int { return cmp.Or(cmp.Compare(n.Tries[b], n.Tries[a]), cmp.Compare(a, b)) })
	return out
}

// A cause is why deliveries failed, with what OAs called it.
type cause struct {
	Class retry.Class
	Count int64
	Codes []string
}

// causes are why deliveries failed, the most frequent first.
func (o *overview) causes() []cause {
	var out []cause
	for _, f := range o.Stats.Series.Causes {
		i := slices.IndexFunc(out, func(c cause) bool { return c.Class == f.Class })
		if i < 0 {
			i, out = len(out), append(out, cause{Class: f.Class})
		}
		if out[i].Count += f.Count; f.Code != "" && len(out[i].Codes) < 6 {
			out[i].Codes = append(out[i].Codes, f.Code)
		}
	}
	slices.SortStableFunc(out, func(a, b cause) int { return cmp.Compare(b.Count, a.Count) })
	return out
}
