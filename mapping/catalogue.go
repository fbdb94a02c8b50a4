package mapping

import (
	"strconv"
	"strings"
)

// A CatalogueField describes a built-in placeholder, for the editor and for explanations.
type CatalogueField struct {
	Code     string `json:"code"`    // F012
	LabelZH  string `json:"labelZh"` // 待办ID
	LabelEN  string `json:"labelEn"` // todo id
	From     string `json:"from"`    // where the value comes from: a path in the event, or words
	Time     bool   `json:"time,omitempty"`
	Receiver bool   `json:"receiver,omitempty"` // differs from receiver to receiver
	Example  string `json:"example,omitempty"`  // a value as an event may bring it
}

// A builtin is a placeholder of the catalogue: its description, and what to read.
type builtin struct {
	CatalogueField
	read readKind
	path []string // of readObject: below the event's object
}

// A readKind says which part of a scope a built-in placeholder reads.
type readKind uint8

const (
	readObject readKind = iota + 1
	readTenant
	readConnection
	readScene
	readEventID
	readEventTime
	readDelivery
	readRemoteID
	readExternalID
	readTries
	readTryTime
	readSignOnPC
	readSignOnMobile
	readReceiverAccount
	readReceiverID
	readReceiverName
	readReceiverOAName
	readSenderAccount
	readSenderOAName
)

// builtins is the catalogue in the order of its codes. It is never changed.
var builtins = []builtin{
	person("F001", "接收人的OA账号", "receiver's OA account", "the receiver's binding", readReceiverAccount, true),
	moment("F009", "待办创建时间", "creation time of the todo", "createdAt"),
	member("F012", "待办ID", "todo id", "id"),
	member("F015", "记录ID(dataId)", "record id (dataId)", "object.dataId"),
	told("F028", "企业账号(ei)", "tenant (ei)", "the event's subject", readTenant),
	member("F037", "对象apiName", "object apiName", "object.apiName"),
	person("F049", "发送人的OA账号", "sender's OA account", "the sender's binding", readSenderAccount, false),
	member("F053", "记录名称", "record name", "object.name"),
	member("F054", "发送人姓名", "sender's name", "sender.name"),
	member("F055", "待办标题", "todo title", "title"),
	member("F056", "待办事项标题", "todo item title", "itemTitle"),
	person("F101", "接收人的CRM用户ID", "receiver's CRM user id", "the receiver's id", readReceiverID, true),
	person("F102", "接收人姓名", "receiver's name", "the receiver's name", readReceiverName, true),
	member("F103", "发送人的CRM用户ID", "sender's CRM user id", "sender.id"),
	member("F104", "对象名称", "object label", "object.label"),
	member("F105", "待办类型", "todo type", "type"),
	member("F106", "待办状态", "todo status", "status"),
	moment("F107", "截止时间", "due time", "dueAt"),
	member("F108", "内容", "content", "content"),
	member("F109", "CRM地址(PC)", "CRM address, PC", "url"),
	member("F110", "CRM地址(手机)", "CRM address, mobile", "mobileUrl"),
	member("F111", "流程名称", "workflow name", "workflow.name"),
	member("F112", "流程节点", "workflow node", "workflow.node"),
	member("F113", "流程实例ID", "workflow instance id", "workflow.instanceId"),
	told("F114", "事件ID", "event id", "the event's id", readEventID),
	clock("F115", "事件时间", "event time", "the event's time", readEventTime),
	told("F116", "推送ID", "delivery id", "the delivery's id", readDelivery),
	told("F117", "待办的单点登录地址(PC)", "sign-on address of this todo, PC", "--public-url", readSignOnPC),
	told("F118", "待办的单点登录地址(手机)", "sign-on address of this todo, mobile", "--public-url", readSignOnMobile),
	told("F119", "OA返回的待办ID", "the id that the OA gave to this todo", "an earlier answer of the OA", readRemoteID),
	told("F120", "连接名称", "connection name", "the connection", readConnection),
	told("F121", "场景", "scene", "the delivery's scene", readScene),
	told("F122", "已尝试次数", "tries so far", "the delivery", readTries),
	told("F123", "外部ID", "external id", "the todo's id, with _2, _3 after each re-creation", readExternalID),
	person("F124", "接收人的OA姓名", "receiver's OA name", "the receiver's binding, else account, else name", readReceiverOAName, true),
	person("F125", "发送人的OA姓名", "sender's OA name", "the sender's binding, else account, else name", readSenderOAName, false),
	clock("F126", "本次尝试时间", "time of this try", "the clock, growing with every call of a todo", readTryTime),
}

func member(code, zh, en, path string) builtin {
	return builtin{
		CatalogueField: CatalogueField{Code: code, LabelZH: zh, LabelEN: en, From: path},
		read:           readObject, path: strings.Split(path, "."),
	}
}

func moment(code, zh, en, path string) builtin {
	b := member(code, zh, en, path)
	b.Time = true
	return b
}

func told(code, zh, en, from string, read readKind) builtin {
	return builtin{CatalogueField: CatalogueField{Code: code, LabelZH: zh, LabelEN: en, From: from}, read: read}
}

func clock(code, zh, en, from string, read readKind) builtin {
	b := told(code, zh, en, from, read)
	b.Time = true
	return b
}

func person(code, zh, en, from string, read readKind, receiver bool) builtin {
	b := told(code, zh, en, from, read)
	b.Receiver = receiver
	return b
}

// Catalogue lists the built-in placeholders in the order of their codes. Paths are below the event's object: todo,
// reminder or message.
func Catalogue() []CatalogueField {
	out := make([]CatalogueField, len(builtins))
	for i := range builtins {
		out[i] = builtins[i].CatalogueField
		out[i].Example = examples[out[i].Code]
	}
	return out
}

// examples are values of the built-in placeholders, all of one todo. It is never changed.
var examples = map[string]string{
	"F001": "hanmeimei", "F009": "2024-11-05 09:29:58", "F012": "67298f0c9b3c1a0001a2b3c4", "F015": "6729aa", "F028": "714439", "F037": "QuoteObj", "F049": "lilei",
	"F053": "Q-2024-118", "F054": "李雷", "F055": "待审批:报价单 Q-2024-118", "F056": "报价单审批", "F101": "1002", "F102": "韩梅梅", "F103": "1001", "F104": "报价单", "F105": "approval",
	"F106": "pending", "F107": "2024-11-06 18:00:00", "F108": "金额 10,000.00 & 折扣 <5%", "F109": "https://crm.example.com/todo/67298f0c", "F110": "https://m.crm.example.com/todo/67298f0c",
	"F111": "报价审批", "F112": "部门经理审批", "F113": "wf-91", "F114": "01JBXA7Q3M8Z", "F115": "2024-11-05 09:30:00", "F116": "01M7ZXRCX94Z1S9Y2PGR49MSDE",
	"F117": "https://todosync.example.com/oa/seeyon/714439/seeyon-hq/todo/QuoteObj/6729aa", "F118": "https://todosync.example.com/oa/seeyon/714439/seeyon-hq/todo/QuoteObj/6729aa?device=mobile",
	"F119": "OA-20241105-77", "F120": "seeyon-hq", "F121": "create", "F122": "1", "F123": "67298f0c9b3c1a0001a2b3c4", "F124": "韩梅梅", "F125": "李雷", "F126": "2024-11-05 09:30:01",
}

func builtinOf(code string) *builtin {
	for i := range builtins {
		if builtins[i].Code == code {
			return &builtins[i]
		}
	}
	return nil
}

// label is what a message calls a built-in placeholder.
func (b *builtin) label() string { return b.LabelZH + ", " + b.LabelEN }

// isCode reports whether s is F and exactly three digits.
func isCode(s string) bool {
	return len(s) == 4 && s[0] == 'F' && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// mayDefine reports what speaks against an own definition of a code.
func mayDefine(code string) error {
	if !isCode(code) {
		return mistake("%q is no code: want F and three digits, F200 to F999", "%q 不是编码：应为 F 加三位数字，F200 至 F999", code)
	}
	if b := builtinOf(code); b != nil {
		return mistake("#%s is built in (%s): define your own under F200 to F999", "#%s 是内置字段（%s）：自定义请用 F200 至 F999", code, b.label())
	}
	if n, _ := strconv.Atoi(code[1:]); n >= 100 && n < 200 {
		return mistake("#%s is reserved: define your own under F200 to F999", "#%s 为系统保留：自定义请用 F200 至 F999", code)
	}
	return nil
}

// suggestion is the known code that is nearest to an unknown one: with the fewest other digits, and of these the one whose
// number is nearest.
func (f *Fields) suggestion(code string) string {
	best, least := "", 0
	n, _ := strconv.Atoi(code[1:])
	consider := func(known string) {
		k, _ := strconv.Atoi(known[1:])
		if d := editDistance(code, known)*1000 + max(k-n, n-k); best == "" || d < least || d == least && known < best {
			best, least = known, d
		}
	}
	for i := range builtins {
		consider(builtins[i].Code)
	}
	for known := range f.defs {
		consider(known)
	}
	return best
}

// unknown says that a code stands for nothing here, and what to do.
func (f *Fields) unknown(code string) error {
	if n, _ := strconv.Atoi(code[1:]); n < 100 {
		return mistake("no such field here: codes up to F099 are the CRM's own, define it under fields; do you mean #%s?",
			"此处没有该字段：F099 以内为 CRM 自有编码，请在 fields 中定义；是否想写 #%s", f.suggestion(code))
	}
	return mistake("no such field; do you mean #%s?", "没有该字段，是否想写 #%s", f.suggestion(code))
}
