// Command crm-ticket shows how a CRM lets in who comes from an OA: it redeems the ticket that todosync sent the browser with, begins a session
// of its own, and shows what the todo is about.
//
//	go run ./examples/crm-ticket -todosync http://127.0.0.1:8080 -token TOKEN -listen 127.0.0.1:9000
//
// The tenant's settings name it: signOn: {crmLoginUrl: http://127.0.0.1:9000/login}. The token is made with
// `todosync token create crm --scope tickets:redeem --tenant T`.
//
// It is an example to copy. It is not for: keeping sessions over a restart, knowing records. Its one invariant: it goes where the redeemed
// ticket says, never where the address says.
//
// Callers: nothing imports it; a test of cmd/todosync runs it behind the real gateway.
package main
