package notify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
)

// A view is a digest in the words of its reader: the pieces that text, HTML and Markdown are put together from. They are as harmless as
// clean makes them; each rendering escapes them for its own place.
type view struct {
	words
	digest *Digest
	zone   *time.Location
}

func newView(d *Digest) *view {
	return &view{words: wordsIn(d.Language), digest: d, zone: zoneOf(d.Zone)}
}

// How much of a digest a person is shown; the rest is counted, and stands in the digest's JSON and in the records.
const (
	shownGroups  = 20
	shownWaiting = 20
	shownOutages = 20
	shownNames   = 3
)

// title is the digest in one line, as the subject of a mail.
func (v *view) title() string {
	return "[todosync] " + v.mark() + v.tenant() + v.t(": ", "：") + strings.Join(v.facts(), v.t(", ", "，")) + v.t(", ", "，") + v.span()
}

// heading is the title without what tells whose mail it is.
func (v *view) heading() string { return v.mark() + strings.Join(v.facts(), v.t(", ", "，")) }

// mark says that a sample is none.
func (v *view) mark() string {
	if !v.digest.Test {
		return ""
	}
	return v.t("(test) ", "（测试）")
}

// tenant is what people call the tenant, with its id.
func (v *view) tenant() string {
	if v.digest.Name == "" || v.digest.Name == v.digest.Tenant {
		return v.digest.Tenant
	}
	return isolated(v.digest.Name) + v.t(" ("+v.digest.Tenant+")", "（"+v.digest.Tenant+"）")
}

// facts are what has happened, what is worst first.
func (v *view) facts() []string {
	var out []string
	if down := v.connections(Down, false); len(down) > 0 {
		out = append(out, v.t("OA down: "+v.list(down, shownNames), "OA 中断："+v.list(down, shownNames)))
	}
	if refused := v.connections(TokenRefused, false); len(refused) > 0 {
		out = append(out, v.t("token refused: "+v.list(refused, shownNames), "令牌被拒："+v.list(refused, shownNames)))
	}
	n := v.sums()
	if n[Failed] > 0 {
		out = append(out, v.count(n[Failed], "todo failed", "todos failed", "条待办推送失败"))
	}
	if n[Rejected] > 0 {
		out = append(out, v.count(n[Rejected], "event rejected", "events rejected", "个事件被拒收"))
	}
	if n[Unbound] > 0 {
		out = append(out, v.count(n[Unbound], "receiver without an OA account", "receivers without an OA account", "个接收人未绑定"))
	}
	if back := v.connections(Back, true); len(back) > 0 {
		out = append(out, v.t("OA back: "+v.list(back, shownNames), "OA 恢复："+v.list(back, shownNames)))
	}
	if len(out) == 0 {
		out = append(out, v.t("nothing failed", "没有失败"))
	}
	return out
}

// connections names those that are down or without a token now, or that are back: as the outages tell, else as the groups do.
func (v *view) connections(kind Kind, over bool) []string {
	var out []string
	for _, o := range v.digest.OAs {
		same := o.Kind == kind || over && o.Until != nil
		if o.Connection != "" && same && (o.Until != nil) == over {
			out = append(out, o.Connection)
		}
	}
	for _, g := range v.digest.Groups {
		told := slices.ContainsFunc(v.digest.OAs, func(o Outage) bool { return o.Connection == g.Connection })
		if g.Kind == kind && g.Connection != "" && !told {
			out = append(out, g.Connection)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sums are the numbers of failures of each kind.
func (v *view) sums() map[Kind]int {
	out := map[Kind]int{}
	for _, g := range v.digest.Groups {
		out[g.Kind] += g.Count
	}
	return out
}

// total is how many failures the digest tells.
func (v *view) total() int { return len(v.digest.Examples) + v.digest.More }

// recovered is how many of them have succeeded since.
func (v *view) recovered() int {
	n := 0
	for _, g := range v.digest.Groups {
		n += g.Recovered
	}
	return n
}

// classCounts are the classes with their names, most frequent first.
func (v *view) classCounts() []string {
	classes := make([]string, 0, len(v.digest.Counts))
	for class := range v.digest.Counts {
		classes = append(classes, class)
	}
	slices.SortFunc(classes, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.digest.Counts[b], v.digest.Counts[a]), strings.Compare(a, b))
	})
	for i, class := range classes {
		classes[i] = v.name(class) + " " + number(v.digest.Counts[class])
	}
	return classes
}

// span is the window in the tenant's zone.
func (v *view) span() string {
	from, to := v.digest.Window.From.In(v.zone), v.digest.Window.To.In(v.zone)
	clock := "15:04"
	if from.Second() != 0 || to.Second() != 0 {
		clock = "15:04:05"
	}
	_, before := from.Zone()
	_, after := to.Zone()
	switch {
	case before != after: // the clocks were changed in between
		return from.Format("2006-01-02 "+clock+" -07:00") + " – " + to.Format("2006-01-02 "+clock+" -07:00")
	case from.Format(time.DateOnly) == to.Format(time.DateOnly):
		return from.Format("2006-01-02 "+clock) + "–" + to.Format(clock)
	}
	return from.Format("2006-01-02 "+clock) + " – " + to.Format("2006-01-02 "+clock)
}

// at is a time in the tenant's zone, with its date where that is not the window's.
func (v *view) at(t time.Time) string {
	t = t.In(v.zone)
	if t.Format(time.DateOnly) == v.digest.Window.From.In(v.zone).Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// lasting is a duration as people say it.
func (v *view) lasting(d time.Duration) string {
	d = d.Round(time.Second)
	part := func(n time.Duration, en, zh string) string {
		return strconv.FormatInt(int64(n), 10) + v.t(" "+en, " "+zh)
	}
	join := func(first string, rest time.Duration, en, zh string) string {
		if rest == 0 {
			return first
		}
		return first + " " + part(rest, en, zh)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return part(max(0, d/time.Second), "s", "秒")
	case d < time.Hour:
		return join(part(d/time.Minute, "min", "分钟"), d%time.Minute/time.Second, "s", "秒")
	case d < day:
		return join(part(d/time.Hour, "h", "小时"), d%time.Hour/time.Minute, "min", "分钟")
	}
	return join(part(d/day, "d", "天"), d%day/time.Hour, "h", "小时")
}

// outage tells of one OA that went down or came back.
func (v *view) outage(o *Outage) string {
	if o.Connection == "" {
		return v.t("other connections, since "+v.at(o.Since)+", "+number(o.Waited)+" waiting", "其他连接，最早自 "+v.at(o.Since)+"，共 "+number(o.Waited)+" 条等待")
	}
	if o.Until != nil {
		was := v.t("was down for ", "中断 ")
		if o.Kind == TokenRefused {
			was = v.t("was without a token for ", "令牌被拒 ")
		}
		return v.t(o.Connection+" is back since "+v.at(*o.Until)+": it "+was+v.lasting(o.Until.Sub(o.Since))+" (from "+v.at(o.Since)+"); "+
			v.count(o.Waited, "todo waited and is", "todos waited and are", "")+" being sent",
			o.Connection+" 已于 "+v.at(*o.Until)+" 恢复："+was+v.lasting(o.Until.Sub(o.Since))+"（自 "+v.at(o.Since)+"），期间 "+number(o.Waited)+" 条等待，正在发送")
	}
	state := v.t(" is down since ", " 中断，自 ")
	then := v.t("retries go on", "重试仍在进行")
	if o.Kind == TokenRefused {
		state = v.t(" gives no token since ", " 不给令牌，自 ")
		then = v.t("it is asked again by itself", "会自动再次尝试")
	}
	return o.Connection + state + v.at(o.Since) + v.t("; ", "；") + then + v.t("; ", "；") + v.count(o.Waited, "todo waits", "todos wait", "条在等待")
}

// where names the connection and scene of a group.
func (v *view) where(connection string, scene connector.Scene, kind Kind) string {
	name := connection
	switch {
	case name == "" && kind == Rejected:
		name = v.t("events of the CRM", "CRM 事件")
	case name == "":
		name = v.t("other connections", "其他连接")
	}
	if scene == "" {
		return name
	}
	return name + " · " + v.scene(scene)
}

// waits tells what waits at one connection.
func (v *view) waits(w *Waiting) string {
	name := w.Connection
	if name == "" {
		name = v.t("other connections", "其他连接")
	}
	out := name + v.t(": ", "：") + v.count(w.Count, "waits", "wait", "条")
	if !w.Since.IsZero() {
		out += v.t(", since "+v.at(w.Since), "，最早自 "+v.at(w.Since))
	}
	if w.Connection == "" {
		return out
	}
	return out + v.t(" ("+v.reason(w.Reason)+")", "（"+v.reason(w.Reason)+"）")
}

// quoted is what an OA or todosync said, with its code.
func (v *view) quoted(code, text string) string {
	text = isolated(text)
	switch {
	case text == "" && code == "":
		return v.t("(no message)", "（无消息）")
	case text == "":
		return v.t("code ", "返回码 ") + code
	case code == "":
		return text
	}
	return text + v.t(" (code "+code+")", "（返回码 "+code+"）")
}

// tries tells how often and when a delivery was tried.
func (v *view) tries(e *Example) string {
	if e.Tries == 0 && e.LastTry == nil {
		return ""
	}
	out := v.count(e.Tries, "try", "tries", "次尝试")
	switch {
	case e.FirstTry != nil && e.LastTry != nil && !e.FirstTry.Equal(*e.LastTry):
		out += v.t(", ", "，") + v.at(*e.FirstTry) + "–" + v.at(*e.LastTry)
	case e.LastTry != nil:
		out += v.t(", ", "，") + v.at(*e.LastTry)
	}
	return out
}

// about names the todo of an example and its receiver.
func (v *view) about(e *Example) string {
	name := cmp.Or(e.Title, e.Todo, e.Record)
	if e.Receiver == "" {
		return isolated(name)
	}
	return isolated(name) + " → " + isolated(e.Receiver)
}

// told reports whether an example is shown among the others: what is about an OA stands with the outages.
func (e *Example) told() bool { return e.Kind == Failed || e.Kind == Rejected || e.Kind == Unbound }

// untold is how many failures of deliveries and events are no shown example.
func (v *view) untold() int {
	n := 0
	for _, g := range v.digest.Groups {
		if (&Example{Kind: g.Kind}).told() {
			n += g.Count
		}
	}
	for i := range v.digest.Examples {
		if v.digest.Examples[i].told() {
			n--
		}
	}
	return max(0, n)
}
