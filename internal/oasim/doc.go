// Package oasim simulates the OA systems that todosync delivers to, in their own wire formats and with their own rules:
// Seeyon, Weaver (REST and SOAP), Landray (REST and SOAP), Yunzhijia, WeLink, Feishu, DingTalk, WeCom, and a generic one that says
// yes to anything.
//
// A Sim is an http.Handler. It keeps an inbox per account, hands out and takes back tokens, refuses in the vendor's words,
// and writes every call to a ledger, so that a test can say "nothing missing, nothing twice, the order kept". It follows
// what is known of each vendor, never what todosync sends; where nothing is known it takes the stricter reading, and the
// comment beside it says so.
//
// Failures are scripted. Reply answers the next calls, When and Always answer calls that match, Script takes the same as
// data. Only FailRate, meant for a person who watches the demo, is left to a seeded dice.
//
// What Config.User, Password and Apps stand for:
//
//	seeyon     REST account and its password; register codes
//	weaver     (OAuth 2 only); syscodes
//	landray    web-service account and its plain password (SOAP carries its MD5, REST Basic carries it plain); (unused)
//	yunzhijia  appId and its secret; further appIds
//	welink     client_id and client_secret; (unused)
//	feishu     app_id and app_secret; approval codes
//	dingtalk   appKey and appSecret; (unused)
//	wecom      corpid and corpsecret; agentids
//	oidc, and weaver's OAuth 2   client_id and client_secret
//
// Click plays an employee's click on a todo: it makes what this OA sends along with the browser (a one-time ticket, a signed link, a hash),
// and the simulator answers who asks about it. OIDC, CAS, Wialon and HelpCrunch do nothing else.
//
// Another process may look and script while `todosync simulate` runs:
//
//	GET    /_sim/todos[?account=A][&state=S]   {"vendor", "items": [Todo...]}, in the order of their creation
//	GET    /_sim/calls[?after=SEQ]             {"vendor", "arrived", "items": [Call...]}, in the order of their arrival
//	POST   /_sim/click                         {"account", "link"}: {"address"}, to be opened by a browser
//	POST   /_sim/script                        a Rule or an array of them; an empty match with steps is what Reply does
//	DELETE /_sim/script                        forgets what is left of the script
//
// For example: {"match": {"op": "create", "todo": "67298f0c"}, "steps": [{"do": "answer", "status": 503}, {"do": "lost"}]}.
//
// It is not a load generator, not a proof of what a vendor's next release does.
//
// Invariant: a call is in the ledger before any of its effects are in the inbox, and the inbox changes only while a call is
// being handled. Callers: tests, the commands simulate and demo. It imports nothing of todosync.
package oasim
