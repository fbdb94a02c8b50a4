package console

import (
	"strconv"
	"time"

	"todosync/connector"
	"todosync/retry"
)

// A plot is numbers over time, for assets/src/plot.js and for the table behind it.
type plot struct {
	ID, Title, Unit, Empty string
	Times                  []time.Time
	Series                 []plotSeries
}

// A plotSeries is one line of a plot. A nil is a moment of which nothing is known.
type plotSeries struct {
	Label  string     `json:"label"`
	Colour string     `json:"colour"`
	Values []*float64 `json:"values"`
	Area   bool       `json:"area,omitempty"`
	Dash   bool       `json:"dash,omitempty"`
}

// Data is what the script reads.
func (p *plot) Data() any {
	times := make([]int64, len(p.Times))
	for i, t := range p.Times {
		times[i] = t.Unix()
	}
	return struct {
		Times  []int64      `json:"times"`
		Series []plotSeries `json:"series"`
		Unit   string       `json:"unit"`
	}{times, p.Series, p.Unit}
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

// plots are the overview's.
func (o *overview) plots(v *visit) []*plot {
	all := o.Stats.Series.Buckets
	times := make([]time.Time, len(all))
	line := func(label, colour string, area bool, value func(*bucketOf) (int64, bool)) plotSeries {
		s := plotSeries{Label: label, Colour: colour, Area: area, Values: make([]*float64, len(all))}
		for i := range all {
			if n, ok := value(&all[i]); ok {
				f := float64(n)
				s.Values[i] = &f
			}
		}
		return s
	}
	for i := range all {
		times[i] = all[i].At
	}
	ended := func(states ...connector.State) func(*bucketOf) (int64, bool) {
		return func(b *bucketOf) (n int64, ok bool) {
			for _, s := range states {
				n += b.States[s]
			}
			return n, true
		}
	}
	deliveries := &plot{
		ID: "deliveries", Title: v.T("Deliveries by outcome", "推送结果"), Times: times, Empty: v.T("No delivery has ended in this time.", "这段时间没有推送完成。"),
		Series: []plotSeries{
			line(v.T("succeeded", "成功"), "good", true, ended(connector.Succeeded)),
			line(v.T("failed", "失败"), "bad", true, ended(connector.Failed)),
			line(v.T("skipped, superseded, canceled", "跳过、被取代、取消"), "idle", false, ended(connector.Skipped, connector.Superseded, connector.Canceled)),
		},
	}
	delay := func(of func(*bucketOf) int64) func(*bucketOf) (int64, bool) {
		return func(b *bucketOf) (int64, bool) { return of(b), of(b) > 0 }
	}
	delays := &plot{
		ID: "delay", Title: v.T("Delay from event to OA", "从事件到 OA 的延迟"), Unit: "ms", Times: times,
		Empty: v.T("Nothing has reached an OA in this time.", "这段时间没有推送到达 OA。"),
		Series: []plotSeries{
			line(v.T("median (p50)", "中位数（p50）"), "busy", false, delay(func(b *bucketOf) int64 { return b.P50 })),
			line("p99", "warn", false, delay(func(b *bucketOf) int64 { return b.P99 })),
		},
	}
	waiting := &plot{
		ID: "waiting", Title: v.T("Waiting", "等待中"), Times: times, Empty: v.T("Nothing has waited in this time.", "这段时间没有积压。"),
		Series: []plotSeries{line(v.T("deliveries that wait", "等待的推送"), "warn", true, func(b *bucketOf) (int64, bool) {
			if b.Waiting == nil {
				return 0, false
			}
			return *b.Waiting, true
		})},
	}
	tries := &plot{
		ID: "tries", Title: v.T("Tries in vain, by cause", "未成功的尝试（按原因）"), Times: times, Empty: v.T("No try was in vain in this time.", "这段时间每次尝试都成功。"),
	}
	colours := []string{"bad", "warn", "busy", "idle"}
	classes := triesOf(&o.Stats.Series.Totals)
	for i, c := range classes {
		if i == len(colours)-1 && len(classes) > len(colours) {
			rest := classes[i:]
			tries.Series = append(tries.Series, line(v.T("others", "其他"), colours[i], false, func(b *bucketOf) (n int64, ok bool) {
				for _, c := range rest {
					n += b.Tries[c]
				}
				return n, true
			}))
			break
		}
		tries.Series = append(tries.Series, line(v.ClassName(string(c)), colours[i], i == 0, tried(c)))
	}
	return []*plot{deliveries, delays, waiting, tries}
}

func tried(c retry.Class) func(*bucketOf) (int64, bool) {
	return func(b *bucketOf) (int64, bool) { return b.Tries[c], true }
}
