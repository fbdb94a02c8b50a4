package draft

import (
	"slices"
	"strings"
	"unicode"
)

// A role is what a value is for, by its own name and sample; which placeholder that means may depend on the others.
type role uint8

const (
	noRole role = iota
	secretRole
	nonceRole
	linkRole
	timeRole
	recipientAccount
	recipientName
	recipientContact
	senderAccount
	senderName
	personAccount
	personName
	personEither // an account or a name, as the sample or the others say
	titleRole
	itemRole
	detailRole
	nodeRole
	flowName
	flowID
	instanceID
	taskID
	foreignID
	recordID
	plainID
	recordName
	objectName
	objectLabel
	tenantRole
	constRole
	openRole
)

// A finding is what was found of a leaf.
type finding struct {
	role role
	tags tag
	why  phrase // of constants and open questions
	weak bool   // by its sample alone
}

// roles are the tags that an object's name hands down to its members.
const handedDown = recipient | sender | person | task | flow | node | record | object | instance

// wrappers are names of objects that say nothing of their members.
var wrappers = []string{"data", "body", "request", "req", "param", "params", "message", "msg", "info", "list", "items", "item", "content", "root", "xml", "payload", "entity", "form", "record", "todo", "todos"}

// classify finds out what a leaf is for.
func classify(l *leaf) finding {
	name := strings.TrimPrefix(l.name(), "@")
	f := byName(name, meaning(name), inherited(l), l)
	if l.where == inHeader {
		return ofHeader(l, f)
	}
	if f.role != noRole {
		return f
	}
	for _, other := range []string{clause(l.note), spoken(l.sample)} {
		if other == "" {
			continue
		}
		if f := byName(other, meaning(other), inherited(l), l); f.role != noRole {
			return f
		}
	}
	return bySample(l, meaning(name))
}

// ofHeader judges a header: it lets in, tells requests apart or says when; what a todo says stands elsewhere. A long value of letters and
// digits is taken for a credential, whatever it is called.
func ofHeader(l *leaf, f finding) finding {
	switch {
	case f.role == secretRole, f.role == nonceRole, f.role == timeRole:
		return f
	case meaning(l.name())&ident != 0 && (strings.Contains(strings.ToLower(l.name()), "request") || strings.Contains(strings.ToLower(l.name()), "trace")):
		f.role = nonceRole
	case opaque(l.sample):
		f.role = secretRole
	default:
		f.role, f.why = constRole, say("a header, the same for all todos", "请求头，所有待办相同")
	}
	return f
}

// opaque reports whether a value looks like one that a machine has made up: long, without blanks, letters and digits mixed.
func opaque(s string) bool {
	const least = 12
	return len(s) >= least && strings.ContainsAny(s, "0123456789") && strings.ContainsFunc(s, unicode.IsLetter) && !strings.ContainsAny(s, " ,;/.=") ||
		shapeOf(s) == tokenShape || len(s) >= least && hexID.MatchString(s)
}

// clause is the part of a comment that names the field: up to the first sign that ends it.
func clause(note string) string {
	if i := strings.IndexAny(note, ",，。；;(（:：、\n"); i > 0 {
		note = note[:i]
	}
	const most = 60
	if len(note) > most {
		return ""
	}
	return note
}

// inherited is what the objects around a value say of it.
func inherited(l *leaf) tag {
	var sum tag
	parents := l.path[:max(0, len(l.path)-1)]
	for i := range min(2, len(parents)) {
		name := parents[len(parents)-1-i]
		if slices.Contains(wrappers, strings.ToLower(name)) {
			continue
		}
		m := meaning(name) & handedDown
		if sum&(recipient|sender) != 0 {
			m &^= recipient | sender
		}
		sum |= m
		if sum != 0 {
			break
		}
	}
	return sum
}

func byName(name string, m, above tag, l *leaf) finding {
	spelled := words(name)
	has := func(word string) bool { return slices.Contains(spelled, word) }
	any := func(t tag) bool { return m&t != 0 }
	if has("key") && (has("api") || has("app") || has("access") || has("secret") || has("private") || has("auth") || has("license")) || has("ak") || has("sk") {
		m |= secret
	}
	if has("order") && any(ident|named) {
		m = m&^flag | record
	}
	// A name such as id or name means what it is of.
	if m&^(ident|named|account|kind) == 0 {
		m |= above
	} else if m&(recipient|sender) == 0 && m&(person|account|named|contact|unit) != 0 {
		m |= above & (recipient | sender)
	}
	found := func(r role) finding { return finding{role: r, tags: m} }
	keep := func(en, zh string) finding { return finding{role: constRole, tags: m, why: say(en, zh)} }
	switch {
	case m == 0:
		return finding{tags: m}
	case any(secret) && !any(kind|moment|due|flag):
		return found(secretRole)
	case l.shape == tokenShape:
		return found(secretRole)
	case any(unique):
		return found(nonceRole)
	case any(callback):
		return keep("where the OA calls back is set by hand", "回调地址需自行填写")
	case any(image):
		return keep("a picture, the same for all todos", "图片，所有待办相同")
	case any(link) && !any(contact) || l.shape == urlShape && !any(system):
		return found(linkRole)
	case l.shape == objectShape && !any(person|recipient|sender):
		return found(objectName)
	case any(moment) && !any(kind), l.shape == timeShape && !strings.HasPrefix(timePattern(l.sample), "epoch") && !any(ident|person|account),
		l.shape == timeShape && any(clock|due|made|ended) && !any(ident|person|account):
		return found(timeRole)
	}
	if any(kind) {
		if any(object|record) && sentenceLike(l.sample) {
			return found(objectLabel)
		}
		return keep("a type as the OA names it", "由 OA 定义的类型")
	}
	if any(status) && !any(person|recipient|sender|ident) {
		return keep("a state as the OA numbers it; it belongs to this scene", "由 OA 定义的状态值，属于本场景")
	}
	if any(flag) && !any(headline|account) {
		return keep("a switch or a level", "开关或级别")
	}
	if any(unit) {
		return finding{role: openRole, tags: m, why: say("the catalogue has no department or post: define a field with a path in the event, such as todo.ext.dept", "字段目录中没有部门或岗位：可自定义字段，指向事件中的路径，如 todo.ext.dept")}
	}
	if r := personal(m, has, l); r != noRole {
		return found(r)
	}
	return finding{role: thing(m, spelled, l), tags: m, why: say("it names the system that sends: as the OA's administrator has registered it", "标识来源系统：以 OA 管理员登记的为准")}
}

func sentenceLike(s string) bool { return shapeOf(s) == textShape || shapeOf(s) == personShape }

// personal is the role of a name that speaks of a person.
func personal(m tag, has func(string) bool, l *leaf) role {
	any := func(t tag) bool { return m&t != 0 }
	all := func(t tag) bool { return m&t == t }
	switch {
	case all(made) && !any(moment) && (has("by") || any(person)), any(flow) && any(person) && has("request"):
		m |= sender
	case any(ended) && any(person|account):
		m |= recipient
	}
	if any = func(t tag) bool { return m&t != 0 }; all(recipient | sender) {
		if has("to") || has("target") {
			m &^= sender
		} else {
			m &^= recipient
		}
	}
	if !any(recipient | sender | person | account) {
		if any(contact) {
			return recipientContact
		}
		return noRole
	}
	if any(system) && !any(person|account|recipient) || any(task|flow|record|node) && any(ident|named) && !any(recipient|sender|person|account) {
		return noRole
	}
	name := any(named) && !any(account) && !(any(person) && has("login"))
	either := name && any(person) && l.shape != personShape // userName may be either
	if !any(named|ident|account) && l.shape == personShape {
		name = true
	}
	switch {
	case any(contact) && any(recipient|person):
		return recipientContact
	case any(sender) && (either && l.shape == accountShape):
		return senderAccount
	case any(sender) && name:
		return senderName
	case any(sender):
		return senderAccount
	case any(recipient) && name && !(either && l.shape == accountShape):
		return recipientName
	case any(recipient):
		return recipientAccount
	case either && !has("cn") && !has("en") && !has("real") && !has("full") && !has("nick"):
		return personEither
	case name:
		return personName
	}
	return personAccount
}

// thing is the role of a name that speaks of no person.
func thing(m tag, spelled []string, l *leaf) role {
	any := func(t tag) bool { return m&t != 0 }
	numbered := slices.ContainsFunc(spelled, func(w string) bool {
		return slices.Contains([]string{"no", "number", "num", "code", "sn", "bianhao", "bianma", "danhao"}, w) || strings.HasSuffix(w, "号") || strings.HasSuffix(w, "编码") ||
			strings.HasSuffix(w, "no") && len(w) > len("no")
	})
	has := func(word string) bool { return slices.Contains(spelled, word) }
	switch {
	case any(headline) && any(item):
		return itemRole
	case any(headline):
		return titleRole
	case any(tenant):
		return tenantRole
	case any(instance) && any(ident):
		return instanceID
	case any(node) && any(ident):
		return openRole
	case any(node):
		return nodeRole
	case any(task) && any(ident):
		return taskID
	case any(task|item) && any(named) && !any(object|record):
		return titleRole
	case any(foreign) && any(ident):
		return foreignID
	case any(flow) && any(ident):
		return flowID
	case any(flow) && any(named) && has("requestname"), any(flow) && any(named) && has("request"):
		return titleRole
	case any(flow) && (any(named) || sentenceLike(l.sample)):
		return flowName
	case any(record) && any(ident) && numbered, any(record) && any(named):
		return recordName
	case any(system | group):
		return constRole
	case any(record) && any(ident):
		return recordID
	case any(object) && has("apiname"), any(object) && has("api"):
		return objectName
	case any(object) && any(ident):
		return recordID
	case any(object) && any(named) && (has("object") || has("obj")):
		return objectLabel
	case any(object):
		return constRole
	case any(ident):
		return plainID
	case any(detail):
		return detailRole
	case any(item), any(named) && sentence(l.sample):
		return titleRole
	}
	return noRole
}

// bySample is what a value says whose name says nothing.
func bySample(l *leaf, m tag) finding {
	f := finding{tags: m, weak: true}
	switch l.shape {
	case urlShape:
		f.role = linkRole
	case objectShape:
		f.role = objectName
	case tokenShape:
		f.role = secretRole
	case timeShape:
		if !strings.HasPrefix(timePattern(l.sample), "epoch") || timePattern(l.sample) == "epochMillis" {
			f.role = timeRole
		}
	case idShape:
		f.role = plainID
	case personShape:
		f.role = personName
	case numberShape, switchShape:
		f.role, f.why = constRole, say("a number or switch that looks the same for all todos", "数字或开关，看起来对所有待办都相同")
	case textShape, accountShape, blankShape:
	}
	if f.role == noRole && len(l.sample) > 1 && l.sample[0] == '/' && strings.ContainsAny(l.sample[1:], "/?") {
		f.role = linkRole
	}
	if f.role != noRole {
		return f
	}
	f.role = openRole
	switch {
	case l.sample == "" && l.note == "":
		f.role, f.why = constRole, say("empty in the sample", "样例中为空")
	case l.shape == blankShape:
		f.why = say("neither its name nor the sample say what belongs here", "名称和样例都看不出应填什么")
	case sentence(l.sample):
		f.why = say("a text that its name does not explain: one for all todos, or a field of the event?", "名称无法解释的文本：是固定文字，还是事件中的字段？")
	default:
		f.role, f.why = constRole, say("its name says nothing that the CRM has: kept from the sample", "名称与 CRM 字段无对应：保留样例值")
	}
	return f
}
