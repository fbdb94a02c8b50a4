package notify

import (
	"strings"
)

// A dialect is the Markdown of one vendor's chat, and how much of it a message may hold.
type dialect struct {
	most    int
	size    func(s string) int // of a piece, as the vendor counts; the size of two is the sum of theirs
	titled  bool               // the message has its title elsewhere
	heading func(s string) string
	section func(s string) string
	item    func(s string) string
	detail  func(s string) string // below an item
}

// How much of the room each part may fill, with those before it, in percent: a long list of causes must leave room for what waits.
const (
	outagesShare = 30
	groupsShare  = 75
	waitingShare = 85
)

// markdown is the digest for a chat: what matters most first, as much as there is room for, cut between lines only, the way to all of it at
// its end.
func (v *view) markdown(m dialect) string {
	d := v.digest
	end := v.markdownEnd(m)
	p := page{dialect: m, left: m.most - m.size(end)}
	if !m.titled {
		p.add(m.heading(escapeMarkdown("todosync · " + v.tenant() + v.t(": ", "：") + v.heading())))
	}
	p.add(escapeMarkdown(v.severity(d.Severity)+" · "+v.span()+v.t(" ("+v.zone.String()+")", "（"+v.zone.String()+"）")) + "\n\n")
	if d.Test {
		p.add(v.t("This is a sample. Nothing in it has happened.", "这是一份样例，其中内容并未发生。") + "\n\n")
	}
	p.add(escapeMarkdown(v.lead()) + "\n")
	part := func(title string, share, n int, lines func(i int) []string) {
		v.markdownPart(&p, markdownPart{title: title, keep: m.most * (100 - share) / 100, n: n, lines: lines})
	}
	part(v.t("OA systems", "OA 状态"), outagesShare, len(d.OAs), func(i int) []string {
		return []string{v.outage(&d.OAs[i]), d.OAs[i].Message}
	})
	part(v.t("What failed and why", "失败原因"), groupsShare, len(d.Groups), func(i int) []string { return v.markdownGroup(&d.Groups[i]) })
	part(v.t("Still waiting", "仍在等待"), waitingShare, len(d.Waiting), func(i int) []string { return []string{v.waits(&d.Waiting[i])} })
	var told []*Example
	for i := range d.Examples {
		if d.Examples[i].told() {
			told = append(told, &d.Examples[i])
		}
	}
	part(v.t("Examples", "示例"), 100, len(told), func(i int) []string { return []string{v.about(told[i]), v.detail(told[i])} })
	return p.b.String() + end
}

// markdownEnd is the way to the whole digest.
func (v *view) markdownEnd(dialect) string {
	if v.digest.URL == "" {
		return "\n" + v.t("All of it: ", "全文：") + escapeMarkdown("todosync digests show "+v.digest.ID)
	}
	return "\n[" + v.t("All of it", "查看全文") + "](" + v.digest.URL + ")"
}

// A markdownPart is one list of a message. keep is how much room it must leave.
type markdownPart struct {
	title string
	keep  int
	n     int
	lines func(i int) []string // an item and what is said below it; empty lines are left out
}

func (v *view) markdownPart(p *page, part markdownPart) {
	if part.n == 0 {
		return
	}
	more := func(n int) string { return p.dialect.item(v.t("and "+number(n)+" more", "另有 "+number(n)+" 条")) }
	room := p.left - part.keep - p.size(more(part.n))
	var b strings.Builder
	add := func(s string) bool {
		if n := p.size(s); n <= room {
			room -= n
			b.WriteString(s)
			return true
		}
		return false
	}
	shown := 0
	if !add(p.section(part.title)) {
		return
	}
	for ; shown < part.n; shown++ {
		lines := part.lines(shown)
		if !add(p.dialect.item(escapeMarkdown(lines[0]))) {
			break
		}
		for _, line := range lines[1:] {
			if line != "" {
				add(p.dialect.detail(escapeMarkdown(line)))
			}
		}
	}
	if shown < part.n {
		b.WriteString(more(part.n - shown))
	}
	p.add(b.String())
}

// markdownGroup is a cause: what it is, what was said, what to do.
func (v *view) markdownGroup(g *Group) []string {
	head := v.where(g.Connection, g.Scene, g.Kind) + v.t(": ", "：") + v.name(g.Class) + " × " + number(g.Count)
	if g.Recovered > 0 {
		head += v.t(" (recovered since: "+number(g.Recovered)+")", "（之后已成功 "+number(g.Recovered)+"）")
	}
	out := []string{head}
	for _, m := range g.Messages {
		out = append(out, v.quoted(m.Code, m.Text)+" × "+number(m.Count))
	}
	if g.Advice != "" {
		out = append(out, "→ "+strings.ReplaceAll(g.Advice, "`", ""))
	}
	return out
}

// A page is a message that is being filled.
type page struct {
	dialect
	b    strings.Builder
	left int
}

// add writes a piece if there is room for it.
func (p *page) add(s string) {
	if n := p.size(s); n <= p.left {
		p.left -= n
		p.b.WriteString(s)
	}
}

// escapeMarkdown takes the meaning from all that Markdown, HTML and mentions are made of. The vendors' dialects do not agree on a
// backslash, so each such character becomes its wide sister, which looks the same and means nothing.
func escapeMarkdown(s string) string {
	s = strings.NewReplacer(
		"<", "＜", ">", "＞", "&", "＆", "[", "［", "]", "］", "*", "＊", "`", "｀", "~", "～", "|", "｜", "\\", "＼", "@", "＠",
	).Replace(s)
	if strings.HasPrefix(s, "#") {
		s = "＃" + s[1:]
	}
	return s
}
