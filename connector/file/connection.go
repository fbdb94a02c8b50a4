package file

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a time zone is checked on machines that have no zone files

	"todosync/connector"
	"todosync/mapping"
)

// The most that limits take. They bound what one connection can cost a worker.
const (
	maxConcurrency = 1000
	maxReceivers   = 2000 // of one event, so of one call
	maxSchedule    = 100
)

// connection checks what a connection means. The settings that it gives are whole only where d has not failed.
func (d *draft) connection(doc *Document) *connector.Connection {
	asked := d.overPreset()
	tree := d.merged
	d.completeScenes(tree)
	c := connector.Defaults()
	if !d.fill(tree, &c) {
		return nil
	}
	completeDefaults(&c, d)
	d.identity(c.Tenant)
	if d.required("name", c.Name, say("the connection's name, such as seeyon-hq", "连接名，如 seeyon-hq")) && !ValidName(c.Name) {
		d.wrong("name", say("%q: want 1 to 63 of a-z 0-9 -", "%q：应为 1 至 63 个 a-z 0-9 - 字符"), excerpt(c.Name))
	}
	d.shown("title", c.Title)
	k := d.compiler(&c, asked)
	d.checkResult("result", &c.Result)
	k.headers("headers", c.Headers, request{receivers: c.Receivers.As})
	k.token()
	k.credentials()
	k.sign()
	for _, s := range connector.Scenes() {
		if settings := c.Scenes[s]; settings != nil {
			k.scene(s, settings)
		}
	}
	d.checkFlow(&c, k)
	d.checkRetry(&c)
	d.checkTransport(&c)
	d.checkSignOn(&c, k)
	doc.Secrets = k.secrets()
	d.compiled(&c, k)
	return &c
}

// completeScenes fills in what a scene has without being told: it is on, it is a POST, and its result is the connection's
// but for what it says.
func (d *draft) completeScenes(tree *node) {
	held := tree.find("scenes")
	if held == nil || held.value.kind != mappingKind || held.value.bad {
		return
	}
	scenes := *held.value
	scenes.members = slices.Clone(scenes.members)
	held.value = &scenes
	for i, m := range scenes.members {
		if m.value.kind != mappingKind || m.value.bad {
			continue
		}
		scene := *m.value
		scene.members = slices.Clone(scene.members)
		if scene.find("enabled") == nil {
			enabled := strconv.FormatBool(!slices.Contains(d.off, m.name))
			scene.set("enabled", &node{kind: boolKind, text: enabled})
		}
		if scene.find("method") == nil {
			scene.set("method", &node{kind: textKind, text: "POST"})
		}
		if own := scene.find("result"); own != nil {
			own.value = merge(tree.value("result"), own.value, d.shape.of("result"))
		}
		scenes.members[i].value = &scene
	}
}

// completeDefaults fills in the defaults that depend on other settings.
func completeDefaults(c *connector.Connection, d *draft) {
	if c.Protocol == connector.WebService {
		if !d.given("result.xmlJsonField") {
			c.Result.XMLJSONField = "out"
		}
		for s, settings := range c.Scenes {
			if settings.Result != nil && !d.given("scenes."+string(s)+".result.xmlJsonField") {
				settings.Result.XMLJSONField = c.Result.XMLJSONField
			}
		}
	}
	for _, settings := range c.Scenes {
		if settings.Receivers != nil && settings.Receivers.As == "" {
			settings.Receivers.As = c.Receivers.As
		}
	}
	if c.Scenes[connector.SceneMessage] != nil && c.Scenes[connector.SceneCreate] == nil && !d.given("retry.unanswered") {
		c.Retry.Unanswered = connector.UnansweredHold
	}
	if c.SignOn != nil {
		skew := connector.DefaultSkew()
		if !d.given("signOn.skew.past") {
			c.SignOn.Skew.Past = skew.Past
		}
		if !d.given("signOn.skew.future") {
			c.SignOn.Skew.Future = skew.Future
		}
		if c.SignOn.Vendor == connector.VendorWialon && !d.given("signOn.contactsOnly") {
			c.SignOn.ContactsOnly = true
		}
	}
	if c.Sign != nil && !d.given("sign.join") {
		c.Sign.Join = "&"
	}
	if o := c.OAuth2; o != nil && o.Send == "" {
		o.Send = connector.CredentialsBody
	}
}

// checkResult checks the rules by which answers are read.
func (d *draft) checkResult(path string, r *connector.Result) {
	for _, m := range []struct{ name, path string }{
		{"codeName", r.CodeName}, {"msgName", r.MsgName}, {"dataName", r.DataName}, {"partial.accounts", r.Partial.Accounts},
	} {
		d.checkPath(path+"."+m.name, m.path)
	}
	for _, code := range slices.Sorted(maps.Keys(r.Remember)) {
		d.checkPath(path+".remember."+code, r.Remember[code])
	}
	if r.CodeName != "" && len(r.SuccessCode) == 0 {
		d.wrong(path+".successCode", say("is missing: with codeName set, say which code means success", "缺少：设置了 codeName 就要写明成功码"))
	}
	if len(r.Partial.Codes) > 0 && r.Partial.Accounts == "" {
		d.wrong(path+".partial.accounts", say("is missing: the path at which the answer names the accounts that failed",
			"缺少：应答中失败账号所在的路径"))
	}
}

// checkPath checks a path into an event or an answer; an empty one is no path.
func (d *draft) checkPath(at, path string) {
	if path == "" {
		return
	}
	if err := mapping.ValidPath(path); err != nil {
		d.wrong(at, say("%s", "%s"), err)
	}
}

// checkKnown checks that there is a field of that code.
func (d *draft) checkKnown(at, code string, k *compiler) {
	if k.codes[code] {
		return
	}
	if near := nearest(code, k.known()); near != "" {
		d.wrong(at, say("there is no field %q, perhaps %q is meant", "没有字段 %q，是否想写 %q"), excerpt(code), near)
		return
	}
	d.wrong(at, say("there is no field %q; write a code such as F055", "没有字段 %q；应写编码，如 F055"), excerpt(code))
}

// checkRemembered checks the codes under which values of answers are kept: they are fields of the connection's own, since one of the
// catalogue has its value from the event.
func (d *draft) checkRemembered(path string, r *connector.Result, k *compiler) {
	for _, code := range slices.Sorted(maps.Keys(r.Remember)) {
		at := path + ".remember." + code
		if d.r.builtin[code] {
			d.wrong(at, say("#%s is a field of the catalogue; keep the value under an own code, F200 to F999",
				"#%s 是内置字段；请用自定义编码（F200 到 F999）保存"), code)
			continue
		}
		d.checkKnown(at, code, k)
	}
}

// checkFlow checks what decides which events become which deliveries.
func (d *draft) checkFlow(c *connector.Connection, k *compiler) {
	for i, code := range c.Freeze {
		d.checkKnown(d.item("freeze", i), code, k)
	}
	d.checkRemembered("result", &c.Result, k)
	for _, s := range connector.Scenes() {
		if settings := c.Scenes[s]; settings != nil && settings.Result != nil {
			d.checkRemembered("scenes."+string(s)+".result", settings.Result, k)
		}
	}
	d.checkReceivers("receivers", c.Receivers)
	for _, list := range []struct {
		path   string
		values []string
	}{{"when.types", c.When.Types}, {"when.objects", c.When.Objects}} {
		for i, v := range list.values {
			if v == "" {
				d.wrong(d.item(list.path, i), say("is empty: it would match nothing", "为空：不会匹配任何事件"))
			}
		}
	}
	d.checkPath("when.receivers.path", c.When.Receivers.Path)
	switch w := c.When.Receivers; {
	case w.Path != "" && len(w.In) == 0:
		d.wrong("when.receivers.in", say("is missing: the values of %s that are this connection's", "缺少：属于本连接的 %s 的取值"), w.Path)
	case w.Path == "" && len(w.In) > 0:
		d.wrong("when.receivers.path", say("is missing: the receiver's member that is compared with in", "缺少：与 in 比较的接收人成员"))
	}
	if c.Bindings.Auto != nil {
		if d.required("bindings.auto.from", c.Bindings.Auto.From, say("the member that is the account, such as ext.employeeNo",
			"作为账号的成员，如 ext.employeeNo")) {
			d.checkPath("bindings.auto.from", c.Bindings.Auto.From)
		}
	}
	on := func(s connector.Scene) bool { return c.Scenes[s] != nil && c.Scenes[s].Enabled }
	off := c.Scenes[connector.SceneEdit] != nil && !c.Scenes[connector.SceneEdit].Enabled
	if c.EditAs == connector.EditAsRecreate && !off && !(on(connector.SceneCreate) && on(connector.SceneDelete)) {
		d.warn("editAs", say("recreate deletes and creates, and one of the two scenes is off: edits are not sent", "recreate 先删后建，而其中一个场景未开启：编辑不会推送"))
	}
	if c.Reopen == connector.ReopenEdit && !on(connector.SceneEdit) && on(connector.SceneCreate) {
		d.wrong("reopen", say("edit needs the scene edit turned on", "edit 需要开启 edit 场景"))
	}
	if i := c.Import; i != nil && i.Enabled && i.Every < connector.Duration(time.Second) {
		d.wrong("import.every", say("want at least 1s, such as 1m", "至少 1s，如 1m"))
	}
}

func (d *draft) checkReceivers(path string, m connector.ReceiverMode) {
	switch at := path + ".max"; {
	case !d.given(at):
	case m.As != mapping.List:
		d.wrong(at, say("max is for list only", "max 只用于 list"))
	case m.Max < 1 || m.Max > maxReceivers:
		d.wrong(at, say("want 1 to %d", "应为 1 至 %d"), maxReceivers)
	}
}

// checkRetry checks when and how often something is tried.
func (d *draft) checkRetry(c *connector.Connection) {
	if c.Retry.Enabled && len(c.Retry.Schedule) == 0 && !anyBad(d.node("retry.schedule")) {
		d.wrong("retry.schedule", say("is empty: write the waits, or enabled: false", "为空：请写等待时间，或 enabled: false"))
	}
	if len(c.Retry.Schedule) > maxSchedule {
		d.wrong("retry.schedule", say("more than %d waits", "超过 %d 次"), maxSchedule)
	}
	for i, wait := range c.Retry.Schedule {
		d.positive(d.item("retry.schedule", i), wait)
	}
	d.positive("retry.giveUpAfter", c.Retry.GiveUpAfter)
	if c.Down.After < 0 {
		d.wrong("down.after", say("want 0 (off) or more", "应为 0（关闭）或更大"))
	}
	switch p := c.Down.Probe; {
	case anyBad(d.node("down.probe")): // told already
	case len(p) != 2:
		d.wrong("down.probe", say("want two durations: the first wait and the longest, such as [1s, 60s]", "应为两个时长：首次与最长等待，如 [1s, 60s]"))
	case p[0] <= 0 || p[0] > p[1]:
		d.wrong("down.probe", say("want more than 0, the longer wait second", "应大于 0，且长的在后"))
	}
	if n := c.Limits.Concurrency; n < 1 || n > maxConcurrency {
		d.wrong("limits.concurrency", say("want 1 to %d", "应为 1 至 %d"), maxConcurrency)
	}
	d.positive("timeouts.connect", c.Timeouts.Connect)
	d.positive("timeouts.total", c.Timeouts.Total)
	if c.Timeouts.Connect > c.Timeouts.Total {
		d.warn("timeouts.connect", say("is longer than timeouts.total (%s), which ends the attempt", "大于 timeouts.total(%s)，会先到总时限"), c.Timeouts.Total)
	}
}

func (d *draft) positive(path string, v connector.Duration) {
	if v <= 0 {
		d.wrong(path, say("want more than 0", "应大于 0"))
	}
}

// checkTransport checks how the OA is reached.
func (d *draft) checkTransport(c *connector.Connection) {
	t := c.TLS
	if !slices.Contains([]string{"1.0", "1.1", "1.2", "1.3"}, t.MinVersion) {
		d.wrong("tls.minVersion", say("want 1.0, 1.1, 1.2 or 1.3, not %q", "应为 1.0、1.1、1.2 或 1.3，而不是 %q"), excerpt(t.MinVersion))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		d.wrong("tls", say("certFile and keyFile go together", "certFile 与 keyFile 须同时填写"))
	}
	if t.Pin != "" {
		digest, ok := strings.CutPrefix(t.Pin, "sha256/")
		if sum, err := base64.StdEncoding.DecodeString(digest); !ok || err != nil || len(sum) != 32 {
			d.wrong("tls.pin", say("want sha256/ and the Base64 of the certificate's SHA-256", "应为 sha256/ 加证书 SHA-256 的 Base64"))
		}
	}
	if t.InsecureSkipVerify {
		d.warn("tls.insecureSkipVerify", say("anybody on the way can read and change what is sent; a pin is safer", "途中任何人都可读取和篡改内容；用 pin 更安全"))
	}
	if c.Proxy != "" {
		if u, err := url.Parse(c.Proxy); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			d.wrong("proxy", say("want an address such as http://proxy:3128", "应为地址，如 http://proxy:3128"))
		}
	}
	for i, host := range c.AllowHosts {
		if host == "" || strings.ContainsAny(host, "/ @?#") {
			d.wrong(d.item("allowHosts", i), say("want a host such as oa.example.com", "应为主机名，如 oa.example.com"))
		}
	}
}
