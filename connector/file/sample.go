package file

import (
	"time"

	"todosync/connector"
	"todosync/mapping"
)

// sampleTime is when the sample event happened.
func sampleTime() time.Time { return time.Date(2024, 11, 5, 1, 30, 0, 0, time.UTC) }

// The sample events, one a kind. Their values hold what breaks a template that is not escaped well.
const (
	sampleObject = `{"id":"67298f0c9b3c1a0001a2b3c4","version":3,"type":"approval","status":"pending",` +
		`"title":"待审批：报价单 \"Q-2024-118\"","itemTitle":"报价单审批","content":"金额 10,000.00 & 折扣 <5%",` +
		`"createdAt":"2024-11-05T09:29:58+08:00","dueAt":"2024-11-06T18:00:00+08:00",` +
		`"url":"https://crm.example.com/todo/67298f0c","mobileUrl":"https://m.crm.example.com/todo/67298f0c",` +
		`"object":{"apiName":"QuoteObj","label":"报价单","dataId":"6729aa","name":"Q-2024-118"},` +
		`"workflow":{"name":"报价审批","node":"部门经理审批","instanceId":"wf-91"},` +
		`"sender":{"id":"1001","name":"李雷"},` +
		`"receivers":[{"id":"1002","name":"韩梅梅","status":"pending"},{"id":"1003","name":"Ann \"A\" <B> & Co"}],` +
		`"ext":{"amount":10000,"currency":"CNY"}}`
	sampleMessage = `{"id":"m-1","text":"您好 <\"&","author":"李雷","record":{"module":"Contacts","id":"12x7","name":"王芳"},` +
		`"to":["https://vk.com/id1"],"sender":{"id":"1001","name":"李雷"},"receivers":[{"id":"1002","name":"韩梅梅"}]}`
)

// samples make the scopes in which templates are tried. They are never changed.
type samples struct {
	docs map[connector.Kind]*mapping.Doc
}

// SampleEvent is the payload of the event that templates of a kind are tried with.
func SampleEvent(kind connector.Kind) []byte {
	inner := sampleObject
	if kind == connector.KindMessage {
		inner = sampleMessage
	}
	return []byte(`{"id":"01JBXA7Q3M8Z","time":"2024-11-05T09:30:00+08:00","` + string(kind) + `":` + inner + `}`)
}

// newSamples reads the sample event of each kind.
func newSamples() samples {
	docs := map[connector.Kind]*mapping.Doc{}
	for _, kind := range []connector.Kind{connector.KindTodo, connector.KindReminder, connector.KindMessage} {
		d, err := mapping.ParseDoc(SampleEvent(kind))
		if err != nil {
			panic("the sample event is not an event: " + err.Error()) // a constant of this file, held by a test
		}
		docs[kind] = d
	}
	return samples{docs: docs}
}

// scope gives what the templates of a scene may ask for: one receiver, or two where they go together.
func (s *samples) scope(scene connector.Scene, c *connector.Connection, as mapping.Receivers) *mapping.Scope {
	object, external := connector.KindTodo, "67298f0c9b3c1a0001a2b3c4"
	switch scene {
	case connector.SceneRemind:
		object, external = connector.KindReminder, "r-01JBXA7Q3M8Z"
	case connector.SceneMessage:
		object, external = connector.KindMessage, "m-1"
	default:
	}
	out := &mapping.Scope{
		Event: s.docs[object], Object: string(object), Tenant: c.Tenant, Connection: c.Name, Scene: string(scene),
		EventID: "01JBXA7Q3M8Z", EventTime: sampleTime(), DeliveryID: "0192f8a0-0000-7000-8000-000000000001",
		RemoteID: "oa-1", ExternalID: external, Tries: 1, TryTime: sampleTime().Add(time.Second),
		SignOnPC:     "https://todo.example.com/oa/generic/714439/oa/todo/QuoteObj/6729aa",
		SignOnMobile: "https://todo.example.com/oa/generic/714439/oa/todo/QuoteObj/6729aa?device=mobile",
		Sender:       mapping.Person{ID: "1001", Name: "李雷", Account: "lilei", AccountName: "李雷"},
		Receivers:    []mapping.Person{{ID: "1002", Name: "韩梅梅", Account: "hanmeimei", AccountName: "韩梅梅"}},
		Secret:       func(name string) (string, error) { return "secret-" + name, nil },
		UUID:         func() string { return "0192f8a0-0000-4000-8000-000000000002" },
		Sample:       true,
	}
	if as != mapping.Each && as != "" {
		out.Receivers = append(out.Receivers, mapping.Person{ID: "1003", Name: `Ann "A" <B> & Co`, Account: "ann", AccountName: "Ann"})
	}
	return out
}

// bare gives a scope for what belongs to no event: a token's request, an address of a sign-on.
func (s *samples) bare(c *connector.Connection) *mapping.Scope {
	out := s.scope(connector.SceneCreate, c, mapping.Each)
	out.Scene = ""
	return out
}
