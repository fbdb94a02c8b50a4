package notify

import (
	_ "embed" // the page of a mail
	"html/template"
	"strings"

	"todosync/connector"
)

//go:embed mail.html
var mailSource string

// A mailView is what the page of a mail is filled with.
type mailView struct {
	Lang, ID, URL, Title, Heading, Tenant, Severity, Span, TestNote, Lead string
	Colour                                                                template.CSS
	Labels                                                                mailLabels
	OAs                                                                   []mailOutage
	Groups                                                                []mailGroup
	Waiting                                                               []string
	Examples                                                              []mailExample
	MoreOAs, MoreGroups, MoreWaiting, MoreExamples                        string
}

type mailLabels struct{ OAs, Groups, Waiting, Examples, All, Colon, Foot string }

type mailOutage struct {
	Text, Said string
	Over       bool
}

type mailGroup struct {
	Class, Where, Count, Means, Recovered string
	Messages                              []mailMessage
	Advice                                []mailPiece
}

// A mailPiece is words, or a command among them.
type mailPiece struct {
	Text    string
	Command bool
}

type mailMessage struct{ Count, Text string }

type mailExample struct{ About, Detail, URL, Command string }

// HTML is a digest as mails show it: a page of its own that loads nothing.
func HTML(d *Digest) (string, error) { return newView(d).html() }

// html is the digest as a page for mail clients: tables, styles in place, nothing from elsewhere.
func (v *view) html() (string, error) {
	d := v.digest
	m := mailView{
		Lang: "zh-CN", ID: d.ID, URL: d.URL, Title: d.Title, Heading: v.heading(), Tenant: v.tenant(), Severity: v.severity(d.Severity),
		Span: v.span() + v.t(" ("+v.zone.String()+")", "（"+v.zone.String()+"）"), Lead: v.lead(), Colour: colour(d.Severity), Labels: v.mailLabels(),
		MoreOAs: v.more(len(d.OAs) - shownOutages), MoreGroups: v.more(len(d.Groups) - shownGroups), MoreWaiting: v.more(len(d.Waiting) - shownWaiting),
		MoreExamples: v.more(v.untold()),
	}
	if d.Language == connector.English {
		m.Lang = "en"
	}
	if d.Test {
		m.TestNote = v.t("This is a sample. Nothing in it has happened.", "这是一份样例，其中内容并未发生。")
	}
	for i := range d.OAs[:min(len(d.OAs), shownOutages)] {
		o := &d.OAs[i]
		m.OAs = append(m.OAs, mailOutage{v.outage(o), o.Message, o.Until != nil})
	}
	for i := range d.Groups[:min(len(d.Groups), shownGroups)] {
		m.Groups = append(m.Groups, v.mailGroup(&d.Groups[i]))
	}
	for i := range d.Waiting[:min(len(d.Waiting), shownWaiting)] {
		m.Waiting = append(m.Waiting, v.waits(&d.Waiting[i]))
	}
	for i := range d.Examples {
		if e := &d.Examples[i]; e.told() {
			m.Examples = append(m.Examples, mailExample{v.about(e), v.detail(e), e.URL, e.command()})
		}
	}
	page, err := template.New("mail").Parse(mailSource)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := page.Execute(&b, m); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (v *view) mailLabels() mailLabels {
	return mailLabels{
		OAs: v.t("OA systems", "OA 状态"), Groups: v.t("What failed and why", "失败原因"), Waiting: v.t("Still waiting", "仍在等待"),
		Examples: v.t("Examples", "示例"), All: v.t("All of it", "查看全文"), Colon: v.t(": ", "："),
		Foot: v.t("Sent by todosync, once for each window in which something failed. Who is told, how often and when not stands in the tenant's settings, under notify.",
			"由 todosync 发送：每个有失败的时间窗口一封。接收人、频率与免打扰时段见租户设置的 notify。"),
	}
}

func (v *view) mailGroup(g *Group) mailGroup {
	m := mailGroup{
		Class: v.name(g.Class), Where: v.where(g.Connection, g.Scene, g.Kind), Count: number(g.Count), Means: v.means(g.Class),
	}
	for i, piece := range strings.Split(g.Advice, "`") {
		if piece != "" {
			m.Advice = append(m.Advice, mailPiece{piece, i%2 == 1})
		}
	}
	if g.Recovered > 0 {
		m.Recovered = v.t("Recovered since: ", "之后已成功：") + number(g.Recovered)
	}
	for _, said := range g.Messages {
		m.Messages = append(m.Messages, mailMessage{number(said.Count), v.quoted(said.Code, said.Text)})
	}
	return m
}

// more says how many there are beyond what is shown; empty where that is all.
func (v *view) more(n int) string {
	if n <= 0 {
		return ""
	}
	return v.t("and "+number(n)+" more", "另有 "+number(n)+" 条")
}

// colour is that of the bar on top: one that bears white letters on light and dark grounds.
func colour(s connector.Severity) template.CSS {
	switch s {
	case connector.SeverityCritical:
		return "#b42318"
	case connector.SeverityError:
		return "#b54708"
	case connector.SeverityWarning:
		return "#8a6100"
	case connector.SeverityInfo:
	}
	return "#1f7a4d"
}
