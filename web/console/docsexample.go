package console

import (
	"net/http"
	"strings"
)

// A sample is how a shell asks a route, with values that the demo has. What is empty follows from the route.
type sampleCall struct {
	query string // behind the path
	body  string // JSON in one line; @ begins the name of a file
	from  string // asks for the id that the path needs, as {id}; jq reads it
	pick  string // what jq picks of it
	more  string // further arguments
}

// The values in paths: those of the demo.
var samplePath = map[string]string{
	"tenant": "714439", "name": "seeyon-hq", "preset": "seeyon-rest", "revision": "1", "todo": "67298f0c9b3c1a0001a2b3c4",
}

// ids say where the id of a path comes from, by the first word of the route.
var sampleIDs = map[string]sampleCall{
	"records":  {from: "/records?limit=1", pick: ".items[0].id"},
	"events":   {from: "/events?tenant=714439&limit=1", pick: ".items[0].id"},
	"jobs":     {from: "/jobs?limit=1", pick: ".items[0].id"},
	"digests":  {from: "/digests?limit=1", pick: ".items[0].id"},
	"rejected": {from: "/rejected?limit=1", pick: ".items[0].id"},
	"tokens":   {from: "/tokens?limit=1", pick: ".items[0].id"},
	"users":    {from: "/users?limit=1", pick: ".items[0].id"},
}

var sampleCalls = map[string]sampleCall{
	"listRecords":           {query: "?state=failed&limit=20"},
	"exportRecords":         {query: "?state=failed&format=csv", more: " -o failed.csv"},
	"streamRecords":         {query: "?tenant=714439", more: " -N --max-time 10"},
	"retryRecords":          {body: `{"tenant": "714439", "state": "failed", "dryRun": true}`},
	"cancelRecords":         {body: `{"tenant": "714439", "state": "held", "dryRun": true}`},
	"retryRecord":           {body: `{"rendering": "new"}`},
	"listEvents":            {query: "?tenant=714439&limit=20"},
	"publishEvent":          {body: "@examples/event.json"},
	"pushTodo":              {from: "/records?tenant=714439&connection=seeyon-hq&limit=1", pick: ".items[0].todo"},
	"backfillConnection":    {body: `{"dryRun": true}`},
	"listConnections":       {query: "?tenant=714439"},
	"sumConnections":        {query: "?tenant=714439"},
	"putConnection":         {body: "@connection.yaml"},
	"compareSettings":       {body: "@connection.yaml"},
	"putTenant":             {body: "@tenant.yaml"},
	"deleteConnection":      {query: "?cancelWaiting=true"},
	"putBinding":            {body: `{"user": "1002", "account": "han.meimei"}`},
	"deleteBinding":         {query: "?user=1002"},
	"importBindings":        {query: "?connection=seeyon-hq&dryRun=true", body: "@examples/bindings-seeyon.csv"},
	"render":                {body: `{"tenant": "714439", "name": "seeyon-hq", "scene": "create", "standIns": true}`},
	"tryConnection":         {body: `{"tenant": "714439", "name": "seeyon-hq", "mode": "dry", "scene": "create"}`},
	"validateSettings":      {body: `{"files": [{"name": "oa.yaml", "content": "kind: connection\ntenant: \"714439\"\nname: oa\n"}]}`},
	"applySettings":         {query: "?dryRun=true", body: `{"files": [{"name": "tenant.yaml", "content": "kind: tenant\ntenant: \"714439\"\n"}]}`},
	"editSettings":          {body: `{"content": "kind: connection\ntenant: \"714439\"\nname: oa\n", "changes": [{"path": ["title"], "value": "OA"}]}`},
	"draftConnection":       {body: `{"tenant": "714439", "name": "oa", "files": [{"name": "create.json", "content": "{\"title\": \"Quote\", \"userId\": \"u1\"}"}]}`},
	"exportSettings":        {query: "?tenant=714439"},
	"startConnection":       {body: `{"tenant": "714439", "name": "oa"}`},
	"testChannel":           {body: `{"tenant": "714439"}`},
	"resendDigest":          {body: `{}`},
	"listSecrets":           {query: "?tenant=714439"},
	"putSecret":             {body: `{"tenant": "714439", "name": "oa-password", "value": "a new value"}`},
	"deleteSecret":          {query: "?tenant=714439&name=oa-password"},
	"createToken":           {body: `{"name": "dashboard", "role": "viewer", "tenants": ["714439"]}`},
	"createUser":            {body: `{"name": "li.wei", "role": "operator", "tenants": ["714439"]}`},
	"changeUser":            {body: `{"language": "zh"}`},
	"changeMe":              {body: `{"language": "zh"}`},
	"changeMyPassword":      {body: `{"old": "the one of now", "password": "a few words of mine"}`},
	"redeemTicket":          {body: `{"ticket": "TICKET"}`},
	"widgetUser":            {body: `{"userId": "1002"}`},
	"rotateSignOnKeys":      {body: `{}`},
	"getStats":              {query: "?tenant=714439&step=1h"},
	"listFields":            {query: "?tenant=714439"},
	"listAudit":             {query: "?what=connection&limit=20"},
	"listUsers":             {query: "?role=admin"},
	"getMetrics":            {},
	"compareRevisions":      {},
	"listFailedLogIns":      {query: "?limit=20"},
	"listSignOns":           {query: "?tenant=714439"},
	"restoreRevision":       {},
	"restoreTenantRevision": {},
}

// curl is how a shell asks.
func (o *operation) curl(address string) string {
	const token = ` -H "Authorization: Bearer $TODOSYNC_TOKEN"`
	call, known := sampleCalls[o.ID]
	path, first := o.Path, ""
	for name, value := range samplePath {
		if name != "todo" || call.pick == "" {
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
	}
	if strings.Contains(path, "{") {
		ask := call
		if ask.from == "" {
			for word := range strings.SplitSeq(o.Path, "/") {
				if s, ok := sampleIDs[word]; ok {
					ask = s
				}
			}
		}
		before, _, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(path, "}")
		path = before + "$ID" + after
		first = "ID=$(curl -s" + token + " '" + address + "/api/v1" + ask.from + "' | jq -r '" + ask.pick + "')\n"
	}
	var b strings.Builder
	b.WriteString(first + "curl")
	if o.Method != http.MethodGet {
		b.WriteString(" -X " + o.Method)
	}
	if !strings.HasPrefix(o.Path, "/healthz") && !strings.HasPrefix(o.Path, "/readyz") {
		b.WriteString(token)
	}
	if o.Body != nil && (o.Body.Required || known && call.body != "") {
		types, _ := takes(o.Body.Content)
		kind := "application/json"
		if len(types) > 0 {
			kind = types[0]
		}
		b.WriteString(` -H "Content-Type: ` + kind + `"`)
		switch {
		case strings.HasPrefix(call.body, "@"):
			b.WriteString(" --data-binary " + call.body)
		case call.body != "":
			b.WriteString(" -d '" + call.body + "'")
		default:
			b.WriteString(" --data-binary @FILE")
		}
	}
	quote := "'"
	if first != "" {
		quote = `"`
	}
	b.WriteString(call.more + " " + quote + address + path + call.query + quote)
	return b.String()
}
