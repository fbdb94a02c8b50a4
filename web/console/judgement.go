package console

import (
	"strconv"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// A judgement answers, before anything else is looked at, whether something is wrong.
type judgement struct {
	Colour string // good, warn, bad
	Title  string
	Lead   string
	Lines  []finding
	More   int // findings that are not told
}

// A finding is one thing that somebody may want to look at.
type finding struct {
	Colour, Mark, Name, Path, Text string
}

// Which findings are told, and from when on it is worth a word that something waits.
const (
	findingsMost = 6
	waitingLong  = 10 * time.Minute
)

// judgement sums the overview up in words.
func (o *overview) judgement(v *visit) judgement {
	var all []finding
	for _, p := range o.Parts {
		if p.Name == "connections" {
			continue // they are told one by one
		}
		f := finding{Colour: "warn", Mark: v.T("warning", "警告"), Name: v.PartName(p.Name), Text: v.Said(p.Detail)}
		if p.State == api.PartDown {
			f.Colour, f.Mark = "bad", v.T("down", "不可用")
		}
		all = append(all, f)
	}
	for i := range o.Silent {
		all = append(all, v.silent(&o.Silent[i]))
	}
	untold := o.silentCount() - len(o.Silent)
	all = append(all, o.happened(v)...)
	out := judgement{Colour: "good", Title: v.T("All is well", "一切正常"), Lead: o.sending(v), Lines: all}
	for _, f := range all {
		if f.Colour == "bad" {
			out.Colour, out.Title = "bad", v.T("Something is wrong", "有问题需要处理")
			break
		}
		out.Colour, out.Title = "warn", v.T("It runs, but look at this", "运行中，但有需要留意的地方")
	}
	if len(all) > findingsMost {
		out.Lines, out.More = all[:findingsMost], len(all)-findingsMost
	}
	out.More += max(untold, 0)
	return out
}

// silentCount is how many connections send nothing, but for what is switched off.
func (o *overview) silentCount() (n int) {
	for _, held := range api.Healths() {
		if held != api.HealthUp && held != "disabled" {
			n += o.Health[held]
		}
	}
	return n
}

// silent says why a connection sends nothing, and what that holds up.
func (v *visit) silent(l *overviewLine) finding {
	f := finding{Colour: healthColour(l.HeldFor), Mark: v.Health(l.HeldFor), Name: nameOf(&l.ConnectionState), Path: connectionPath(keyOf(&l.ConnectionState))}
	if l.HeldSince != nil && !l.HeldSince.IsZero() {
		f.Text = v.T("for ", "已 ") + v.Span(v.Now.Sub(*l.HeldSince))
	}
	if l.Waiting > 0 {
		if f.Text != "" {
			f.Text += v.T(", ", "，")
		}
		f.Text += v.T(v.Number(l.Waiting)+" wait", v.Number(l.Waiting)+" 条等待")
	}
	if l.Message != "" && l.HeldFor != "paused" && l.HeldFor != "disabled" {
		if f.Text != "" {
			f.Text += v.T(": ", "：")
		}
		f.Text += cut(v.Said(l.Message), 160)
	}
	return f
}

// happened are the findings of the time that is looked at, and of what waits.
func (o *overview) happened(v *visit) (out []finding) {
	n := &o.Stats.Series.Totals
	if failed := n.States[connector.Failed]; failed > 0 {
		f := finding{
			Colour: "warn", Mark: v.T("failed", "失败"), Path: o.recordsOf("state", "failed"),
			Name: v.T(v.count(failed, "delivery", "deliveries")+" failed", v.Number(failed)+" 条推送失败"), Text: v.T("in ", "") + o.spanText(v),
		}
		if r := o.Stats.Series.Rate; r != nil && *r < .9 {
			f.Colour = "bad"
		}
		if causes := o.causes(); len(causes) > 0 {
			f.Text += v.T(", most often: ", "，最常见的原因：") + v.ClassName(string(causes[0].Class))
		}
		out = append(out, f)
	}
	if n.Rejected > 0 {
		out = append(out, finding{
			Colour: "warn", Mark: v.T("rejected", "被拒绝"), Path: "/rejected", Name: v.T(v.count(n.Rejected, "event", "events")+" could not be taken", v.Number(n.Rejected)+" 个事件无法接收"),
			Text: v.T("in ", "") + o.spanText(v),
		})
	}
	if long := v.Now.Sub(o.Stats.Oldest); !o.Stats.Oldest.IsZero() && long > waitingLong {
		out = append(out, finding{
			Colour: "warn", Mark: v.T("waiting", "等待"), Path: o.waitingNow(), Name: v.T(v.count(o.Stats.Waiting, "delivery waits", "deliveries wait"), v.Number(o.Stats.Waiting)+" 条推送在等待"),
			Text: v.T("the oldest for ", "最早的已等待 ") + v.Span(long),
		})
	}
	return out
}

// sending says how many connections send, and whether anything came.
func (o *overview) sending(v *visit) string {
	all := 0
	for _, n := range o.Health {
		all += n
	}
	well, off := o.Health[api.HealthUp], o.Health["disabled"]
	var out string
	switch all -= off; {
	case all == 0:
		out = v.T("No connection is switched on.", "没有启用的连接。")
	case well == all && all == 1:
		out = v.T("The connection sends.", "连接推送正常。")
	case well == all:
		out = v.T("All "+strconv.Itoa(all)+" connections send.", strconv.Itoa(all)+" 个连接全部推送正常。")
	default:
		out = v.T(strconv.Itoa(well)+" of "+strconv.Itoa(all)+" connections send.", strconv.Itoa(all)+" 个连接中 "+strconv.Itoa(well)+" 个推送正常。")
	}
	if off > 0 {
		out += v.T(" "+strconv.Itoa(off)+" switched off.", "另有 "+strconv.Itoa(off)+" 个已停用。")
	}
	n := &o.Stats.Series.Totals
	switch done := n.States[connector.Succeeded]; {
	case n.Events+n.Rejected+n.Duplicates+int64(len(n.States)) == 0:
		out += v.T(" No event came in ", "没有事件到达：") + o.spanText(v) + v.T(".", "。")
	case n.States[connector.Failed] == 0 && done > 0:
		out += v.T(" All "+v.count(done, "delivery", "deliveries")+" of ", "") + o.spanText(v) + v.T(" succeeded.", "的 "+v.Number(done)+" 条推送全部成功。")
	case done > 0:
		out += v.T(" "+v.count(done, "delivery", "deliveries")+" succeeded in ", "") + o.spanText(v) + v.T(".", "成功 "+v.Number(done)+" 条。")
	}
	return out
}

// count is a number with its noun in English.
func (v *visit) count(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return v.Number(n) + " " + more
}
