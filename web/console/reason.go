package console

import (
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/retry"
	"todosync/web/api"
)

// classNames are the classes that the filter offers, in the order of how often people look for them.
func classNames() []string {
	return []string{
		"business", "unbound", "down", "paused", "token_refused", "mapping", "timeout", "network", "http_4xx", "http_5xx", "http_429", "http_3xx", "bad_answer",
		"tls", "token", "disabled", "nothing_there", "delete_failed", "scene_off",
	}
}

// ClassName is a class in a few words.
func (v *visit) ClassName(class string) string {
	switch retry.Class(class) {
	case retry.Network:
		return v.T("no connection", "连接不上")
	case retry.Timeout:
		return v.T("no answer in time", "应答超时")
	case retry.TLS:
		return v.T("certificate", "证书问题")
	case retry.HTTP429:
		return v.T("too many requests (429)", "请求过多（429）")
	case retry.HTTP5xx:
		return v.T("error of the OA (5xx)", "OA 出错（5xx）")
	case retry.HTTP3xx:
		return v.T("redirected (3xx)", "被重定向（3xx）")
	case retry.HTTP4xx:
		return v.T("refused by HTTP (4xx)", "HTTP 拒绝（4xx）")
	case retry.Business:
		return v.T("refused by the OA", "OA 拒绝")
	case retry.BadAnswer:
		return v.T("answer not understood", "无法理解应答")
	case retry.Token:
		return v.T("token address away", "令牌地址不可用")
	case retry.TokenRefused:
		return v.T("no token given", "取不到令牌")
	case retry.Mapping:
		return v.T("mapping", "映射错误")
	case retry.Unbound:
		return v.T("receiver not bound", "接收人未绑定")
	case connector.ReasonPaused:
		return v.T("connection paused", "连接已暂停")
	case connector.ReasonDisabled:
		return v.T("connection off", "连接已停用")
	case connector.ReasonDown:
		return v.T("OA is down", "OA 不可用")
	case connector.ReasonNothingThere:
		return v.T("nothing there", "OA 中没有该待办")
	case connector.ReasonDeleteFailed:
		return v.T("delete failed before", "之前的删除失败")
	case connector.ReasonSceneOff:
		return v.T("scene turned off", "场景已关闭")
	case retry.OK:
	}
	return class
}

// Meaning says what a record's state means, as a sentence.
func (v *visit) Meaning(r *connector.Record) string {
	switch r.State {
	case connector.Succeeded:
		return v.T("The OA has taken it.", "OA 已接收。")
	case connector.Failed:
		return v.T("The OA does not have it, and nothing more is tried by itself.", "OA 没有收到，系统不会再自动重试。")
	case connector.Held:
		return v.held(r.Class)
	case connector.Retrying:
		return v.T("The last try failed; it is tried again by itself.", "上一次尝试失败，系统会自动重试。")
	case connector.Pending:
		if r.NextTryAt == nil {
			return v.T("It waits until an earlier one of the same todo has ended: each todo goes in order.", "同一待办中更早的一条还没有结束，按顺序等待。")
		}
		return v.T("It waits for its turn.", "正在排队等待发送。")
	case connector.Sending:
		return v.T("It is on its way to the OA right now.", "正在发往 OA。")
	case connector.Skipped:
		return v.skipped(r.Class)
	case connector.Superseded:
		return v.T("A later one of the same todo says all that this one would have said.", "同一待办后来的一条已包含全部内容，这一条不必再发。")
	case connector.Canceled:
		return v.T("A person ended it before it was sent.", "发送之前被人工取消。")
	}
	return ""
}

func (v *visit) held(c retry.Class) string {
	switch c {
	case connector.ReasonUnbound:
		return v.T("It waits because nobody has said which OA account its receiver has. It goes by itself once he is bound.", "接收人没有绑定 OA 账号，因此暂缓；绑定后自动发出。")
	case connector.ReasonPaused:
		return v.T("It waits because the connection is paused. It goes by itself once the connection is resumed.", "连接已暂停，因此暂缓；恢复后自动发出。")
	case connector.ReasonDisabled:
		return v.T("It waits because the connection is turned off in its settings.", "连接在设置中已停用，因此暂缓。")
	case connector.ReasonDown:
		return v.T("It waits because the OA does not answer. The OA is asked again and again; what waits goes once it answers, and no try is used up.",
			"OA 没有应答，因此暂缓。系统会不断探测，恢复后自动发出，不消耗重试次数。")
	case connector.ReasonTokenRefused:
		return v.T("It waits because the OA gives no token for the connection's account.", "OA 不为连接的账号发放令牌，因此暂缓。")
	}
	return v.T("It waits for its cause to go away.", "等待原因消除。")
}

func (v *visit) skipped(c retry.Class) string {
	switch c {
	case connector.ReasonNothingThere:
		return v.T("There was nothing to do: the OA never got the todo, so there is nothing to finish or to delete.", "无需处理：OA 从未收到该待办，没有可办结或删除的内容。")
	case connector.ReasonDeleteFailed:
		return v.T("It was not sent because the delete that goes before it has failed.", "之前的删除失败，因此没有发送。")
	case connector.ReasonSceneOff:
		return v.T("It was not sent because its scene was turned off meanwhile.", "场景已被关闭，因此没有发送。")
	case connector.ReasonUnbound:
		return v.T("It was not sent because its receiver has no OA account, and the connection skips those.", "接收人没有 OA 账号，按连接设置跳过。")
	}
	return v.T("There was nothing to do.", "无需处理。")
}

// missesSecret reports whether a record could not be rendered for want of a secret.
func missesSecret(r *connector.Record) bool {
	return (r.Class == retry.Mapping || r.Class == retry.TokenRefused) && strings.Contains(r.Message, "${secret:")
}

// superseder is the record that is sent in place of this one, where it is among the todo's others.
func (p *recordPage) superseder() *connector.Record {
	for i := range p.Others.Items {
		if o := &p.Others.Items[i]; o.ID == p.Record.SupersededBy {
			return o
		}
	}
	return nil
}

// meaning is Meaning with what the todo's other records add to it.
func (p *recordPage) meaning(v *visit) string {
	r := &p.Record
	by := p.superseder()
	ends := func(s connector.Scene) bool { return s == connector.SceneDelete || s == connector.SceneDone }
	switch {
	case r.State != connector.Superseded:
	case ends(r.Scene) && by == nil, ends(r.Scene) && by.State == connector.Superseded:
		return v.T("Nothing of this todo had been sent, so there was nothing to take away.", "该待办还没有发送过，因此没有需要撤回的内容。")
	case by != nil && by.Scene == connector.SceneDelete && !ends(r.Scene):
		return v.T("The CRM took the todo back before this was sent.", "CRM 在发送之前撤回了该待办，因此没有发送。")
	case by != nil && by.Scene == connector.SceneDone && !ends(r.Scene):
		return v.T("The todo was finished in the CRM before this was sent.", "待办在发送之前已在 CRM 中办结，因此没有发送。")
	}
	return v.Meaning(r)
}

// supersederName is the text of the link to what superseded a record.
func (p *recordPage) supersederName(v *visit) string {
	by := p.superseder()
	if by == nil {
		return v.T("The one that is sent in its place", "取代它的记录")
	}
	return v.T("See the ", "查看：") + v.SceneName(by.Scene) + v.T(" of ", "，") + by.CreatedAt.In(v.Zone).Format("15:04:05")
}

// Advice says what to do about a record now; empty where nothing has to be done.
func (v *visit) Advice(r *connector.Record) string {
	class := r.Class
	switch r.State {
	case connector.Failed, connector.Retrying:
		if missesSecret(r) {
			return v.T("Set the secret that the message names, then retry.", "请设置消息中所说的密钥，然后重发。")
		}
		switch class { // of these two a digest speaks otherwise
		case retry.HTTP5xx:
			return v.T("The OA's admin finds the reason in the OA's log at the time of the attempt.", "请 OA 管理员按尝试的时间查看 OA 日志。")
		case retry.TokenRefused:
			return v.T("Check the account and password that the OA gives tokens for, and store them again as secrets.", "请核对取令牌所用的账号和密码，并重新保存密钥。")
		}
		return notify.Advice(v.language(), class, r.Message)
	case connector.Held:
		switch class {
		case connector.ReasonUnbound:
			return v.T("Bind the receiver to an OA account.", "请为接收人绑定 OA 账号。")
		case connector.ReasonPaused:
			return v.T("Resume the connection when the OA may be called again.", "可以重新调用 OA 时，请恢复连接。")
		case connector.ReasonDisabled:
			return v.T("Turn the connection on in its settings.", "请在连接设置中启用。")
		case connector.ReasonDown:
			return v.T("Tell the OA's admin; nothing has to be done here.", "请联系 OA 管理员；此处无需操作。")
		case connector.ReasonTokenRefused:
			return v.T("Check the account and password that the OA gives tokens for, and store them again as secrets.", "请核对取令牌所用的账号和密码，并重新保存密钥。")
		}
	case connector.Pending, connector.Sending, connector.Succeeded, connector.Skipped, connector.Superseded, connector.Canceled:
	}
	return ""
}

func (v *visit) language() connector.Language {
	if v.Chinese {
		return connector.Chinese
	}
	return connector.English
}

// OutcomeName is what planning made of an event at a connection, for people.
func (v *visit) OutcomeName(o connector.Outcome) string {
	switch o {
	case connector.OutcomePlanned:
		return v.T("planned", "已安排")
	case connector.OutcomeSceneOff:
		return v.T("scene is off", "场景未启用")
	case connector.OutcomeNoReceiver:
		return v.T("no receiver", "没有接收人")
	case connector.OutcomeFiltered:
		return v.T("filtered out", "被过滤")
	case connector.OutcomeStale:
		return v.T("older than what is known", "早于已知版本")
	case connector.OutcomeNoConnection:
		return v.T("no connection", "没有连接")
	}
	return string(o)
}

// Count is a number with the word that fits it.
func (v *visit) Count(n int, one, many, zh string) string {
	word := v.T(many, zh)
	if n == 1 && !v.Chinese {
		word = one
	}
	return thousands(n) + " " + word
}

// thousands writes a number so that it can be read.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes says how large something is.
func (v *visit) Bytes(n int) string {
	switch {
	case n < 1<<10:
		return v.Count(n, "byte", "bytes", "字节")
	case n < 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<10), 'f', 1, 64) + " KiB"
	}
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
}

// Took says how long an attempt took: where a second more or less matters, to the tenth.
func (v *visit) Took(d time.Duration) string {
	if d >= time.Second && d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + v.T(" s", " 秒")
	}
	return v.Span(d)
}

// LastSaid is what a list says instead of a record's last answer, where nothing was sent and so nothing was answered.
func (v *visit) LastSaid(r *connector.Record) string {
	switch r.State {
	case connector.Superseded:
		if r.SupersededBy == "" {
			return v.T("taken back before anything was sent", "发送之前已撤回")
		}
		return v.T("a later one says it all, or took it back", "后来的一条已包含其内容，或已将其撤回")
	case connector.Held, connector.Pending:
		if r.Message == "" && r.Tries == 0 {
			return v.Meaning(r)
		}
	case connector.Skipped, connector.Canceled:
		if r.Message == "" {
			return v.Meaning(r)
		}
	case connector.Sending, connector.Retrying, connector.Succeeded, connector.Failed:
	}
	return ""
}

// Said is a text that the program has kept, in the reader's language where it has one there.
func (v *visit) Said(text string) string {
	if v.Chinese {
		return api.Chinese(text)
	}
	return text
}
