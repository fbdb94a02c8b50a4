package console

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
)

// A plot is numbers over time, for assets/src/plot.js and for the table behind it.
type plot struct {
	ID, Title, Unit, Empty string
	Kind                   string // bars: stacked; empty: lines
	Times                  []time.Time
	Step                   time.Duration
	Gaps                   [][2]int // from and to which moment nothing is known, the second not among them
	Path                   string   // where a moment leads, with {from} and {to}
	Series                 []plotSeries
}

// A plotSeries is one line of a plot. A nil is a moment of which nothing is known.
type plotSeries struct {
	Label  string     `json:"label"`
	Colour string     `json:"colour"`
	Values []*float64 `json:"values"`
	Area   bool       `json:"area,omitempty"`
	Dash   []int      `json:"dash,omitempty"` // so that nobody has to tell lines by their colours
	Path   string     `json:"path,omitempty"` // where a click leads, if elsewhere than the plot's
}

// Data is what the script reads.
func (p *plot) Data() any {
	times := make([]int64, len(p.Times))
	for i, t := range p.Times {
		times[i] = t.Unix()
	}
	return struct {
		Times  []int64      `json:"times"`
		Step   int64        `json:"step"` // in seconds
		Series []plotSeries `json:"series"`
		Unit   string       `json:"unit"`
		Kind   string       `json:"kind,omitempty"`
		Gaps   [][2]int     `json:"gaps,omitempty"`
		Path   string       `json:"path,omitempty"`
		Says   string       `json:"says"`
	}{times, int64(p.Step.Seconds()), p.Series, p.Unit, p.Kind, p.Gaps, p.Path, p.says()}
}

// says sums the plot up for who does not see it: of each line the greatest number.
func (p *plot) says() string {
	var parts []string
	for _, s := range p.Series {
		var most *float64
		for _, n := range s.Values {
			if n != nil && (most == nil || *n > *most) {
				most = n
			}
		}
		text := s.Label + ": " + p.text(most)
		if most != nil && p.Unit != "" {
			text += " " + p.Unit
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// moment is the list of what happened in a step of the plot.
func (p *plot) moment(t time.Time) string {
	return strings.NewReplacer("{from}", url.QueryEscape(t.UTC().Format(time.RFC3339)), "{to}", url.QueryEscape(t.Add(p.Step).UTC().Format(time.RFC3339)), "{before}", url.QueryEscape(t.Add(-failedWithin).UTC().Format(time.RFC3339))).Replace(p.Path)
}

// text is a number of the plot in its table.
func (p *plot) text(n *float64) string {
	if n == nil {
		return "–"
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

// clock is a moment of the table: with its day where the plot is longer than one.
func (p *plot) clock(v *visit, t time.Time) string {
	if len(p.Times) > 0 && p.Times[len(p.Times)-1].Sub(p.Times[0]) > 25*time.Hour {
		return t.In(v.Zone).Format("01-02 15:04")
	}
	return t.In(v.Zone).Format("15:04")
}

// known reports of which steps something is known: where nothing was counted and nobody looked at what waits, no worker was running. The
// step that has just begun, and a single minute between two others, may only not have been looked at.
func known(all []bucketOf, step time.Duration) []bool {
	out := make([]bool, len(all))
	for i := range all {
		b := &all[i]
		out[i] = b.Waiting != nil || b.Events+b.Rejected+b.Duplicates > 0 || len(b.States)+len(b.Tries) > 0
	}
	for i := len(out) - 2; i > 0; i-- {
		if !out[i] && step <= time.Minute && out[i-1] && out[i+1] {
			out[i] = true
		}
	}
	if n := len(out); n > 1 && !out[n-1] {
		out[n-1] = out[n-2]
	}
	return out
}

// gaps are the stretches of which nothing is known.
func gaps(known []bool) (out [][2]int) {
	for i := 0; i < len(known); i++ {
		if known[i] {
			continue
		}
		from := i
		for i < len(known) && !known[i] {
			i++
		}
		out = append(out, [2]int{from, i})
	}
	return out
}

// plots are the overview's.
func (o *overview) plots(v *visit) []*plot {
	all := o.Stats.Series.Buckets
	times := make([]time.Time, len(all))
	step := o.Stats.Series.slack()
	is := known(all, step)
	line := func(label, colour string, value func(*bucketOf) (int64, bool)) plotSeries {
		s := plotSeries{Label: label, Colour: colour, Values: make([]*float64, len(all))}
		for i := range all {
			if n, ok := value(&all[i]); ok && is[i] {
				f := float64(n)
				s.Values[i] = &f
			}
		}
		return s
	}
	for i := range all {
		times[i] = all[i].At
	}
	base := plot{Times: times, Step: step, Gaps: gaps(is), Path: o.moments()}
	return []*plot{o.deliveriesPlot(v, base, line), o.delayPlot(v, base, line), o.flowPlot(v, base, line), o.waitingPlot(v, base, line), o.triesPlot(v, base, line)}
}

// moments is the address of the records of a step, some of them where pairs say which.
func (o *overview) moments(pairs ...string) string {
	q := url.Values{}
	for name, value := range map[string]string{"tenant": o.Tenant, "connection": o.Connection} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	from := "{from}"
	if q.Get("state") == string(connector.Failed) || q.Get("class") != "" {
		from = "{before}" // what fails after its last try has come long before
	}
	to := "/records?from=" + from + "&to={to}"
	if len(q) > 0 {
		to += "&" + q.Encode()
	}
	return to
}

// lining makes a line of a plot out of a number of each step.
type lining func(label, colour string, value func(*bucketOf) (int64, bool)) plotSeries

func ended(states ...connector.State) func(*bucketOf) (int64, bool) {
	return func(b *bucketOf) (n int64, ok bool) {
		for _, s := range states {
			n += b.States[s]
		}
		return n, true
	}
}

func (o *overview) deliveriesPlot(v *visit, p plot, line lining) *plot {
	p.ID, p.Title, p.Kind, p.Empty = "deliveries", v.T("Deliveries by outcome", "推送结果"), "bars", v.T("No delivery has ended in this time.", "这段时间没有推送完成。")
	good := line(v.T("succeeded", "成功"), "good", ended(connector.Succeeded))
	good.Path = o.moments("state", "succeeded")
	rest := line(v.T("skipped, superseded, canceled", "跳过、被取代、取消"), "idle", ended(connector.Skipped, connector.Superseded, connector.Canceled))
	rest.Path = o.moments("state", "skipped,superseded,canceled")
	bad := line(v.T("failed", "失败"), "bad", ended(connector.Failed))
	bad.Path = o.moments("state", "failed")
	p.Series = []plotSeries{good, rest, bad}
	return &p
}

func (o *overview) delayPlot(v *visit, p plot, line lining) *plot {
	delay := func(of func(*bucketOf) int64) func(*bucketOf) (int64, bool) {
		return func(b *bucketOf) (int64, bool) { return of(b), of(b) > 0 }
	}
	p.ID, p.Title, p.Unit, p.Empty = "delay", v.T("Delay from event to OA", "从事件到 OA 的延迟"), "ms", v.T("Nothing has reached an OA in this time.", "这段时间没有推送到达 OA。")
	p.Path = o.moments("state", "succeeded")
	slow := line("p99", "warn", delay(func(b *bucketOf) int64 { return b.P99 }))
	slow.Dash = []int{6, 4}
	p.Series = []plotSeries{line(v.T("median (p50)", "中位数（p50）"), "busy", delay(func(b *bucketOf) int64 { return b.P50 })), slow}
	return &p
}

// flowPlot sets what came beside what went: where they part, something waits or fails.
func (o *overview) flowPlot(v *visit, p plot, line lining) *plot {
	p.ID, p.Title, p.Empty = "flow", v.T("Events in, deliveries out", "事件流入与推送流出"), v.T("Nothing came and nothing went in this time.", "这段时间没有事件，也没有推送。")
	in := line(v.T("events in", "流入的事件"), "busy", func(b *bucketOf) (int64, bool) { return b.Events, true })
	in.Dash = []int{6, 4}
	out := line(v.T("deliveries out", "流出的推送"), "good", ended(connector.Succeeded, connector.Failed, connector.Skipped, connector.Superseded, connector.Canceled))
	p.Series = []plotSeries{in, out}
	return &p
}

func (o *overview) waitingPlot(v *visit, p plot, line lining) *plot {
	p.ID, p.Title, p.Empty = "waiting", v.T("Waiting", "等待中"), v.T("Nothing has waited in this time.", "这段时间没有积压。")
	one := line(v.T("deliveries that wait", "等待的推送"), "warn", func(b *bucketOf) (int64, bool) {
		if b.Waiting == nil {
			return 0, false
		}
		return *b.Waiting, true
	})
	if last := len(one.Values) - 1; last >= 0 && one.Values[last] == nil && p.Times[last].Add(p.Step).After(v.Now) {
		now := float64(o.Stats.Waiting)
		one.Values[last] = &now
	}
	one.Area = true
	p.Series = []plotSeries{one}
	return &p
}

func (o *overview) triesPlot(v *visit, p plot, line lining) *plot {
	p.ID, p.Title, p.Kind, p.Empty = "tries", v.T("Failed attempts by cause", "失败的尝试（按原因）"), "bars", v.T("No attempt failed in this time.", "这段时间没有失败的尝试。")
	colours := []string{"bad", "warn", "busy", "idle"}
	classes := triesOf(&o.Stats.Series.Totals)
	for i, c := range classes {
		if i == len(colours)-1 && len(classes) > len(colours) {
			rest := classes[i:]
			p.Series = append(p.Series, line(v.T("others", "其他"), colours[i], func(b *bucketOf) (n int64, ok bool) {
				for _, c := range rest {
					n += b.Tries[c]
				}
				return n, true
			}))
			break
		}
		one := line(v.ClassName(string(c)), colours[i], func(b *bucketOf) (int64, bool) { return b.Tries[c], true })
		one.Path = o.moments("class", string(c))
		p.Series = append(p.Series, one)
	}
	return &p
}
