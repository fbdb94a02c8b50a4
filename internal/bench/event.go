package main

import (
	"fmt"
	"strings"
)

// serialDigits is the length of serial numbers in events and bodies.
const serialDigits = 8

// The marks by which the fake OA finds a serial number and a todo's in a body; see bodyTemplate.
var (
	serialMark = []byte(`"serial":"`)
	todoMark   = []byte(`"taskId":"`)
)

// bodyTemplate has 12 placeholders and makes bodies of about 600 bytes.
const bodyTemplate = `{"registerCode":"3004","taskId":"#F012","serial":"#F201","title":"#F054 #F055","senderName":"","state":"0",` +
	`"thirdSenderId":"#F103","thirdReceiverId":"#F001","creationDate":"#F009","content":"#F108","h5url":"#F110",` +
	`"url":"#F109","name":"#F053","object":"#F104"}`

const (
	usersPerTenant = 100
	eventSize      = 1000 // bytes
)

// A load says which events a run has. Every fourth event of a connection edits the todo that was created three before it.
type load struct {
	First   int `json:"first"`   // serial number
	Events  int `json:"events"`  // how many
	Tenants int `json:"tenants"` // each has one connection
}

func (l load) tenant(serial int) string { return tenantName((serial - l.First) % l.Tenants) }

func tenantName(i int) string { return fmt.Sprintf("bench%05d", i) }

// todo is the serial number of the event that created the todo which this event is about.
func (l load) todo(serial int) int {
	if back := serial - 3*l.Tenants; ((serial-l.First)/l.Tenants)%4 == 3 && back >= l.First {
		return back
	}
	return serial
}

// event gives the subject, the id and the payload of the event with a serial number.
func (l load) event(serial int) (subject, id string, payload []byte) {
	todo, action, version := l.todo(serial), "create", 1
	if todo != serial {
		action, version = "edit", 2
	}
	tenant := l.tenant(serial)
	id = fmt.Sprintf("evt-%0*d", serialDigits, serial)
	b := fmt.Appendf(make([]byte, 0, eventSize+64), `{"id":%q,"time":"2024-11-05T09:30:00+08:00","todo":{"id":"67298f0c9b3c1a00%0*d","version":%d,`+
		`"type":"approval","status":"pending","title":"待审批:报价单 Q-2024-%d","itemTitle":"报价单审批","content":"金额 10,000.00 & 折扣 <5%%>",`+
		`"createdAt":"2024-11-05T09:29:58+08:00","dueAt":"2024-11-06T18:00:00+08:00","url":"https://crm.example.com/todo/67298f0c",`+
		`"mobileUrl":"https://m.crm.example.com/todo/67298f0c","object":{"apiName":"QuoteObj","label":"报价单","dataId":"6729aa",`+
		`"name":"Q-2024-118"},"workflow":{"name":"报价审批","node":"部门经理审批","instanceId":"wf-91"},"sender":{"id":"user0","name":"李雷"},`+
		`"receivers":[{"id":"user%d","name":"韩梅梅","status":"pending"}],"ext":{"serial":"%0*d","amount":10000,"currency":"CNY"}}`,
		id, serialDigits, todo, version, serial, todo%usersPerTenant, serialDigits, serial)
	if more := eventSize - len(b) - len(`,"note":""}`); more > 0 {
		b = append(b, `,"note":"`+strings.Repeat("x", more)+`"`...)
	}
	return "crm." + tenant + ".todo." + action, id, append(b, '}')
}

// body is what a template would make of an event, with its serial number; the loops that do not render send it.
func plainBody(serial int) []byte {
	b := fmt.Appendf(nil, `{"registerCode":"3004","taskId":"67298f0c9b3c1a00%0*d","serial":"%0*d","title":"李雷 待审批:报价单 Q-2024-118","senderName":"",`+
		`"state":"0","thirdSenderId":"user0","thirdReceiverId":"account1","creationDate":"2024-11-05 09:29:58","content":"金额 10,000.00 & 折扣 <5%%>",`+
		`"h5url":"https://m.crm.example.com/todo/67298f0c","url":"https://crm.example.com/todo/67298f0c","name":"Q-2024-118","object":"报价单"}`,
		serialDigits, serial, serialDigits, serial)
	return b
}

// A connectionSpec is what differs among the connections of the runs.
type connectionSpec struct {
	oa          string // host:port
	concurrency int    // 0: the program's default
}

// connectionFile writes the connection files of n tenants, one connection each.
func connectionFile(n int, spec connectionSpec) []byte {
	var b strings.Builder
	for i := range n {
		limits := ""
		if spec.concurrency > 0 {
			limits = fmt.Sprintf("limits: {concurrency: %d}\n", spec.concurrency)
		}
		fmt.Fprintf(&b, "---\napiVersion: todosync/v1\nkind: Connection\ntenant: %s\nname: oa\nprotocol: rest\n"+
			"headers: {Content-Type: application/json;charset=UTF-8}\nresult: {codeName: code, msgName: message, successCode: \"0\"}\n"+
			"fields: {F201: {path: todo.ext.serial}}\n%sscenes:\n  create: &call\n    address: http://%s/c/%d\n    body: '%s'\n  edit: *call\n",
			tenantName(i), limits, spec.oa, i, bodyTemplate)
	}
	return []byte(b.String())
}

// bindingFile binds the users of a tenant.
func bindingFile() []byte {
	var b strings.Builder
	b.WriteString("connection,crm_user_id,crm_user_name,oa_account,oa_user_name\n")
	for u := range usersPerTenant {
		fmt.Fprintf(&b, "oa,user%d,韩梅梅,account%d,韩梅梅\n", u, u)
	}
	return []byte(b.String())
}
