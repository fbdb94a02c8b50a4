package oasim

import (
	"strings"
	"testing"
	"time"
)

const wecomSample = `{"touser":"zhangsan|nobody","msgtype":"template_card","agentid":1000002,"template_card":{"card_type":"button_interaction",
 "main_title":{"title":"报价单"},"card_action":{"type":1,"url":"https://crm/1"},"task_id":"k1","button_list":[{"text":"去处理","type":1,"url":"https://crm/1"}]}}`

const (
	wecomSend   = "/cgi-bin/message/send?access_token="
	wecomUpdate = "/cgi-bin/message/update_template_card?access_token="
	wecomBack   = "/cgi-bin/message/recall?access_token="
)

func newWeCom(t *testing.T) (*client, *clock, string) {
	k := newClock()
	c := start(t, WeCom, Config{Users: []string{"zhangsan", "lisi"}, User: "ww1", Password: "the-secret", Apps: []string{"1000002"}, Now: k.now})
	c.header["Content-Type"] = "application/json"
	return c, k, wecomToken(c)
}

func wecomToken(c *client) string {
	_, body := c.must("GET", "/cgi-bin/gettoken?corpid=ww1&corpsecret=the-secret", "")
	return field(c.t, body, "access_token")
}

// wecomCodeOf sends a call and checks its errcode; it gives the answer.
func wecomCodeOf(c *client, path, body, code string) string {
	c.t.Helper()
	status, answer := c.must("POST", path, body)
	if status != 200 || field(c.t, answer, "errcode") != code {
		c.t.Errorf("%.60s: got %d %s, want errcode %s", path, status, answer, code)
	}
	return answer
}

func TestWeComCard(t *testing.T) {
	t.Parallel()
	c, k, token := newWeCom(t)
	answer := wecomCodeOf(c, wecomSend+token, wecomSample, "0")
	id, code := field(t, answer, "msgid"), field(t, answer, "response_code")
	if id == "" || code == "" || field(t, answer, "invaliduser") != "nobody" {
		t.Fatalf("a card: got %s", answer)
	}
	wecomCodeOf(c, wecomSend+token, wecomSample, "40058") // a task_id is used once
	anew := strings.Replace(strings.Replace(wecomSample, `"touser":"zhangsan|nobody"`, `"userids":["zhangsan"],"response_code":"`+code+`"`, 1), "报价单", "报价单 2", 1)
	wecomCodeOf(c, wecomUpdate+token, anew, "0")
	if got := c.sim.Todos("zhangsan"); len(got) != 1 || got[0].Title != "报价单 2" || got[0].State != StateTodo {
		t.Errorf("changed: %+v", got)
	}
	done := `{"userids":["zhangsan"],"agentid":1000002,"response_code":"` + code + `","button":{"replace_name":"已处理"}}`
	wecomCodeOf(c, wecomUpdate+token, done, "40058") // the code is spent
	wecomCodeOf(c, wecomBack+token, `{"msgid":"`+id+`"}`, "0")
	c.wantStates("zhangsan " + id + " deleted")

	second := wecomCodeOf(c, wecomSend+token, strings.Replace(wecomSample, "k1", "k2", 1), "0")
	done = strings.Replace(done, code, field(t, second, "response_code"), 1)
	wecomCodeOf(c, wecomUpdate+token, done, "0")
	if got := c.sim.Todos("zhangsan"); got[1].State != StateDone || got[1].Result != "已处理" {
		t.Errorf("done: %+v", got[1])
	}
	third := wecomCodeOf(c, wecomSend+token, strings.Replace(wecomSample, "k1", "k3", 1), "0")
	k.move(72 * time.Hour)
	wecomCodeOf(c, wecomBack+token, `{"msgid":"x"}`, "42001")
	token = wecomToken(c)
	wecomCodeOf(c, wecomUpdate+token, strings.Replace(done, field(t, second, "response_code"), field(t, third, "response_code"), 1), "40058")
	wecomCodeOf(c, wecomBack+token, `{"msgid":"`+field(t, third, "msgid")+`"}`, "40058")
}

func TestWeComRefusals(t *testing.T) {
	t.Parallel()
	c, _, token := newWeCom(t)
	for name, change := range map[string][3]string{
		"an app as text": {"1000002", `"1000002"`, "40056"}, "another app": {"1000002", "7", "40056"}, "nobody": {"zhangsan|", "", "81013"},
		"another card": {"button_interaction", "text_notice", "40058"}, "no title": {`"报价单"`, `""`, "40058"}, "a bad task_id": {`"k1"`, `"k 1"`, "40058"},
		"no button": {`[{"text":"去处理","type":1,"url":"https://crm/1"}]`, `[]`, "40058"}, "no message": {`"template_card","agentid"`, `"card","agentid"`, "40008"},
	} {
		bad := strings.Replace(wecomSample, change[0], change[1], 1)
		if bad == wecomSample {
			t.Errorf("%s: nothing is changed", name)
		}
		wecomCodeOf(c, wecomSend+token, bad, change[2])
	}
	c.wantStates()
	wecomCodeOf(c, wecomSend+token, `{"touser":"lisi","msgtype":"textcard","agentid":1000002,"textcard":{"title":"a","description":"b","url":"https://crm/1"}}`, "0")
	wecomCodeOf(c, wecomSend, wecomSample, "41001")
	wecomCodeOf(c, wecomSend+"made-up", wecomSample, "40014")
	if _, body := c.must("GET", "/cgi-bin/gettoken?corpid=ww1&corpsecret=no", ""); field(t, body, "errcode") != "40001" {
		t.Errorf("a wrong secret: %s", body)
	}
}
