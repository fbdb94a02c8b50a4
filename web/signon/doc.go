// Package signon lets an employee who clicks a todo in the OA into the CRM, and nobody else.
//
// A browser comes to an address of ours with whatever its OA sends along. The Gateway finds out from the OA who that is (a signed link, or
// a ticket that the OA itself is asked about), finds the CRM user by the binding, and sends the browser to the tenant's CRM with a ticket
// that is good once and for a minute:
//
//	address -> Place -> proof -> account -> binding -> Admit (proof used, ticket, log: one commit) -> 303 to the CRM
//
// Who is not let in sees a page that says why in words an employee understands, with a number under which the sign-on log says everything.
//
// Its invariants: a proof and a ticket are good once, on all workers together; a request goes to no address that a browser brought, only to
// those of the connection's settings; a redirect leads nowhere but to the tenant's CRM; a wrong user and a wrong signature look the same from
// outside; no ticket, secret or query stands in a log.
//
// It is not for: redeeming tickets and showing the log (web/api), keeping them (store), HTTP to the OA (connector.Worker).
//
// cmd/todosync mounts the Gateway beside the API.
package signon
