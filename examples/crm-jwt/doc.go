// Command crm-jwt shows how a CRM lets in who comes from an OA where the tenant's settings say signOn: {ticket: EdDSA} or HS256: it checks the JWT
// itself, without asking todosync about each.
//
//	go run ./examples/crm-jwt -todosync https://todo.example.com -audience https://crm.example.com/login -listen 127.0.0.1:9000
//	go run ./examples/crm-jwt -todosync https://todo.example.com -audience https://crm.example.com/login -secret-file hs256.txt
//
// What a check must hold to: the algorithm is the one that was agreed on, never the one that the token names; the key is one of todosync's own
// (/.well-known/jwks.json, asked again when a kid is new) and no address of the token; type, issuer, audience and time are right; and each jti
// is good once, so it is kept until the token has run out. A CRM of several servers keeps the jti in what they share, or redeems the JWT
// at POST /api/v1/tickets/redeem instead, as examples/crm-ticket does.
//
// It is an example to copy. It is not for: other tokens than todosync's tickets. Its one invariant: what Check accepts was signed by
// todosync for this CRM, within a minute, and not accepted before.
//
// Callers: nothing imports it; a test of cmd/todosync runs it behind the real gateway.
package main
