// Package api is the HTTP API under /api/v1, its description at /openapi.json, and the health pages.
//
// It holds no rule of the business and no state: each handler reads a request, asks one of the small interfaces of
// ports.go, and writes the answer. It is not for people with a browser (package web/console) and not for employees on
// their way into the CRM (package web/signon).
//
// Its invariant: every answer that is not 2xx is an RFC 9457 problem whose status comes from the one table in error.go, and says
// what to do; nothing that is not described in /openapi.json is taken, so an unknown query parameter is refused with
// the nearest right name.
//
//	a, err := api.New(api.Config{Auth: api.AdminToken(token), Version: v, Log: log, Records: db, Events: ..., ...})
//	srv := api.NewServer(a, a) // *http.Server with limits against slow and endless clients
//	go srv.Serve(listener)
//
// The routes; all lists are {"items": [...], "next": "..."}:
//
//	POST   /events                                    the event with tenant, kind, action -> 202 {sequence, duplicate}
//	GET    /events?tenant=&todo=&id=                  connector.EventStory
//	GET    /tenants/{t}/events/{id}                   the same of one, with its payload
//	GET    /records?FILTERS, /records/{id}            connector.Record
//	GET    /records/{id}/curl                         {number, command}: its requests as commands, secrets as variables
//	GET    /records/stream?FILTERS                    event: record, data: a Record; event: gap where some were left out
//	GET    /records/export?FILTERS&format=jsonl|csv   all that match, newest first
//	POST   /records/{id}/retry {rendering: new|old, confirmSucceeded}, /records/{id}/cancel   the record as it is then
//	GET    /records/{id}/retry                        {before, now, problem, difference}: what a retry would send
//	POST   /records/retry, /records/cancel            FILTERS in the query or the body; {name, dryRun} and as above -> a job
//	GET    /jobs, /jobs/{id}; POST /jobs/{id}/stop    a job: {id, name, kind, state, who, total, done, skipped, waiting, reasons, ...}
//	POST   .../connections/{name}/todos/{todo}/push {lost}      the records that it leads to
//	POST   .../connections/{name}/backfill {from, lost, name}   -> a job
//	GET    /tenants, GET, PUT /tenants/{tenant}       Saved; PUT takes a file (YAML or JSON), If-Match or If-None-Match: * -> SaveResult
//	GET    /connections?tenant=&health=&q=            ConnectionState; /connections/summary?worst=: {connections, health, worst, ...}
//	GET, PUT, DELETE /tenants/{t}/connections/{name}  as tenants; DELETE ?cancelWaiting=true&withdraw=true
//	POST   .../connections/{name}/pause, /resume      ConnectionState
//	GET    .../connections/{name}/revisions           Revision with what it changed; also below /tenants/{t}, as the next three
//	GET    .../revisions/{revision}                   Saved as it was then
//	GET    .../revisions/{revision}/diff?with=        {revision, with, changed, diff}: compared with the one before
//	POST   .../revisions/{revision}/restore           SaveResult of a new revision; takes If-Match
//	POST   /apply {files: [{name, content}], force}   all or nothing -> {items: [SaveResult]}
//	GET    /export?tenant=&connection=                YAML documents
//	POST   /validate {files: [{name, content}]}       {valid, problems: [{file, line, column, path, message, warning}]}
//	POST   /render {connection | tenant+name, revision, scene, event | eventId, receiver, bindings, explain}
//	POST   /try {connection | tenant+name, mode: live|dry|auth, scene, event | eventId, receiver, bindings, todo | keepId}
//	POST   /draft {files, from, tenant, name, scene, operation}   {connection, guesses, decisions, secrets, valid, problems}
//	POST   /edit {content, changes: [{path, value}]}  the file with members changed, {content, source, places, problems, settings, secrets}
//	POST   .../connections/{name}/compare {content}   {revision, savedBy, changed, diff}: what a file would change
//	GET    /presets, /presets/{preset}; POST /presets/{preset}/connection {tenant, name, title, variables}   a file to begin with
//	GET    /fields?tenant=&connection=                the catalogue of placeholders
//	GET    .../connections/{name}/bindings?q=&format=csv; PUT one Binding; DELETE ?user=
//	GET    .../connections/{name}/unbound             UnboundUser
//	POST   /tenants/{t}/bindings/import?dryRun=true&connection=   a CSV file -> ImportReport
//	GET    /rejected?tenant=, /rejected/{id}          connector.RejectedEvent
//	POST   /rejected/{id}/replay                      connector.EventStory
//	GET    /digests?tenant=&from=&to=, /digests/{id}  notify.Kept: a digest with its channels' outcomes
//	POST   /digests/{id}/resend {channel}             the digest as it is then
//	POST   /digests/test {tenant, channel}            ChannelTest
//	GET    /tenants/{t}/webhook-key                   {tenant, key}
//	GET    /secrets?tenant=; PUT {tenant, name, value}; DELETE ?tenant=&name=
//	GET    /users?name=&role=&tenant=; POST; GET, PUT, DELETE /users/{id or name}; POST .../unlock; GET, DELETE .../sessions
//	GET    /me; PUT {email, mobile, language}; PUT /me/password {old, password}; GET, DELETE /me/sessions
//	GET    /stats?tenant=&connection=&from=&to=&step=&most=  Stats; with a span or a step a SeriesView as well
package api
