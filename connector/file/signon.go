package file

import (
	"net/url"
	"strings"

	"todosync/connector"
	"todosync/mapping"
)

// checkSignOn checks how the OA proves who an employee is.
func (d *draft) checkSignOn(c *connector.Connection, k *compiler) {
	s := c.SignOn
	if s == nil {
		return
	}
	d.required("signOn.vendor", string(s.Vendor), say("such as seeyon or generic", "如 seeyon、generic"))
	if s.Skew.Past < 0 || s.Skew.Future < 0 {
		d.wrong("signOn.skew", say("want 0 or more", "不能为负"))
	}
	for i, t := range s.Secret {
		at := d.item("signOn.secret", i)
		k.text(at, string(t))
		d.plainSecret(at, string(t))
	}
	if s.ClientID != "" {
		k.text("signOn.clientId", s.ClientID)
	}
	if s.Script != "" {
		k.address("signOn.script", s.Script, mapping.Options{Receivers: mapping.Each}, d.r.sample.bare(c))
	}
	if s.ClientSecret != "" {
		k.text("signOn.clientSecret", s.ClientSecret)
		d.plainSecret("signOn.clientSecret", s.ClientSecret)
	}
	for i, base := range s.Base {
		k.address(d.item("signOn.base", i), string(base), mapping.Options{Receivers: mapping.Each}, d.r.sample.bare(c))
	}
	for i, frame := range s.Frames {
		path := d.item("signOn.frames", i)
		if bare := d.r.sample.bare(c); strings.ContainsAny(string(frame), " ;,'\"") {
			d.wrong(path, say("want one address, such as https://oa.example.com or https://*.example.com", "应为一个地址，如 https://oa.example.com 或 https://*.example.com"))
		} else {
			k.address(path, string(frame), mapping.Options{Receivers: mapping.Each}, bare)
		}
	}
	if s.Release != "" && s.Vendor != connector.VendorSeeyon {
		d.wrong("signOn.release", say("is for vendor seeyon only", "只用于 vendor: seeyon"))
	}
	if s.Script != "" && s.Vendor != connector.VendorWeLink {
		d.wrong("signOn.script", say("is for vendor welink only", "只用于 vendor: welink"))
	}
	if s.ContactsOnly && s.Vendor == connector.VendorHelpCrunch {
		d.wrong("signOn.contactsOnly", say("has no meaning for helpcrunch", "对 helpcrunch 无意义"))
	}
	switch s.Vendor {
	case connector.VendorGeneric:
		if s.Verify == nil && d.node("signOn.vendor") != nil && !d.given("signOn.verify") {
			d.wrong("signOn.verify", say("is missing: how the OA is asked about a ticket", "缺少：如何向 OA 验证票据"))
		}
	case connector.VendorOIDC:
		d.required("signOn.clientId", s.ClientID, say("the client's id at the provider", "在认证服务中的客户端 ID"))
		d.requireBase(s, say("the provider's issuer", "认证服务的 issuer"))
	case connector.VendorCAS, connector.VendorSeeyon, connector.VendorWialon:
		d.requireBase(s, say("the OA's address", "OA 地址"))
	case connector.VendorWeaver:
		if s.ClientID != "" {
			d.requireBase(s, say("the OA's address, whose /sso/oauth2.0 is asked", "OA 地址，向其 /sso/oauth2.0 验证"))
		}
	default:
	}
	if v := s.Verify; v != nil {
		d.checkVerify(v, c, k)
	}
}

func (d *draft) requireBase(s *connector.SignOnSettings, what phrase) {
	if len(s.Base) == 0 && d.node("signOn.vendor") != nil {
		d.required("signOn.base", "", what)
	}
}

// checkVerify checks a verifier made of settings. {ticket} stands for the ticket, which only the sign-on knows.
func (d *draft) checkVerify(v *connector.VerifySettings, c *connector.Connection, k *compiler) {
	const path = "signOn.verify"
	if v.Method != "" {
		k.method(path+".method", v.Method)
	}
	if d.required(path+".url", v.URL, say("the address that is asked, with {ticket} in it or in the body", "验证地址，地址或请求体中含 {ticket}")) {
		k.address(path+".url", v.URL, mapping.Options{Receivers: mapping.Each}, d.r.sample.bare(c))
	}
	ticket := strings.Contains(v.URL, "{ticket}") || strings.Contains(v.Body, "{ticket}")
	for _, h := range v.Headers {
		ticket = ticket || strings.Contains(string(h), "{ticket}")
	}
	if v.URL != "" && !ticket {
		d.wrong(path+".url", say("{ticket} stands nowhere in url, headers or body", "url、headers、body 中都没有 {ticket}"))
	}
	if v.TokenRef != "" && (v.TokenRef != "token" || c.Token == nil) {
		d.wrong(path+".tokenRef", say("want `token`, and token settings in this connection", "应为 `token`，且本连接配置了 token"))
	}
	kind, arg, _ := strings.Cut(v.AccountFrom, ":")
	switch {
	case v.AccountFrom == "text":
	case (kind == "header" || kind == "json" || kind == "xml") && arg != "":
		if kind == "json" {
			d.checkPath(path+".accountFrom", arg)
		}
	default:
		if d.required(path+".accountFrom", v.AccountFrom, say("where the account stands: header:NAME, text, json:PATH or xml:A/B",
			"账号的位置：header：名称、text、json：路径 或 xml:A/B")) {
			d.wrong(path+".accountFrom", say("want header:NAME, text, json:PATH or xml:A/B", "应为 header：名称、text、json：路径 或 xml:A/B"))
		}
	}
	d.checkPath(path+".successWhen.codeName", v.SuccessWhen.CodeName)
	if v.SuccessWhen.CodeName != "" && len(v.SuccessWhen.SuccessCode) == 0 {
		d.wrong(path+".successWhen.successCode", say("is missing: with codeName set, say which code means success", "缺少：设置了 codeName 就要写明成功码"))
	}
	for _, t := range []struct {
		name  string
		value connector.Duration
	}{{".ticketMemory", v.TicketMemory}, {".timeout", v.Timeout}} {
		if d.given(path + t.name) {
			d.positive(path+t.name, t.value)
		}
	}
}

// webAddress reports whether a text is an address of http or https, with secrets taken for words.
func webAddress(s string) bool {
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			break
		}
		_, after, closed := strings.Cut(rest, "}")
		if !closed {
			return false
		}
		s = before + "x" + after
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}
