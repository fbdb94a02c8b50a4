package notify

import (
	"time"

	"todosync/connector"
)

// Sample makes a digest of made-up failures, to try a channel with: each kind of news, in the words, zone and links of the summary, whose ID
// must be new. Its title says that it is a test.
func Sample(s Summary) Digest {
	zh := s.Language != connector.English
	t := func(en, chinese string) string {
		if zh {
			return chinese
		}
		return en
	}
	s.Test = true
	at := func(d time.Duration) time.Time { return s.Window.From.Add(d) }
	ago := func(d time.Duration) *time.Time { t := at(d); return &t }
	s.Groups = []Group{
		{
			Kind: Failed, Connection: "seeyon-hq", Scene: connector.SceneCreate, Class: "business", Count: 12, Recovered: 2,
			Messages: []Message{{Code: "-1", Text: t("IP not authorized", "未授权的IP"), Count: 11}, {Code: "500", Text: t("the person does not exist", "人员不存在"), Count: 1}},
		},
		{Kind: Failed, Connection: "weaver-east", Scene: connector.SceneDone, Class: "http_5xx", Count: 3, Messages: []Message{{Code: "503", Text: "503 Service Unavailable", Count: 3}}},
		{Kind: Unbound, Connection: "seeyon-hq", Class: "unbound", Count: 1, Messages: []Message{{Text: t("1003 has no OA account", "1003 未绑定 OA 账号"), Count: 1}}},
		{Kind: Down, Connection: "weaver-east", Class: "down", Count: 1},
	}
	s.Examples = []Example{
		{
			Kind: Failed, Record: "SAMPLE1", Connection: "seeyon-hq", Scene: connector.SceneCreate, Todo: "67298f0c9b3c1a0001a2b3c4",
			Title: t("Please approve: quotation Q-2024-118", "待审批：报价单 Q-2024-118"), Receiver: "1002", Class: "business", Code: "-1",
			Message: t("IP not authorized", "未授权的IP"), Tries: 1, FirstTry: ago(time.Minute), LastTry: ago(time.Minute), Recovered: true,
		},
		{
			Kind: Failed, Record: "SAMPLE2", Connection: "weaver-east", Scene: connector.SceneDone, Todo: "67298f0c9b3c1a0001a2b3c5",
			Title: t("Visit report of week 45", "第 45 周拜访报告"), Receiver: "1009", Class: "http_5xx", Code: "503", Message: "503 Service Unavailable",
			Tries: 6, FirstTry: ago(-42 * time.Minute), LastTry: ago(2 * time.Minute),
		},
		{
			Kind: Unbound, Record: "SAMPLE3", Connection: "seeyon-hq", Scene: connector.SceneCreate, Todo: "67298f0c9b3c1a0001a2b3c6",
			Title: t("Please approve: contract HT-77", "待审批：合同 HT-77"), Receiver: "1003", Class: "unbound", Message: t("1003 has no OA account", "1003 未绑定 OA 账号"),
		},
	}
	s.OAs = []Outage{{Kind: Down, Connection: "weaver-east", Since: at(3 * time.Minute), Waited: 40, Message: "dial tcp: connection refused"}}
	s.Waiting = []Waiting{
		{Connection: "weaver-east", Count: 40, Since: at(3 * time.Minute), Reason: string(connector.ReasonDown)},
		{Connection: "seeyon-hq", Count: 1, Since: at(time.Minute), Reason: string(connector.ReasonUnbound)},
	}
	return Summarize(s)
}
