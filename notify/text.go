package notify

import (
	"cmp"
	"strconv"
	"strings"
)

// textMost is the size of a digest's text, in bytes.
const textMost = 32 << 10

// text is the digest as plain text.
func (v *view) text() string {
	d := v.digest
	var b strings.Builder
	line := func(s ...string) {
		for _, s := range s {
			b.WriteString(s)
		}
		b.WriteByte('\n')
	}
	line(v.tenant(), v.t(": ", "："), v.heading())
	line(v.span(), v.t(" ("+v.zone.String()+")", "（"+v.zone.String()+"）"))
	if d.Test {
		line(v.t("This is a sample. Nothing in it has happened.", "这是一份样例，其中内容并未发生。"))
	}
	line()
	line(v.lead())
	if len(d.OAs) > 0 {
		line()
		line(v.t("OA systems", "OA 状态"))
		for i := range d.OAs[:min(len(d.OAs), shownOutages)] {
			o := &d.OAs[i]
			line("- ", v.outage(o))
			if o.Message != "" {
				line("  ", v.t("It said: ", "OA 消息："), isolated(o.Message))
			}
		}
		v.textMore(&b, len(d.OAs)-shownOutages)
	}
	if len(d.Groups) > 0 {
		line()
		line(v.t("What failed and why, most frequent first", "失败原因（按次数排列）"))
		for i := range d.Groups[:min(len(d.Groups), shownGroups)] {
			v.textGroup(&b, i+1, &d.Groups[i])
		}
		v.textMore(&b, len(d.Groups)-shownGroups)
	}
	v.textExamples(&b)
	if len(d.Waiting) > 0 {
		line()
		line(v.t("Still waiting", "仍在等待"))
		for i := range d.Waiting[:min(len(d.Waiting), shownWaiting)] {
			line("- ", v.waits(&d.Waiting[i]))
		}
		v.textMore(&b, len(d.Waiting)-shownWaiting)
	}
	return v.bounded(b.String())
}

// bounded cuts the text at a line's end, if it must be, and puts the way to all of it at its end.
func (v *view) bounded(text string) string {
	end := "\n" + v.t("All of it: todosync digests show "+v.digest.ID, "全文：todosync digests show "+v.digest.ID) + "\n"
	if v.digest.URL != "" {
		end = "\n" + v.t("All of it: ", "全文：") + v.digest.URL + "\n"
	}
	if len(text)+len(end) > textMost {
		text = cutBytes(text, textMost-len(end)-len("…\n"))
		text = text[:strings.LastIndexByte(text, '\n')+1] + "…\n"
	}
	return text + end
}

// lead says in a sentence or two how much there is.
func (v *view) lead() string {
	out := v.t("In all ", "共 ") + v.count(v.total(), "incident", "incidents", "项") + v.t(": ", "：") + strings.Join(v.classCounts(), v.t(", ", "、")) + v.t(".", "。")
	if len(v.digest.Counts) == 0 {
		out = v.t("Nothing failed.", "没有失败。")
	}
	if n := v.recovered(); n > 0 {
		out += v.t(" Recovered since: "+number(n)+".", "其中 "+number(n)+" 项之后已成功。")
	}
	if n := len(v.digest.Covers); n > 1 {
		out += v.t(" It covers "+number(n)+" windows of quiet hours.", "含免打扰时段的 "+number(n)+" 个窗口。")
	}
	return out + v.signOns()
}

func (v *view) textGroup(b *strings.Builder, n int, g *Group) {
	b.WriteString(strconv.Itoa(n) + ". " + v.where(g.Connection, g.Scene, g.Kind) + v.t(": ", "：") + v.name(g.Class) + " × " + number(g.Count))
	if g.Recovered > 0 {
		b.WriteString(v.t(" (recovered since: "+number(g.Recovered)+")", "（之后已成功 "+number(g.Recovered)+"）"))
	}
	b.WriteByte('\n')
	if means := v.means(g.Class); means != "" {
		b.WriteString("   " + means + "\n")
	}
	for _, m := range g.Messages {
		b.WriteString("   × " + number(m.Count) + "  " + v.quoted(m.Code, m.Text) + "\n")
	}
	if g.Advice != "" {
		b.WriteString("   → " + g.Advice + "\n")
	}
}

func (v *view) textExamples(b *strings.Builder) {
	head := false
	for i := range v.digest.Examples {
		e := &v.digest.Examples[i]
		if !e.told() {
			continue
		}
		if !head {
			b.WriteString("\n" + v.t("Examples", "示例") + "\n")
			head = true
		}
		b.WriteString("- " + v.about(e) + "\n  " + v.detail(e) + "\n")
		if where := cmp.Or(e.URL, e.command()); where != "" {
			b.WriteString("  " + where + "\n")
		}
	}
	if n := v.untold(); head && n > 0 {
		b.WriteString(v.t("- and "+number(n)+" more", "- 另有 "+number(n)+" 项") + "\n")
	}
}

// command shows the record where there is no link to it.
func (e *Example) command() string {
	if e.URL != "" || !shellSafe(e.Record) {
		return ""
	}
	return "todosync " + pageOf(e.Kind) + " show " + e.Record
}

// detail is what there is to say of an example beside its todo.
func (v *view) detail(e *Example) string {
	out := v.where(e.Connection, e.Scene, e.Kind) + " · " + v.name(e.Class)
	if e.Code != "" || e.Message != "" {
		out += v.t(": ", "：") + v.quoted(e.Code, e.Message)
	}
	if tries := v.tries(e); tries != "" {
		out += " · " + tries
	}
	if e.Recovered {
		out += " · " + v.t("recovered since", "之后已成功")
	}
	return out
}

func (v *view) textMore(b *strings.Builder, n int) {
	if n > 0 {
		b.WriteString(v.t("- and "+number(n)+" more like these", "- 另有 "+number(n)+" 条同类") + "\n")
	}
}
