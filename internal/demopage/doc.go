// Package demopage holds the pages by which a person tries the sign-on: Inbox plays the todo inbox of the simulated OAs, and CRM plays the
// CRM that the click leads to.
//
//	Inbox: an employee's todos -> click (oasim makes the proof) -> todosync's gateway -> CRM: ticket redeemed, session, the record
//
// The pages are in Chinese and English, fit a phone, load nothing from elsewhere and need no script.
//
// It is not for anything but `todosync demo` and `todosync simulate`: whoever opens the inbox may be any employee. How a real CRM redeems a
// ticket is shown in examples/.
//
// Its invariant: the CRM lets nobody in but by a ticket that Redeem has taken, and goes only to the target that the ticket was made for,
// never to one of the address.
//
// Callers: cmd/todosync.
package demopage
