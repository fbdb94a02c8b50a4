package notify

import (
	"strconv"
	"strings"

	"todosync/connector"
)

// words are the texts of digests in one language.
type words struct {
	lang connector.Language
}

func wordsIn(lang connector.Language) words { return words{lang} }

// t gives the text in the reader's language.
func (w words) t(en, zh string) string {
	if w.lang == connector.English {
		return en
	}
	return zh
}

// A term explains one class or kind: its name in a list, and what it means.
type term struct {
	nameEN, nameZH   string
	meansEN, meansZH string
}

// terms are what is said of each class of failure and each kind that is no delivery that failed. A test holds that none is missing.
var terms = map[string]term{
	"network": {
		"network", "网络不通",
		"The OA could not be reached, or the connection broke.", "连不上 OA，或连接中断。",
	},
	"timeout": {
		"timeout", "超时",
		"The OA gave no answer in time.", "OA 未在时限内应答。",
	},
	"tls": {
		"TLS", "证书或 TLS",
		"The OA's certificate was refused, or the encrypted connection could not be made.", "OA 的证书不被接受，或加密连接无法建立。",
	},
	"http_429": {
		"too many requests", "请求过多（429）",
		"The OA asked to slow down, until the tries were used up.", "OA 要求放慢速度，直至重试用尽。",
	},
	"http_5xx": {
		"OA trouble (5xx)", "OA 故障（5xx）",
		"The OA had trouble of its own, until the tries were used up.", "OA 自身出错，直至重试用尽。",
	},
	"http_3xx": {
		"redirect (3xx)", "重定向（3xx）",
		"The OA sent the request elsewhere, most often to its log-in page. Redirects are not followed.", "OA 把请求转向别处，多为登录页。重定向不会被跟随。",
	},
	"http_4xx": {
		"request refused (4xx)", "请求被拒（4xx）",
		"The OA refused the request: address, rights or content.", "OA 拒绝了请求：地址、权限或内容有误。",
	},
	"business": {
		"refused by the OA", "OA 返回失败",
		"The OA answered with a failure of its own.", "OA 应答了业务失败。",
	},
	"bad_answer": {
		"answer not understood", "应答无法识别",
		"The OA answered, but not in the form that the connection expects.", "OA 有应答，但不符合连接设置的格式。",
	},
	"token": {
		"no token", "取令牌失败",
		"The address that gives the OA's token did not answer, until the tries were used up.", "OA 的令牌地址没有应答，直至重试用尽。",
	},
	"token_refused": {
		"token refused", "令牌被拒",
		"The OA answered without a token. All todos of the connection wait; nothing is lost.", "OA 不给令牌。该连接的待办全部等待，不会丢失。",
	},
	"mapping": {
		"not renderable", "无法生成请求",
		"The request could not be made: a required field is missing, or a template or script is wrong.", "请求无法生成：缺少必填字段，或模板、脚本有误。",
	},
	"unbound": {
		"no OA account", "未绑定 OA 账号",
		"The receiver has no OA account in this connection.", "接收人在该连接中没有绑定 OA 账号。",
	},
	"rejected": {
		"event rejected", "事件被拒收",
		"What the CRM sent is no event that can be accepted. It is kept whole.", "CRM 发来的内容不是可接受的事件，已完整保存。",
	},
	"down": {
		"OA down", "OA 中断",
		"The OA does not answer any more. Its todos wait, retries go on, nothing is lost.", "OA 不再应答。待办在等待，重试仍在进行，不会丢失。",
	},
	"back": {
		"OA back", "OA 恢复",
		"The OA answers again. What waited is being sent in order.", "OA 已恢复应答，等待的待办正按顺序发送。",
	},
}

// name is what a class is called; one that is not known is called by its own word.
func (w words) name(class string) string {
	if t, ok := terms[class]; ok {
		return w.t(t.nameEN, t.nameZH)
	}
	return class
}

// means is a sentence on what a class means; empty where there is none.
func (w words) means(class string) string {
	t := terms[class]
	return w.t(t.meansEN, t.meansZH)
}

// scene is what a scene is called.
func (w words) scene(s connector.Scene) string {
	switch s {
	case connector.SceneCreate:
		return w.t("create", "新建")
	case connector.SceneEdit:
		return w.t("edit", "更新")
	case connector.SceneDone:
		return w.t("done", "办结")
	case connector.SceneDelete:
		return w.t("delete", "删除")
	case connector.SceneRemind:
		return w.t("remind", "提醒")
	case connector.SceneMessage:
		return w.t("message", "消息")
	}
	return string(s)
}

// reason is why something waits.
func (w words) reason(r string) string {
	switch r {
	case string(connector.ReasonDown):
		return w.t("the OA is down", "OA 中断")
	case string(connector.ReasonTokenRefused):
		return w.t("the OA gives no token", "OA 不给令牌")
	case string(connector.ReasonUnbound):
		return w.t("no OA account", "未绑定 OA 账号")
	case string(connector.ReasonPaused):
		return w.t("paused by a person", "已被人工暂停")
	case string(connector.ReasonDisabled):
		return w.t("the connection is disabled", "连接已停用")
	case "":
		return w.t("its turn or its next try comes", "等待轮到或下次重试")
	}
	return r
}

// severity is what a severity is called.
func (w words) severity(s connector.Severity) string {
	switch s {
	case connector.SeverityCritical:
		return w.t("Critical", "严重")
	case connector.SeverityError:
		return w.t("Error", "错误")
	case connector.SeverityWarning:
		return w.t("Warning", "警告")
	case connector.SeverityInfo:
	}
	return w.t("Info", "信息")
}

// count is a number with a noun: "1 failure", "12,000 failures"; Chinese has one form.
func (w words) count(n int, one, many, zh string) string {
	if w.lang != connector.English {
		return number(n) + " " + zh
	}
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number writes 50000 as 50,000.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// list joins names as people do, and says how many there are beyond the first few.
func (w words) list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, w.t(", ", "、"))
	}
	return strings.Join(names[:most], w.t(", ", "、")) + w.t(" and "+number(len(names)-most)+" more", " 等 "+number(len(names))+" 个")
}
