package signon

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"

	"todosync/connector"
)

//go:embed *.html *.css
var pages embed.FS

// words are what a page says about an outcome.
type words struct{ title, what, do string }

// said gives the words of an outcome for an employee. Outcomes that are an admin's affair alone read the same.
func said(o Outcome, lang connector.Language) words {
	zh := map[Outcome]words{
		BadProof:    {"无法确认您的身份", "OA 没有证明是谁打开了这个链接。", "请回到 OA，重新点击待办。不要转发或收藏此链接。"},
		TooOld:      {"链接已过期", "这个链接只在短时间内有效。", "请回到 OA，重新点击待办。"},
		Used:        {"链接已使用过", "每次打开都需要一个新的链接。", "请回到 OA，重新点击待办。"},
		NoBinding:   {"您的 OA 账号尚未关联", "OA 已确认您的身份，但您的账号还没有与 CRM 用户绑定。", "请把下面的编号告诉管理员，由其完成绑定。"},
		Unreachable: {"暂时联系不上 OA", "需要向 OA 确认您的身份，但它没有应答。", "请稍后重新点击待办；如果一直如此，请把下面的编号告诉管理员。"},
		TooSlow:     {"OA 没有及时应答", "需要向 OA 确认您的身份，但它应答太慢。", "请稍后重新点击待办；如果一直如此，请把下面的编号告诉管理员。"},
		Slowed:      {"尝试次数过多", "短时间内失败次数过多，请稍等片刻。", "请一分钟后回到 OA，重新点击待办。"},
		StoreAway:   {"暂时无法登录", "服务正在恢复中。", "请稍后重新点击待办。"},
		NotSetUp:    {"尚未设置登录", "此处还不能登录 CRM。", "请把下面的编号告诉管理员。"},
	}
	en := map[Outcome]words{
		BadProof:    {"We could not tell who you are", "The OA did not prove who opened this link.", "Go back to the OA and click the todo again. Do not forward or bookmark the link."},
		TooOld:      {"This link is too old", "A link is good for a few minutes only.", "Go back to the OA and click the todo again."},
		Used:        {"This link was used already", "Each visit needs a link of its own.", "Go back to the OA and click the todo again."},
		NoBinding:   {"Your OA account is not linked yet", "The OA knows you, but your account is not bound to a user of the CRM.", "Tell your administrator the number below, so that it can be bound."},
		Unreachable: {"The OA cannot be reached", "It has to tell us who you are, and does not answer.", "Click the todo again in a while. If it stays so, tell your administrator the number below."},
		TooSlow:     {"The OA takes too long", "It has to tell us who you are, and did not answer in time.", "Click the todo again in a while. If it stays so, tell your administrator the number below."},
		Slowed:      {"Too many tries", "Too many failed within a short time.", "Wait a minute, then click the todo in the OA again."},
		StoreAway:   {"You cannot sign on right now", "The service is coming back.", "Click the todo again in a while."},
		NotSetUp:    {"Sign-on is not set up", "From here nobody can sign on to the CRM yet.", "Tell your administrator the number below."},
	}
	if o == BadAddress || o == Unknown {
		o = NotSetUp
	}
	if lang == connector.English {
		return en[o]
	}
	return zh[o]
}

// language is the browser's where it names one of ours first, else the tenant's.
func (v *visit) language() connector.Language {
	for part := range strings.SplitSeq(v.r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		switch {
		case strings.HasPrefix(tag, "zh"):
			return connector.Chinese
		case strings.HasPrefix(tag, "en"):
			return connector.English
		}
	}
	if v.place.Language != "" {
		return v.place.Language
	}
	return connector.Chinese
}

// page shows why somebody is not let in.
func (v *visit) page(ctx context.Context, o Outcome, status int) {
	lang := v.language()
	w := said(o, lang)
	if v.asData {
		v.data(status, map[string]string{"title": w.title, "what": w.what, "do": w.do, "number": v.entry.Number})
		return
	}
	label := "编号"
	if lang == connector.English {
		label = "Number"
	}
	v.show(ctx, "page.html", status, "form-action 'none'", map[string]any{
		"Lang": string(lang), "Title": w.title, "What": w.what, "Do": w.do, "NumberLabel": label, "Number": v.entry.Number,
	})
}

// show answers with one of our pages. It may load nothing but its own style and script, and stands in frames of the OA alone. rule is what
// its policy says beside that.
func (v *visit) show(ctx context.Context, name string, status int, rule string, data map[string]any) {
	nonce := newNonce()
	data["Nonce"] = nonce
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	policy := "default-src 'none'; style-src 'nonce-" + nonce + "'; script-src 'nonce-" + nonce + "'; base-uri 'none'; frame-ancestors " + framers(v.place.Frames)
	if rule != "" {
		policy += "; " + rule
	}
	h.Set("Content-Security-Policy", policy)
	var b bytes.Buffer
	if err := v.pages.ExecuteTemplate(&b, name, data); err != nil {
		v.cfg.Log.ErrorContext(ctx, "page not made", "page", name, "error", err)
		b.Reset()
		b.WriteString(template.HTMLEscapeString(v.entry.Number))
	}
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // a browser that went away sees nothing
}

func newNonce() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return base64.RawStdEncoding.EncodeToString(raw)
}

// Speaks reports whether a page can say something of an outcome in a language.
func Speaks(o Outcome, lang connector.Language) bool {
	w := said(o, lang)
	return w.title != "" && w.what != "" && w.do != ""
}
