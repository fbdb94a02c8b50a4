package draft

import (
	"slices"
	"strings"
	"unicode/utf8"

	"todosync/mapping"
)

// A guesser decides what stands on the right side of each field of one request.
type guesser struct {
	leaves []*leaf
	vendor *vendor
	found  map[*leaf]finding
	secret func(l *leaf, what string) // makes a leaf a secret
}

// known reports whether a code is of the catalogue.
func known(code string) bool { return labelOf(code) != phrase{} }

// labelOf is what the catalogue calls a placeholder.
func labelOf(code string) phrase {
	for _, f := range mapping.Catalogue() {
		if f.Code == code {
			return say(f.LabelEN, f.LabelZH)
		}
	}
	return phrase{}
}

// guess goes through the leaves: what the vendor's manual says, then what names and samples say, then what the fields say of each other.
func (g *guesser) guess() {
	g.found = map[*leaf]finding{}
	for _, l := range g.leaves {
		switch {
		case placed(l.sample):
			l.fill(Sure, say("the sample has the placeholder already", "样例中已是占位符"), hole(l.sample))
			continue
		case l.verdict != undecided:
			continue
		}
		if g.vendor != nil && g.vendor.fill(l) {
			if l.verdict == hidden {
				l.verdict, l.pieces = undecided, nil
				g.secret(l, l.name())
			}
			continue
		}
		g.found[l] = classify(l)
	}
	g.secrets()
	g.links()
	g.times()
	g.people()
	g.ids()
	g.words()
	g.rest()
	g.neighbours()
}

// each calls do for the undecided leaves of a role, in order.
func (g *guesser) each(r role, do func(l *leaf, f finding)) {
	for _, l := range g.leaves {
		if f, ok := g.found[l]; ok && l.verdict == undecided && f.role == r {
			do(l, f)
		}
	}
}

// holds reports whether a value has become a placeholder.
func (l *leaf) holds(code string) bool {
	return slices.ContainsFunc(l.pieces, func(p piece) bool { return p.hole && strings.Contains(p.text, "#"+code) })
}

// some reports whether any value has become a placeholder.
func (g *guesser) some(code string) bool {
	return slices.ContainsFunc(g.leaves, func(l *leaf) bool { return l.holds(code) })
}

// sureness of a guess: less when the sample alone speaks for it.
func (f finding) sureness() Sureness {
	if f.weak {
		return Perhaps
	}
	return Likely
}

// means fills in a placeholder because of what the name means, with what the sample adds.
func (g *guesser) means(l *leaf, code string, f finding) {
	label := labelOf(code)
	why := say("“"+l.name()+"” means "+label.en, "“"+l.name()+"” 表示"+label.zh)
	switch {
	case f.weak:
		why = say("the sample looks like it: "+label.en, "从样例看像是"+label.zh)
	case meaning(strings.TrimPrefix(l.name(), "@")) == 0 && l.note != "":
		why = say("the manual's note says "+label.en+": "+clause(l.note), "说明文字表示"+label.zh+"："+clause(l.note))
	case meaning(strings.TrimPrefix(l.name(), "@")) == 0 && spoken(l.sample) != "":
		why = say("the sample “"+l.sample+"” names "+label.en, "样例 “"+l.sample+"” 表示"+label.zh)
	}
	l.fill(f.sureness(), why, hole("#"+code))
}

func (g *guesser) secrets() {
	g.each(secretRole, func(l *leaf, _ finding) {
		if l.sample == "" && l.where == inBody && meaning(l.name())&secret == 0 {
			return
		}
		g.secret(l, l.name())
	})
	// The user of a password beside it is no person of the CRM.
	for _, l := range g.leaves {
		f := g.found[l]
		if l.verdict != undecided || f.tags&(person|account) == 0 || f.tags&(recipient|sender) != 0 {
			continue
		}
		if slices.ContainsFunc(g.leaves, func(o *leaf) bool {
			return o.verdict == hidden && beside(l, o) && meaning(o.name())&secret != 0 && passwordLike(o.name())
		}) {
			g.secret(l, l.name())
			l.reason = say("the user of the password beside it", "与旁边密码配套的用户")
		}
	}
	g.each(nonceRole, func(l *leaf, _ finding) {
		l.fill(Likely, say("new for each call, by its name", "从名称看每次调用都不同"), hole("${uuid}"))
	})
}

func passwordLike(name string) bool {
	n := strings.ToLower(name)
	return strings.Contains(n, "pass") || strings.Contains(n, "pwd") || strings.Contains(n, "mima") || strings.Contains(n, "密码")
}

// beside reports whether two values are members of one object.
func beside(a, b *leaf) bool {
	return a.where == b.where && len(a.path) == len(b.path) && slices.Equal(a.path[:len(a.path)-1], b.path[:len(b.path)-1])
}

func (g *guesser) links() {
	onPhone, onDesk := g.some("F118"), g.some("F117")
	g.each(linkRole, func(l *leaf, f finding) {
		switch {
		case f.tags&desktop != 0 && f.tags&mobile == 0:
			g.means(l, "F117", f)
			onDesk = true
		case f.tags&mobile != 0 && f.tags&desktop == 0:
			g.means(l, "F118", f)
			onPhone = true
		}
	})
	g.each(linkRole, func(l *leaf, f finding) {
		switch {
		case onDesk && !onPhone:
			g.means(l, "F118", f)
			l.reason = say("an address beside that for PCs", "与 PC 地址并列的地址")
			onPhone = true
		default:
			g.means(l, "F117", f)
		}
	})
}

func (g *guesser) times() {
	g.each(timeRole, func(l *leaf, f finding) {
		l.format = timePattern(l.sample)
		if l.format == "" {
			l.format = patternIn(l)
		}
		epoch := strings.HasPrefix(l.format, "epoch")
		switch {
		case f.tags&due != 0:
			g.means(l, "F107", f)
		case f.tags&ended != 0:
			g.means(l, "F115", f)
		case f.tags&clock != 0 || epoch && f.tags&(made|sender) == 0 && f.tags&moment == 0:
			g.means(l, "F126", f)
			if l.format == "" {
				l.format = "epochMillis"
			}
		default:
			g.means(l, "F009", f)
		}
	})
}

// patternIn looks for a format in what is said of a field.
func patternIn(l *leaf) string {
	forms := timeForms()
	slices.SortStableFunc(forms, func(a, b struct{ layout, pattern string }) int { return len(b.pattern) - len(a.pattern) })
	for _, f := range forms {
		if f.pattern != "rfc3339" && strings.Contains(strings.ToLower(l.note), strings.ToLower(f.pattern)) {
			return f.pattern
		}
	}
	switch {
	case strings.Contains(l.note, "毫秒") || strings.Contains(l.note, "millisecond"):
		return "epochMillis"
	case l.typ == "dateTime":
		return "yyyy-MM-dd'T'HH:mm:ss"
	case l.typ == "date":
		return "yyyy-MM-dd"
	case l.typ == "long":
		return "epochMillis"
	}
	return ""
}

func (g *guesser) people() {
	g.each(recipientAccount, func(l *leaf, f finding) { g.means(l, "F001", f) })
	g.each(recipientName, func(l *leaf, f finding) { g.means(l, "F102", f) })
	g.each(senderAccount, func(l *leaf, f finding) { g.means(l, "F049", f) })
	g.each(senderName, func(l *leaf, f finding) { g.means(l, "F054", f) })
	has := g.some("F001")
	lone := func(l *leaf, f finding) {
		switch {
		case has && g.sameAs(l, "F001"), !has:
			g.means(l, "F001", f)
			l.reason = say("“"+l.name()+"” names a person, and no other field names the receiver", "“"+l.name()+"” 指一个人，且没有其他字段指接收人")
			has = true
		case has && !g.some("F049"):
			l.fill(Perhaps, say("“"+l.name()+"” names a person beside the receiver: the sender?", "“"+l.name()+"” 是接收人之外的另一人：发送人？"), hole("#F049"))
		default:
			l.ask(say("it names a person: which one?", "指一个人：是哪一位？"))
		}
	}
	before := has
	for _, l := range g.leaves { // several fields of one person are all his
		if f, ok := g.found[l]; ok && l.verdict == undecided && f.role == personAccount {
			if !before {
				has = false
			}
			lone(l, f)
		}
	}
	g.each(personEither, func(l *leaf, f finding) {
		if account := slices.ContainsFunc(g.leaves, func(o *leaf) bool { return beside(l, o) && (o.holds("F001") || o.holds("F049")) }); account || has {
			f.role = personName
			g.found[l] = f
			return
		}
		lone(l, f)
	})
	g.each(personName, func(l *leaf, f finding) {
		theirs := slices.ContainsFunc(g.leaves, func(o *leaf) bool { return beside(l, o) && o.holds("F001") })
		mine := slices.ContainsFunc(g.leaves, func(o *leaf) bool { return beside(l, o) && o.holds("F049") })
		switch {
		case f.weak:
			l.ask(say("the sample looks like a person's name: the sender's (#F054) or the receiver's (#F102)?", "样例像人名：是发送人(#F054)还是接收人(#F102)？"))
		case mine && !theirs:
			g.means(l, "F054", f)
		default:
			g.means(l, "F102", f)
		}
	})
	g.each(recipientContact, func(l *leaf, f finding) {
		if g.some("F001") {
			l.ask(say("the catalogue has no phone or mail address: define a field with a path in the event, or leave it empty", "字段目录中没有电话或邮箱：可自定义字段指向事件中的路径，或留空"))
			return
		}
		g.means(l, "F001", f)
		l.sureness, l.reason = Perhaps, say("the OA knows people by phone or mail, it seems: bind them by that", "看来 OA 以电话或邮箱识别人员：请按此绑定")
	})
}

// sameAs reports whether a value has the same sample as one that became a placeholder.
func (g *guesser) sameAs(l *leaf, code string) bool {
	return len(l.sample) > 1 && slices.ContainsFunc(g.leaves, func(o *leaf) bool { return o != l && o.sample == l.sample && o.holds(code) })
}

func (g *guesser) ids() {
	// The todo's id is what is called so; else the best of what may be.
	if !g.some("F123") {
		for _, r := range []role{taskID, foreignID, flowID, recordID, plainID} {
			n := 0
			g.each(r, func(*leaf, finding) { n++ })
			if n == 0 {
				continue
			}
			first := true
			g.each(r, func(l *leaf, f finding) {
				if r != taskID && !first {
					return
				}
				first = false
				f.weak = f.weak || r == plainID && meaning(l.name())&^ident != 0
				g.todoID(l, f)
			})
			break
		}
	}
	g.each(taskID, g.todoID)
	g.each(instanceID, func(l *leaf, f finding) { g.means(l, "F113", f) })
	g.each(flowID, func(l *leaf, f finding) { g.means(l, "F113", f) })
	g.each(recordID, func(l *leaf, f finding) { g.means(l, "F015", f) })
	g.each(foreignID, func(l *leaf, f finding) { g.means(l, "F015", f); l.sureness = Perhaps })
	g.each(plainID, func(l *leaf, f finding) {
		if l.bare || l.shape == numberShape || f.weak && l.shape != idShape {
			l.keep(say("kept from the sample", "保留样例值"))
			return
		}
		l.ask(say("it looks like an id: of the record (#F015), of the workflow (#F113), or one that you register?", "看起来是标识：记录(#F015)、流程实例(#F113)，还是登记值？"))
	})
	g.each(objectName, func(l *leaf, f finding) { g.means(l, "F037", f) })
	g.each(objectLabel, func(l *leaf, f finding) { g.means(l, "F104", f) })
	g.each(recordName, func(l *leaf, f finding) { g.means(l, "F053", f) })
	g.each(tenantRole, func(l *leaf, f finding) { g.means(l, "F028", f); l.sureness = Perhaps })
}

// todoID puts the todo's external id in, with the receiver's account where two receivers would share the id.
func (g *guesser) todoID(l *leaf, f finding) {
	g.means(l, "F123", f)
	one, several := "", false
	for _, o := range g.leaves {
		if o.holds("F001") {
			one, several = o.sample, several || o.listed
		}
	}
	switch {
	case !g.some("F001"):
	case len(one) > 2 && one != l.sample && strings.Contains(l.sample, one):
		l.fill(Sure, say("the sample's id ends with the receiver's account: one id per receiver", "样例中的标识带有接收人账号：每个接收人一个标识"), hole("#F123"), literal("_"), hole("#F001"))
	case !several && !l.bare && (g.vendor == nil || g.vendor.ownID):
		l.fill(f.sureness(), say("“"+l.name()+"” is the todo's id; the account behind it tells several receivers of one todo apart", "“"+l.name()+"” 是待办标识；后接账号以区分同一待办的多个接收人"), hole("#F123"), literal("_"), hole("#F001"))
	}
}

func (g *guesser) words() {
	titled := g.some("F055")
	g.each(itemRole, func(l *leaf, f finding) { g.means(l, "F056", f) })
	g.each(titleRole, func(l *leaf, f finding) {
		if titled && !g.sameAs(l, "F055") {
			g.means(l, "F056", f)
			l.sureness, l.reason = Perhaps, say("a second title", "第二个标题")
			return
		}
		g.means(l, "F055", f)
		titled = true
	})
	g.each(nodeRole, func(l *leaf, f finding) { g.means(l, "F112", f) })
	g.each(flowName, func(l *leaf, f finding) { g.means(l, "F111", f) })
	detailed := g.some("F108")
	for _, first := range []bool{true, false} { // content goes before remarks
		g.each(detailRole, func(l *leaf, f finding) {
			if main := !slices.ContainsFunc(words(l.name()), func(w string) bool {
				return strings.HasPrefix(w, "remark") || w == "memo" || w == "beizhu" || w == "备注"
			}); main != first {
				return
			}
			switch {
			case g.labelled(l):
			case detailed && l.shape == blankShape:
				l.keep(say("empty in the sample, and another field has the content", "样例中为空，且内容已在其他字段"))
			case detailed:
				l.ask(say("a second text beside the content", "内容之外的另一段文本"))
			case titled || f.tags&headline == 0:
				g.means(l, "F108", f)
				detailed = true
			}
		})
	}
}

// labelled keeps a label such as 提交人: within a text and puts the placeholder behind it.
func (g *guesser) labelled(l *leaf) bool {
	for _, sign := range []string{"：", ":"} {
		label, rest, found := strings.Cut(l.sample, sign)
		if !found || utf8.RuneCountInString(label) > 8 || strings.ContainsAny(rest, "：:,，;；\n") {
			continue
		}
		code := ""
		switch m := meaning(label); {
		case m&sender != 0:
			code = "F054"
		case m&recipient != 0:
			code = "F102"
		case m&node != 0:
			code = "F112"
		case m&flow != 0:
			code = "F111"
		default:
			continue
		}
		space := rest[:len(rest)-len(strings.TrimLeft(rest, " "))]
		l.fill(Likely, say("the text says what stands behind its label: "+labelOf(code).en, "文本标签表明其后为"+labelOf(code).zh), literal(label+sign+space), hole("#"+code))
		return true
	}
	return false
}

func (g *guesser) rest() {
	for _, l := range g.leaves {
		f := g.found[l]
		if l.verdict != undecided {
			continue
		}
		switch {
		case f.role == constRole && l.shape == blankShape && l.sample != "":
			l.ask(f.why)
		case f.role == constRole:
			l.keep(f.why)
		case f.why != phrase{}:
			l.ask(f.why)
		default:
			l.ask(say("nothing in the catalogue fits for certain", "字段目录中没有确定对应的字段"))
		}
	}
}

// neighbours looks for samples of known fields within texts that stay: who is called 李四 in one field is so in another.
func (g *guesser) neighbours() {
	for _, l := range g.leaves {
		if l.verdict != constant && l.verdict != open || l.shape == blankShape || l.shape == numberShape || l.shape == switchShape {
			continue
		}
		for _, o := range g.leaves {
			if o == l || o.verdict != filled || len(o.pieces) != 1 || o.format != "" || o.shape == blankShape || utf8.RuneCountInString(o.sample) < 2 {
				continue
			}
			before, after, found := strings.Cut(l.sample, o.sample)
			if !found || l.where == inHeader || before+after != "" && (o.shape == numberShape || len(o.sample) < 4) {
				continue
			}
			why := say("the same value as “"+o.name()+"” in the sample", "与样例中的 “"+o.name()+"” 取值相同")
			if before+after != "" {
				why = say("it contains the value of “"+o.name()+"”", "包含 “"+o.name()+"” 的取值")
			}
			pieces := []piece{hole(o.pieces[0].text)}
			if before != "" {
				pieces = append([]piece{literal(before)}, pieces...)
			}
			if after != "" {
				pieces = append(pieces, literal(after))
			}
			l.fill(Likely, why, pieces...)
			break
		}
	}
}
